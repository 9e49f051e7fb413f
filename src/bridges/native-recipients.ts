/**
 * Who a native address is to a bridge: a user of a domain that is served here, found in its own tables, or one elsewhere, found as a
 * client finds them. wire-spec/bridges.md section 4.
 */
import type { Users } from '../directory/users.ts';
import type { Clock } from '../clock.ts';
import { codeOf } from '../errors.ts';
import type { DomainKeys } from '../keys/domain-keys.ts';
import { addressHash } from '../keys/fingerprints.ts';
import { publicHalf, type PublishedKey } from '../keys/published-key.ts';
import { keysToWriteTo, verifyInnerRecord, type VerifiedRecord } from '../keys/user-record.ts';
import type { AliasStore } from '../store/api/aliases.ts';
import type { ListedStore } from '../store/api/listed.ts';
import type { User, UserStore } from '../store/api/users.ts';
import { formatAddress, splitAddress } from '../wire/address.ts';

/** All that a message to a native user needs. */
export interface NativeRecipient {
  /** The address that the message is sealed for: the user's own, or that of an alias with a record. */
  readonly address: string;
  readonly identityFingerprint: Uint8Array;
  readonly recordFingerprint: Uint8Array;
  readonly addressing: PublishedKey;
  readonly sealing: PublishedKey;
  readonly domain: {
    readonly domain: string;
    readonly keys: readonly PublishedKey[];
    readonly bucketBits: number;
  };
  /** Whether the domain is served here. */
  readonly local: boolean;
}

export type FoundRecipient =
  | { readonly kind: 'native'; readonly recipient: NativeRecipient }
  /** Nobody here has the address, or nobody natively elsewhere. */
  | { readonly kind: 'unknown' }
  /** Their mail goes by SMTP. */
  | { readonly kind: 'legacy' }
  | { readonly kind: 'later'; readonly code: string };

export interface NativeRecipientsParts {
  readonly keysOf: (domain: string) => DomainKeys | undefined;
  readonly users: Pick<UserStore, 'get'>;
  readonly aliases: Pick<AliasStore, 'get'>;
  readonly listed: Pick<ListedStore, 'watch'>;
  readonly bucketBits: (domain: string) => Promise<number>;
  /** Users elsewhere. */
  readonly directory: Pick<Users, 'user'>;
  readonly clock: Clock;
}

export interface NativeRecipients {
  /** `address`: canonical. Throws `storage_failed` only. */
  find(address: string): Promise<FoundRecipient>;
}

/** Local users whose record is remembered verified, and for how long, in seconds. */
const remembered = 10_000;
const rememberedFor = 60;

interface Remembered {
  readonly found: FoundRecipient;
  readonly keys: DomainKeys;
  readonly until: number;
}

export function createNativeRecipients(parts: NativeRecipientsParts): NativeRecipients {
  const { keysOf, users, aliases, listed, bucketBits, directory, clock } = parts;
  const known = new Map<string, Remembered>();
  let changes = 0;
  // Which addresses of a user a change shows in is not worth knowing: it is rare.
  listed.watch(() => {
    changes++;
    known.clear();
  });

  async function local(keys: DomainKeys, address: string): Promise<FoundRecipient> {
    const now = clock.seconds();
    const before = known.get(address);
    if (before !== undefined && before.keys === keys && before.until > now) return before.found;
    const seen = changes;
    const found = await read(keys, address);
    if (known.size >= remembered) known.clear();
    if (seen === changes) known.set(address, { found, keys, until: now + rememberedFor });
    return found;
  }

  async function read(keys: DomainKeys, address: string): Promise<FoundRecipient> {
    const { domain } = keys;
    const hash = addressHash(address);
    const user = await users.get(domain, hash);
    if (user !== undefined && user.gone === undefined)
      return await ofUser(keys, address, hash, user, user.record);
    const alias = await aliases.get(domain, hash);
    const owner =
      alias === undefined || alias.gone !== undefined ? undefined : await users.get(domain, alias.user);
    if (alias === undefined || owner === undefined || owner.gone !== undefined) return { kind: 'unknown' };
    // Until the user's client signed for the alias, what comes to it goes to the user.
    const { local: name, record } = alias;
    return record === undefined
      ? await ofUser(keys, formatAddress({ local: owner.local, domain }), alias.user, owner, owner.record)
      : await ofUser(keys, formatAddress({ local: name, domain }), hash, owner, record);
  }

  async function ofUser(
    keys: DomainKeys,
    address: string,
    hash: Uint8Array,
    { status, held }: User,
    inner: Uint8Array | undefined,
  ): Promise<FoundRecipient> {
    if (inner === undefined || held === true) return { kind: 'unknown' };
    if (status === 'suspended') return { kind: 'later', code: 'unavailable' };
    const now = clock.seconds();
    try {
      const record = verifyInnerRecord(inner, { domain: keys.domain, addressHash: hash, now });
      const domain = {
        domain: keys.domain,
        keys: keys.keys.filter(({ use }) => use === 'envelope').map(publicHalf),
        bucketBits: await bucketBits(keys.domain),
      };
      return { kind: 'native', recipient: { ...recipientOf(address, record, now), domain, local: true } };
    } catch (error) {
      return later(error);
    }
  }

  async function elsewhere(address: string): Promise<FoundRecipient> {
    const outcome = await directory.user(address);
    if (outcome.kind === 'changed') return { kind: 'later', code: 'trust_changed' };
    if (outcome.kind === 'later') return { kind: 'later', code: outcome.reason };
    // Nobody signed that they are gone: what is for them must not leave in clear text.
    if (outcome.kind === 'unknown' && outcome.pinned === true)
      return { kind: 'later', code: 'pinned_native' };
    if (outcome.kind === 'none' || outcome.kind === 'unknown') return { kind: 'unknown' };
    if (outcome.kind === 'legacy') return outcome;
    if (outcome.domain.leaving) return { kind: 'unknown' };
    try {
      const { domain, keys, bucketBits: bits } = outcome.domain.record;
      const recipient = recipientOf(address, outcome.user, clock.seconds());
      return {
        kind: 'native',
        recipient: { ...recipient, domain: { domain, keys, bucketBits: bits }, local: false },
      };
    } catch (error) {
      return later(error);
    }
  }

  return {
    async find(address) {
      const keys = keysOf(splitAddress(address).domain);
      if (keys === undefined) return await elsewhere(address);
      return keys.gone === undefined ? await local(keys, address) : { kind: 'unknown' };
    },
  };
}

function recipientOf(
  address: string,
  record: Pick<VerifiedRecord, 'identityFingerprint' | 'recordFingerprint' | 'keys'>,
  now: number,
) {
  const { identityFingerprint, recordFingerprint } = record;
  return { address, identityFingerprint, recordFingerprint, ...keysToWriteTo(record, now) };
}

/** Their record does not hold now; throws what is no fault of it. */
function later(error: unknown): FoundRecipient {
  const code = codeOf(error);
  if (code === 'internal' || code === 'storage_failed') throw error;
  return { kind: 'later', code };
}
