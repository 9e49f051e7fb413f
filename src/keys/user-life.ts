/**
 * The life of a user's keys and records: when they rotate and what a rotated record lists, wire-spec/keys.md section 5. One place for
 * clients and for the decoys of a domain (section 8), so that nothing tells one's records from the other's.
 */
import type { Random } from '../crypto/random.ts';
import { times } from '../wire/registry.ts';
import { createKeyPair, type KeyPair } from './key-pair.ts';
import type { UserKeys } from './user-keys.ts';

/** In seconds: the rotation after a record of the time `made`. `draw`: 4 bytes as a number, drawn anew for each rotation. */
export function nextRotation(made: number, draw: number): number {
  return made + times.userKeyRotation + partOf(times.userKeyRotationSpread, draw);
}

/** `draw` of 2^32 parts of a whole number below 2^21, rounded down: exact, so that every implementation has the same second. */
export function partOf(whole: number, draw: number): number {
  return Math.floor((whole * draw) / 2 ** 32);
}

/** The same identity with fresh addressing and sealing keys; `random` is asked for 32 bytes each, in this order. */
export function rotateUserKeys(keys: UserKeys, random: Random, now: number): UserKeys {
  const { domain } = keys;
  const life = { notBefore: now, notAfter: now + times.userRecordValidity };
  const fresh = [
    createKeyPair(domain, 'addressing', random, life),
    createKeyPair(domain, 'sealing', random, life),
  ];
  return { ...keys, keys: [...fresh, ...retiredKeys(keys.keys, now)] };
}

/**
 * After theft: the same identity with fresh addressing and sealing keys, and all older ones revoked from `now` on. Their private parts open
 * what was written before. `random` as for `rotateUserKeys`.
 */
export function revokeUserKeys(keys: UserKeys, random: Random, now: number): UserKeys {
  const rotated = rotateUserKeys(keys, random, now);
  return {
    ...rotated,
    keys: rotated.keys.map((key) => (key.status === 'retired' ? revoked(key, now) : key)),
  };
}

function revoked(key: KeyPair, now: number): KeyPair {
  return { ...key, status: 'revoked', revokedAt: now };
}

/** Whether a key pair opens nothing any more and is to be erased. */
export function isForgotten(
  { status, notAfter }: Pick<KeyPair, 'status' | 'notAfter'>,
  now: number,
): boolean {
  return (status === 'retired' || status === 'revoked') && notAfter <= now;
}

/** What is left of older keys: active ones are retired, ended ones go, the order stays. */
function retiredKeys(keys: readonly KeyPair[], now: number): readonly KeyPair[] {
  return keys
    .map((key) => (key.status === 'active' ? retiredKey(key, now) : key))
    .filter(({ notAfter }) => notAfter > now);
}

function retiredKey(key: KeyPair, now: number): KeyPair {
  return { ...key, status: 'retired', notAfter: now + times.retiredUserKey };
}
