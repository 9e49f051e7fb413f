/** Key pairs and how they are chosen: the private side of wire-spec/keys.md section 1. */
import { x25519Public } from '../crypto/dh.ts';
import type { Random } from '../crypto/random.ts';
import { Secret, constantTimeEqual } from '../crypto/secret.ts';
import { ed25519Public } from '../crypto/sign.ts';
import { xwingPublic } from '../crypto/xwing.ts';
import { BeckonError } from '../errors.ts';
import { times, type KeyStatus, type KeyUse, type SuiteName } from '../wire/registry.ts';
import { keyId } from './fingerprints.ts';

export interface KeyPair {
  /** 8 bytes. */
  readonly id: Uint8Array;
  readonly use: KeyUse;
  readonly suite: SuiteName;
  /** 32 bytes: the Ed25519 seed, the X25519 scalar or the X-Wing seed. */
  readonly secret: Secret;
  readonly publicKey: Uint8Array;
  readonly status: KeyStatus;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly revokedAt?: number;
}

/** Length of every private key, in bytes. */
export const secretLength = 32;
/** The not-after of a key that has none: the last time that the wire can say. */
export const endOfTime = 2 ** 40 - 1;

/** The one suite that version 1 knows for each use. */
export const suiteOfUse: Readonly<Record<KeyUse, SuiteName>> = {
  domainIdentity: 'ed25519',
  domainSigning: 'ed25519',
  notification: 'x25519',
  envelope: 'xwing',
  poll: 'x25519',
  gateway: 'x25519',
  recovery: 'ed25519',
  bridge: 'xwing',
  userIdentity: 'ed25519',
  addressing: 'x25519',
  sealing: 'xwing',
  device: 'ed25519',
};

const publicKeyOf: Readonly<Record<SuiteName, (secret: Uint8Array) => Uint8Array>> = {
  ed25519: ed25519Public,
  x25519: x25519Public,
  xwing: xwingPublic,
};

/** When and how a key pair is used. Only these fields are taken from what is passed. */
export type KeyLife = Pick<KeyPair, 'status' | 'notBefore' | 'notAfter' | 'revokedAt'>;

/** The key pair of a private key (32 bytes), for the given domain and use. Throws `key_invalid` for another length. */
export function keyPairOf(domain: string, use: KeyUse, secret: Secret, life: KeyLife): KeyPair {
  const { status, notBefore, notAfter, revokedAt } = life;
  const suite = suiteOfUse[use];
  const publicKey = publicKeyOf[suite](secret.expose());
  const id = keyId(domain, use, publicKey);
  const pair = { id, use, suite, secret, publicKey, status, notBefore, notAfter };
  return revokedAt === undefined ? pair : { ...pair, revokedAt };
}

/** A fresh active key pair; `random` is asked once for 32 bytes. */
export function createKeyPair(
  domain: string,
  use: KeyUse,
  random: Random,
  life: { readonly notBefore: number; readonly notAfter: number },
): KeyPair {
  const { notBefore, notAfter } = life;
  return keyPairOf(domain, use, new Secret(random(secretLength)), { status: 'active', notBefore, notAfter });
}

/** Whether the time lies in the life of a key, clocks being an hour off at most (wire-spec/timing.md section 1). */
export function inLife(key: { readonly notBefore: number; readonly notAfter: number }, now: number): boolean {
  return now >= key.notBefore - times.clockSlack && now <= key.notAfter + times.clockSlack;
}

/**
 * The key to make new objects with: the newest active one. One whose not-before is still to come, within the hour that clocks may
 * be off, only where there is no other. Throws `key_not_active` where there is none.
 */
export function selectKey<K extends KeyPair>(keys: readonly K[], use: KeyUse, now: number): K {
  const candidates = keys.filter((key) => key.use === use && key.status === 'active' && inLife(key, now));
  const begun = candidates.filter((key) => key.notBefore <= now);
  const newest = (begun.length > 0 ? begun : candidates).sort((a, b) => b.notBefore - a.notBefore)[0];
  if (newest === undefined) throw new BeckonError('key_not_active', 'no key of this use is active now');
  return newest;
}

/**
 * The own key that an incoming object names, active or retired. Throws `key_unknown` where no key has the id, `key_not_active`
 * where it must not be used any more (or not yet).
 */
export function findKey(keys: readonly KeyPair[], use: KeyUse, id: Uint8Array, now: number): KeyPair {
  const key = ownKey(keys, use, id);
  if ((key.status !== 'active' && key.status !== 'retired') || !inLife(key, now))
    throw new BeckonError('key_not_active', 'the key named is not in use');
  return key;
}

/** The own key with this id, whatever its dates say. Throws `key_unknown`. */
export function ownKey(keys: readonly KeyPair[], use: KeyUse, id: Uint8Array): KeyPair {
  const key = keys.find((candidate) => candidate.use === use && constantTimeEqual(candidate.id, id));
  if (key === undefined) throw new BeckonError('key_unknown', 'no own key has this id');
  return key;
}
