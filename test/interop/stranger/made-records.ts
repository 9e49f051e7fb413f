/** keys.md: records made and signed. */
import type { Bytes } from './cbor.ts';
import { asFields, encode, encodeFields } from './cbor.ts';
import { active, addressHash, domainOf, keyId, suiteOfUse, use } from './keys.ts';
import type { Signer } from './primitives.ts';
import { context, ed25519Public, sha256, sign } from './primitives.ts';

export interface OwnKey {
  readonly use: number;
  readonly key: Uint8Array;
}

function entry(domain: string, own: OwnKey, from: number, until: number): Map<number, unknown> {
  const id = keyId(domain, own.use, own.key);
  return asFields(
    new Map<number, unknown>([
      [1, id],
      [2, own.use],
      [3, suiteOfUse.get(own.use)],
      [4, own.key],
      [5, active],
      [6, from],
      [7, until],
    ]),
  );
}

export function makeUserRecord(
  address: string,
  identitySeed: Uint8Array,
  keys: readonly OwnKey[],
  now: number,
): Bytes {
  const domain = domainOf(address);
  const identityKey = ed25519Public(identitySeed);
  const until = now + 34560000;
  const record = encodeFields({
    1: domain,
    2: addressHash(address),
    3: identityKey,
    4: keys.map((key) => entry(domain, key, now, until)),
    5: now,
    6: until,
    7: now,
    10: new Map(),
    11: 0,
  });
  return sign(
    { seed: identitySeed, keyId: keyId(domain, use.userIdentity, identityKey) },
    'user record',
    domain,
    record,
  );
}

export function makeDomainRecord(
  domain: string,
  identitySeed: Uint8Array,
  signer: Signer,
  keys: readonly OwnKey[],
  now: number,
): Bytes {
  const identityKey = ed25519Public(identitySeed);
  const until = now + 34560000;
  const mandate = encodeFields({
    1: domain,
    2: now,
    3: identityKey,
    4: [entry(domain, { use: use.domainSigning, key: ed25519Public(signer.seed) }, now, until)],
    5: [],
    6: sha256(context('recovery', new Uint8Array(32).fill(9))),
    7: 0,
    8: now,
  });
  const identity = { seed: identitySeed, keyId: keyId(domain, use.domainIdentity, identityKey) };
  const record = encodeFields({
    1: domain,
    2: now,
    3: sign(identity, 'mandate', domain, mandate),
    4: keys.map((key) => entry(domain, key, now, until)),
    5: now,
    6: now + 604800,
    7: `abuse@${domain}`,
    8: new Map(),
    9: 0,
    10: new Map(),
  });
  return sign(signer, 'domain record', domain, record);
}

export function makeListing(
  domain: string,
  address: string,
  inner: Uint8Array,
  signer: Signer,
  now: number,
): Bytes {
  const listing = encodeFields({
    1: domain,
    2: addressHash(address),
    3: inner,
    4: 0,
    5: now,
    6: now + 604800,
    7: false,
  });
  return encode(
    new Map<number, unknown>([
      [1, sign(signer, 'user listing', domain, listing)],
      [3, []],
    ]),
  );
}
