/** The private side of a user: made by the client, only the public parts leave it. wire-spec/keys.md section 5. */
import type { Random } from '../crypto/random.ts';
import { times } from '../wire/registry.ts';
import { identityFingerprint } from './fingerprints.ts';
import { createKeyPair, endOfTime, type KeyPair } from './key-pair.ts';

export interface UserKeys {
  readonly domain: string;
  readonly identity: KeyPair;
  readonly identityFingerprint: Uint8Array;
  /** Addressing and sealing key pairs. */
  readonly keys: readonly KeyPair[];
}

/** Fresh keys for a user of a domain. `random` is asked for 32 bytes each: identity, addressing, sealing. */
export function createUserKeys(domain: string, random: Random, now: number): UserKeys {
  const identity = createKeyPair(domain, 'userIdentity', random, { notBefore: now, notAfter: endOfTime });
  const life = { notBefore: now, notAfter: now + times.userRecordValidity };
  return {
    domain,
    identity,
    identityFingerprint: identityFingerprint(identity.publicKey),
    keys: [createKeyPair(domain, 'addressing', random, life), createKeyPair(domain, 'sealing', random, life)],
  };
}

/** The key pair by which a device signs its account requests; `random` is asked once. wire-spec/account.md section 2. */
export function createDeviceKey(domain: string, random: Random, now: number): KeyPair {
  return createKeyPair(domain, 'device', random, { notBefore: now, notAfter: endOfTime });
}
