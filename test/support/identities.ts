/** Domains and users with keys and verified records, from a fixed seed: the same in every run. */
import { sha256 } from '../../src/crypto/kdf.ts';
import type { Random } from '../../src/crypto/random.ts';
import { createDomainKeys, type DomainKeys } from '../../src/keys/domain-keys.ts';
import { signDomainRecord, verifyDomainRecord, type VerifiedDomain } from '../../src/keys/domain-record.ts';
import { addressHash } from '../../src/keys/fingerprints.ts';
import { signObject } from '../../src/keys/sign1.ts';
import type { KeyPair } from '../../src/keys/key-pair.ts';
import { signListing, verifyListing, type VerifiedUser } from '../../src/keys/user-answer.ts';
import { createUserKeys, type UserKeys } from '../../src/keys/user-keys.ts';
import { signUserRecord } from '../../src/keys/user-record.ts';
import { decode, encode, type Schema } from '../../src/wire/schema.ts';
import { decodeSign1 } from '../../src/wire/sign1.ts';
import type { Purpose } from '../../src/wire/registry.ts';

/** 2026-11-21, some time in the morning. */
export const now = 1_795_233_600;

/** An endless stream of bytes that depends on the seed alone. */
export function seededRandom(seed: string): Random {
  let counter = 0;
  const start = new TextEncoder().encode(seed);
  return (length) => {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 32, counter++)
      bytes.set(sha256(start, Uint8Array.of(counter >> 8, counter & 255)).subarray(0, length - at), at);
    return bytes;
  };
}

export interface TestDomain {
  readonly keys: DomainKeys;
  readonly record: Uint8Array;
  readonly verified: VerifiedDomain;
}

export function makeDomain(domain: string, seed = domain): TestDomain {
  const { keys } = createDomainKeys(domain, now, seededRandom(seed));
  const record = signDomainRecord({ keys, serial: now, contact: `abuse@${domain}`, now });
  return {
    keys,
    record,
    verified: verifyDomainRecord(record, { domain, fingerprints: [keys.fingerprint], now }),
  };
}

export interface TestUser {
  readonly address: string;
  readonly keys: UserKeys;
  readonly inner: Uint8Array;
  readonly listing: Uint8Array;
  readonly verified: VerifiedUser;
}

export function makeUser(home: TestDomain, local: string, seed = local): TestUser {
  const { domain } = home.keys;
  const address = `${local}@${domain}`;
  const keys = createUserKeys(domain, seededRandom(`${seed} of ${domain}`), now);
  const inner = signUserRecord({ keys, address, serial: now, now });
  const listing = signListing({ keys: home.keys, addressHash: addressHash(address), inner, now });
  return { address, keys, inner, listing, verified: verifyListing(listing, home.verified, address, now) };
}

/** A signed object with some fields of its payload changed, signed anew by the given key: what a bad signer would make. */
export function resign<T extends object>(
  schema: Schema<T>,
  signed: Uint8Array,
  changes: Partial<T>,
  by: { readonly purpose: Purpose; readonly domain: string; readonly key: KeyPair },
): Uint8Array {
  const payload = { ...decode(schema, decodeSign1(signed).payload), ...changes };
  return signObject(by.purpose, by.domain, by.key.id, by.key.secret, encode(schema, payload));
}

/** The same bytes but for one bit, by default in the last byte. */
export function flipped(bytes: Uint8Array, at = bytes.length - 1): Uint8Array {
  const copy = bytes.slice();
  copy[at]! ^= 1;
  return copy;
}

/** The key pair of a use. */
export function keyOf(keys: { readonly keys: readonly KeyPair[] }, use: KeyPair['use']): KeyPair {
  const key = keys.keys.find((candidate) => candidate.use === use);
  if (key === undefined) throw new Error(`no ${use} key`);
  return key;
}

/** The code of what a function throws, `no error` where it does not. */
export function thrown(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return 'no error';
}

/** As `thrown`, for what a promise is rejected with. */
export async function rejected(action: Promise<unknown>): Promise<string> {
  try {
    await action;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return 'no error';
}
