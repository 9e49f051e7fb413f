import {
  mlkemDecapsulate,
  mlkemEncapsulate,
  mlkemEncapsulateWith,
  mlkemPublic,
  sha3,
  shake256,
} from '#primitives';
import { BeckonError } from '../errors.ts';
import { assertX25519Public, x25519, x25519Public } from './dh.ts';
import { concat } from './kdf.ts';
import { systemRandom } from './random.ts';
import type { Random } from './random.ts';

/**
 * X-Wing (draft-connolly-cfrg-xwing-kem): ML-KEM-768 and X25519 in one KEM, secure while either holds.
 * public key = ML-KEM key (1184) || X25519 key (32); enc = ML-KEM ciphertext (1088) || X25519 key (32).
 */
export const XWING_SEED_LENGTH = 32;
export const XWING_PUBLIC_LENGTH = 1216;
export const XWING_ENC_LENGTH = 1120;

const MLKEM_PUBLIC = 1184;
const MLKEM_CIPHERTEXT = 1088;
/** The part of an ML-KEM-768 key that holds coefficients: 768 of 12 bits; the rest is a seed. */
const MLKEM_COEFFICIENTS = 1152;
const MLKEM_Q = 3329;
/** The draft's label: \.//^\ */
const LABEL = Uint8Array.of(0x5c, 0x2e, 0x2f, 0x2f, 0x5e, 0x5c);

export interface XwingEncapsulated {
  /** 32 bytes. */
  sharedSecret: Uint8Array;
  /** 1120 bytes. */
  enc: Uint8Array;
}

/** Gives a fresh shared secret for the owner of a public key, another each time. Throws `key_invalid`. */
export type Encapsulate = (publicKey: Uint8Array) => XwingEncapsulated;

/** Makes it at once, as `xwingEncapsulate`. */
export function encapsulateWith(random: Random): Encapsulate {
  return (publicKey) => xwingEncapsulate(publicKey, random);
}

/** The public key (1216 bytes) of a 32-byte seed, which is the private key. Throws `key_invalid` on another length. */
export function xwingPublic(seed: Uint8Array): Uint8Array {
  const keys = expandSeed(seed);
  return concat(mlkemPublic(keys.mlkem), x25519Public(keys.x25519));
}

/**
 * A fresh shared secret for the owner of a public key. `random` is asked once for 64 bytes, the draft's eseed, unless it is
 * `systemRandom`. Throws `key_invalid` for a key that `assertXwingPublic` refuses.
 */
export function xwingEncapsulate(publicKey: Uint8Array, random: Random): XwingEncapsulated {
  assertXwingPublic(publicKey);
  const mlkemKey = publicKey.subarray(0, MLKEM_PUBLIC);
  const x25519Key = publicKey.subarray(MLKEM_PUBLIC);
  // The fast library takes no randomness from outside: only tests and vectors need that.
  const eseed = random === systemRandom ? undefined : random(64);
  const mlkem =
    eseed === undefined ? mlkemEncapsulate(mlkemKey) : mlkemEncapsulateWith(mlkemKey, eseed.subarray(0, 32));
  const ephemeral = eseed === undefined ? systemRandom(32) : eseed.subarray(32);
  const ephemeralPublic = x25519Public(ephemeral);
  const shared = x25519(ephemeral, x25519Key);
  return {
    sharedSecret: combine(mlkem.sharedSecret, shared, ephemeralPublic, x25519Key),
    enc: concat(mlkem.ciphertext, ephemeralPublic),
  };
}

/**
 * The shared secret (32 bytes) of an enc (1120 bytes). A changed ML-KEM part gives another secret, without an error; an X25519
 * part that is not canonical or of small order, or a wrong length, throws `key_invalid`.
 */
export function xwingDecapsulate(seed: Uint8Array, enc: Uint8Array): Uint8Array {
  if (enc.length !== XWING_ENC_LENGTH)
    throw new BeckonError('key_invalid', 'an X-Wing encapsulation has 1120 bytes');
  const keys = expandSeed(seed);
  const ephemeralPublic = enc.subarray(MLKEM_CIPHERTEXT);
  const shared = x25519(keys.x25519, ephemeralPublic);
  const mlkemShared = mlkemDecapsulate(keys.mlkem, enc.subarray(0, MLKEM_CIPHERTEXT));
  return combine(mlkemShared, shared, ephemeralPublic, x25519Public(keys.x25519));
}

/**
 * Accepts a public key on entry: 1216 bytes, every ML-KEM coefficient below 3329 (FIPS 203 section 7.2), the X25519 part as
 * `assertX25519Public` demands; wire-spec/README.md on keys. Throws `key_invalid`.
 */
export function assertXwingPublic(publicKey: Uint8Array): void {
  if (publicKey.length !== XWING_PUBLIC_LENGTH)
    throw new BeckonError('key_invalid', 'an X-Wing key has 1216 bytes');
  if (!coefficientsReduced(publicKey))
    throw new BeckonError('key_invalid', 'the ML-KEM key is not canonical');
  assertX25519Public(publicKey.subarray(MLKEM_PUBLIC));
}

/** Two coefficients in each three bytes, the lower bits first. */
function coefficientsReduced(key: Uint8Array): boolean {
  for (let i = 0; i < MLKEM_COEFFICIENTS; i += 3) {
    const middle = key[i + 1]!;
    if ((key[i]! | ((middle & 0x0f) << 8)) >= MLKEM_Q) return false;
    if (((middle >> 4) | (key[i + 2]! << 4)) >= MLKEM_Q) return false;
  }
  return true;
}

/** The draft's expandDecapsulationKey: 64 bytes of ML-KEM seed and an X25519 scalar. */
function expandSeed(seed: Uint8Array): { mlkem: Uint8Array; x25519: Uint8Array } {
  if (seed.length !== XWING_SEED_LENGTH) throw new BeckonError('key_invalid', 'an X-Wing seed has 32 bytes');
  const expanded = shake256(seed, 96);
  return { mlkem: expanded.subarray(0, 64), x25519: expanded.subarray(64) };
}

function combine(
  mlkemShared: Uint8Array,
  x25519Shared: Uint8Array,
  ephemeralPublic: Uint8Array,
  x25519Key: Uint8Array,
): Uint8Array {
  return sha3(concat(mlkemShared, x25519Shared, ephemeralPublic, x25519Key, LABEL));
}
