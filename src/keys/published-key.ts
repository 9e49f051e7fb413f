/** Key entries of records: the public side of wire-spec/keys.md section 1. */
import { assertX25519Public } from '../crypto/dh.ts';
import { constantTimeEqual } from '../crypto/secret.ts';
import { assertEd25519Public } from '../crypto/sign.ts';
import { assertXwingPublic } from '../crypto/xwing.ts';
import { BeckonError } from '../errors.ts';
import type { KeyEntry } from '../wire/keys.ts';
import {
  keyStatuses,
  keyUses,
  suites,
  type KeyStatus,
  type KeyUse,
  type SuiteName,
} from '../wire/registry.ts';
import { keyId } from './fingerprints.ts';
import { inLife, suiteOfUse, type KeyPair } from './key-pair.ts';

/** A key entry that passed the checks of wire-spec/keys.md section 1. */
export interface PublishedKey {
  readonly id: Uint8Array;
  readonly use: KeyUse;
  readonly suite: SuiteName;
  readonly key: Uint8Array;
  readonly status: KeyStatus;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly revokedAt?: number;
}

const assertPublic: Readonly<Record<SuiteName, (key: Uint8Array) => void>> = {
  ed25519: assertEd25519Public,
  x25519: assertX25519Public,
  xwing: assertXwingPublic,
};

/** The entry that publishes a key pair. */
export function publishKey(pair: KeyPair): KeyEntry {
  return entryOf(publicHalf(pair));
}

/** What others may know of a key pair. */
export function publicHalf(pair: KeyPair): PublishedKey {
  const { id, use, suite, publicKey: key, status, notBefore, notAfter, revokedAt } = pair;
  const half = { id, use, suite, key, status, notBefore, notAfter };
  return revokedAt === undefined ? half : { ...half, revokedAt };
}

/** The entry of a public key. */
export function entryOf(key: PublishedKey): KeyEntry {
  return {
    id: key.id,
    use: keyUses[key.use],
    suite: suites[key.suite],
    key: key.key,
    status: keyStatuses[key.status],
    notBefore: key.notBefore,
    notAfter: key.notAfter,
    ...(key.revokedAt === undefined ? {} : { revokedAt: key.revokedAt }),
  };
}

/**
 * The entries of the given uses that hold up; the others are left out, as wire-spec/keys.md section 1 says: wrong id, invalid key,
 * unknown use, suite or status, or a use that does not belong into this list.
 */
export function readKeyEntries(
  entries: readonly KeyEntry[],
  domain: string,
  uses: readonly KeyUse[],
): readonly PublishedKey[] {
  return entries.flatMap((entry) => readKeyEntry(entry, domain, uses) ?? []);
}

function readKeyEntry(entry: KeyEntry, domain: string, uses: readonly KeyUse[]): PublishedKey | undefined {
  const use = uses.find((name) => keyUses[name] === entry.use);
  const status = (Object.keys(keyStatuses) as KeyStatus[]).find((name) => keyStatuses[name] === entry.status);
  if (use === undefined || status === undefined) return undefined;
  const suite = suiteOfUse[use];
  if (suites[suite] !== entry.suite || !isPublic(suite, entry.key)) return undefined;
  if (!constantTimeEqual(entry.id, keyId(domain, use, entry.key))) return undefined;
  const { id, key, notBefore, notAfter, revokedAt } = entry;
  const published = { id, use, suite, key, status, notBefore, notAfter };
  return revokedAt === undefined ? published : { ...published, revokedAt };
}

function isPublic(suite: SuiteName, key: Uint8Array): boolean {
  try {
    assertPublic[suite](key);
    return true;
  } catch (error) {
    if (error instanceof BeckonError) return false;
    throw error;
  }
}

/** The key of a record to make new objects for: the newest active one of the use. Throws `key_not_active` without one. */
export function usableKey(
  record: { readonly keys: readonly PublishedKey[] },
  use: KeyUse,
  now: number,
): PublishedKey {
  const candidates = record.keys.filter(
    (key) => key.use === use && key.status === 'active' && inLife(key, now),
  );
  const newest = candidates.sort((a, b) => b.notBefore - a.notBefore)[0];
  if (newest === undefined)
    throw new BeckonError('key_not_active', 'the record has no active key of this use');
  return newest;
}

/** The key with an id. Throws `key_unknown`. */
export function namedKey(keys: readonly PublishedKey[], id: Uint8Array): PublishedKey {
  const key = keys.find((candidate) => constantTimeEqual(candidate.id, id));
  if (key === undefined) throw new BeckonError('key_unknown', 'the object names a key that is not published');
  return key;
}

/** Throws `key_not_active` unless the key is active now: what records are signed with. */
export function expectActive(key: PublishedKey, now: number): void {
  if (key.status !== 'active' || !inLife(key, now))
    throw new BeckonError('key_not_active', 'the key named is not active');
}

/**
 * Throws `key_not_active` unless an object made at `made` may be verified with the key: active or retired now, or revoked only
 * after the object was made.
 */
export function expectVerifying(key: PublishedKey, made: number, now: number): void {
  const standing =
    key.status === 'active' ||
    key.status === 'retired' ||
    (key.status === 'revoked' && key.revokedAt !== undefined && made < key.revokedAt);
  if (!standing || !inLife(key, now))
    throw new BeckonError('key_not_active', 'the key named does not verify what was made then');
}
