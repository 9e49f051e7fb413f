/**
 * Who plays in the cases: the domains alpha.test and beta.test with Alice and Bob, their keys and records. Everything but
 * X-Wing public keys is made by `reference.ts`.
 */
import { xwingPublic } from '../../src/crypto/xwing.ts';
import { keyStatuses, keyUses, suites, type KeyUse, type SuiteName } from '../../src/wire/registry.ts';
import { now } from './cases.ts';
import { encode, map, type Node } from './encode.ts';
import { seeded } from './random.ts';
import { ctx, ed25519Public, keyId, sha256, sign1, x25519Public } from './reference.ts';

const day = 86_400;

export interface Key {
  readonly use: KeyUse;
  readonly suite: SuiteName;
  readonly secret: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly id: Uint8Array;
}

const suiteOf: Readonly<Record<string, SuiteName>> = {
  notification: 'x25519',
  poll: 'x25519',
  addressing: 'x25519',
  envelope: 'xwing',
  sealing: 'xwing',
  bridge: 'xwing',
};
const publicOf = { ed25519: ed25519Public, x25519: x25519Public, xwing: xwingPublic };

/** The key of a domain or user for a use; `label` tells several apart. */
export function keyFor(domain: string, use: KeyUse, label = domain): Key {
  const suite = suiteOf[use] ?? 'ed25519';
  const secret = seeded(`key ${label} ${use}`)(32);
  const publicKey = publicOf[suite](secret);
  return { use, suite, secret, publicKey, id: keyId(domain, keyUses[use], publicKey) };
}

/** Label to item; undefined leaves a field out. */
export type Fields = Readonly<Record<number, Node | undefined>>;

/** A map of labels, rising. */
export function recordNode(fields: Fields): Node {
  const present = Object.entries(fields).flatMap(([label, item]) =>
    item === undefined ? [] : [[Number(label), item] as const],
  );
  return map(...present.sort(([a], [b]) => a - b));
}

/** A key entry, active for 400 days from now on; `over` replaces fields. */
export function entryOf(key: Key, over: Fields = {}): Node {
  return recordNode({
    1: key.id,
    2: keyUses[key.use],
    3: suites[key.suite],
    4: key.publicKey,
    5: keyStatuses.active,
    6: now - 10 * day,
    7: now + 390 * day,
    ...over,
  });
}

export interface DomainCast {
  readonly domain: string;
  readonly identity: Key;
  readonly signing: Key;
  readonly notification: Key;
  readonly envelope: Key;
  readonly poll: Key;
  readonly fingerprint: Uint8Array;
}

function castOf(domain: string): DomainCast {
  const identity = keyFor(domain, 'domainIdentity');
  return {
    domain,
    identity,
    signing: keyFor(domain, 'domainSigning'),
    notification: keyFor(domain, 'notification'),
    envelope: keyFor(domain, 'envelope'),
    poll: keyFor(domain, 'poll'),
    fingerprint: sha256(identity.publicKey),
  };
}

export const alpha = castOf('alpha.test');
export const beta = castOf('beta.test');

/** Who signs, and what for, where that is not as it should be. */
export interface Signing {
  readonly key?: Key;
  readonly id?: Uint8Array;
  readonly purpose?: string;
  readonly boundTo?: string;
}

function signedBy(purpose: string, domain: string, key: Key, payload: Node, over: Signing): Uint8Array {
  const by = over.key ?? key;
  return sign1(over.purpose ?? purpose, over.boundTo ?? domain, over.id ?? by.id, by.secret, encode(payload))
    .encoded;
}

/** The signed mandate of a domain, ten days old. */
export function mandateOf(cast: DomainCast, over: Fields = {}, signing: Signing = {}): Uint8Array {
  const recovery = keyFor(cast.domain, 'recovery').publicKey;
  const payload = recordNode({
    1: cast.domain,
    2: now - 10 * day,
    3: cast.identity.publicKey,
    4: [entryOf(cast.signing)],
    5: [],
    6: sha256(ctx('recovery', recovery)),
    7: 0,
    8: now - 10 * day,
    ...over,
  });
  return signedBy('mandate', cast.domain, cast.identity, payload, signing);
}

/** The signed record of a domain, made an hour ago. */
export function domainRecordOf(cast: DomainCast, over: Fields = {}, signing: Signing = {}): Uint8Array {
  const payload = recordNode({
    1: cast.domain,
    2: now - 3600,
    3: mandateOf(cast),
    4: [cast.notification, cast.envelope, cast.poll].map((key) => entryOf(key)),
    5: now - 3600,
    6: now - 3600 + 7 * day,
    7: `abuse@${cast.domain}`,
    8: recordNode({ 1: 1000 }),
    9: 0,
    10: map(),
    ...over,
  });
  return signedBy('domain record', cast.domain, cast.signing, payload, signing);
}

export interface UserCast {
  readonly address: string;
  readonly local: string;
  readonly domain: string;
  readonly addressHash: Uint8Array;
  readonly identity: Key;
  readonly addressing: Key;
  readonly sealing: Key;
  readonly fingerprint: Uint8Array;
}

function userOf(local: string, domain: string): UserCast {
  const address = `${local}@${domain}`;
  const identity = keyFor(domain, 'userIdentity', address);
  return {
    address,
    local,
    domain,
    addressHash: sha256(ctx('address', address)),
    identity,
    addressing: keyFor(domain, 'addressing', address),
    sealing: keyFor(domain, 'sealing', address),
    fingerprint: sha256(ctx('identity', identity.publicKey)),
  };
}

export const alice = userOf('alice', 'alpha.test');
export const bob = userOf('bob', 'beta.test');

/** The signed inner record of a user, two hours old. */
export function userRecordOf(user: UserCast, over: Fields = {}, signing: Signing = {}): Uint8Array {
  const payload = recordNode({
    1: user.domain,
    2: user.addressHash,
    3: user.identity.publicKey,
    4: [user.addressing, user.sealing].map((key) => entryOf(key)),
    5: now - 7200,
    6: now - 7200 + 400 * day,
    7: now - 7200,
    10: map(),
    11: 0,
    ...over,
  });
  return signedBy('user record', user.domain, user.identity, payload, signing);
}

/** The signed listing of a user by its domain, made an hour ago. */
export function listingOf(
  cast: DomainCast,
  user: UserCast,
  over: Fields = {},
  signing: Signing = {},
): Uint8Array {
  const payload = recordNode({
    1: cast.domain,
    2: user.addressHash,
    3: userRecordOf(user),
    4: 0,
    5: now - 3600,
    6: now - 3600 + 7 * day,
    7: false,
    ...over,
  });
  return signedBy('user listing', cast.domain, cast.signing, payload, signing);
}

/** The signed "by mail" of a domain for an address. */
export function byMailOf(
  cast: DomainCast,
  addressHash: Uint8Array,
  over: Fields = {},
  signing: Signing = {},
): Uint8Array {
  const payload = recordNode({
    1: cast.domain,
    2: addressHash,
    3: now - 3600,
    4: now - 3600 + 7 * day,
    ...over,
  });
  return signedBy('by mail', cast.domain, cast.signing, payload, signing);
}
