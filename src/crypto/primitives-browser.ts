import { gcm } from '@noble/ciphers/aes.js';
import { chacha20poly1305, xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { ed25519, x25519 as curve25519 } from '@noble/curves/ed25519.js';
import { argon2idAsync } from '@noble/hashes/argon2.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 as sha2, sha512 } from '@noble/hashes/sha2.js';
import { sha3_256, shake256 as shake } from '@noble/hashes/sha3.js';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import type { Aes256Gcm, Encapsulated, IncrementalHash } from './primitives.ts';

const TAG = 16;
/** The most that one `getRandomValues` call gives. */
const RANDOM_MAX = 65536;
const ZERO32 = new Uint8Array(32);

export function randomBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += RANDOM_MAX) {
    globalThis.crypto.getRandomValues(bytes.subarray(at, at + RANDOM_MAX));
  }
  return bytes;
}

export function uninitialised(length: number): Uint8Array {
  return new Uint8Array(length);
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

export function sha256(data: Uint8Array): Uint8Array {
  return sha2(data);
}

export function sha256Into(data: Uint8Array, out: Uint8Array, offset: number): void {
  out.set(sha2(data), offset);
}

export function createSha256(): IncrementalHash {
  const state = sha2.create();
  return {
    update: (bytes) => void state.update(bytes),
    soFar: () => state.clone().digest(),
    digest: () => state.digest(),
  };
}

export function hmacSha512(key: Uint8Array, data: Uint8Array): Uint8Array {
  return hmac(sha512, key, data);
}

export function shake256(data: Uint8Array, length: number): Uint8Array {
  return shake(data, { dkLen: length });
}

export function sha3(data: Uint8Array): Uint8Array {
  return sha3_256(data);
}

export function x25519(scalar: Uint8Array, point: Uint8Array): Uint8Array | undefined {
  let shared: Uint8Array;
  try {
    shared = curve25519.scalarMult(scalar, point);
  } catch {
    return undefined;
  }
  return equalBytes(shared, ZERO32) ? undefined : shared;
}

export function x25519Base(scalar: Uint8Array): Uint8Array {
  return curve25519.getPublicKey(scalar);
}

export function ed25519Public(seed: Uint8Array): Uint8Array {
  return ed25519.getPublicKey(seed);
}

export function ed25519Sign(seed: Uint8Array, message: Uint8Array): Uint8Array {
  return ed25519.sign(message, seed);
}

const { Point } = ed25519;

/** The library's own `verify` multiplies by the cofactor and allows an R of small order, libsodium's does not. */
export function ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const r = signature.subarray(0, 32);
  const s = littleEndian(signature.subarray(32));
  if (s >= Point.Fn.ORDER) return false;
  try {
    const key = Point.fromBytes(publicKey);
    if (key.isSmallOrder() || Point.fromBytes(r).isSmallOrder()) return false;
    const state = sha512.create().update(r).update(publicKey).update(message);
    const challenge = littleEndian(state.digest()) % Point.Fn.ORDER;
    const expected = Point.BASE.multiplyUnsafe(s).subtract(key.multiplyUnsafe(challenge));
    return equalBytes(expected.toBytes(), r);
  } catch {
    return false;
  }
}

export function ed25519IsPublic(publicKey: Uint8Array): boolean {
  try {
    const point = Point.fromBytes(publicKey);
    return !point.isSmallOrder() && point.isTorsionFree();
  } catch {
    return false;
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  return value;
}

type Cipher = typeof chacha20poly1305 | typeof xchacha20poly1305;

function aeadSeal(cipher: Cipher) {
  return (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array =>
    cipher(key, nonce, aad).encrypt(plaintext);
}

function aeadOpen(cipher: Cipher) {
  return (
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    sealed: Uint8Array,
  ): Uint8Array | undefined => {
    try {
      return cipher(key, nonce, aad).decrypt(sealed);
    } catch {
      return undefined;
    }
  };
}

export const chachaSeal = aeadSeal(chacha20poly1305);
export const chachaOpen = aeadOpen(chacha20poly1305);
export const xchachaSeal = aeadSeal(xchacha20poly1305);
export const xchachaOpen = aeadOpen(xchacha20poly1305);

export function createAes256Gcm(key: Uint8Array): Aes256Gcm {
  const own = key.slice();
  return {
    sealInto(nonce, plaintext, out, offset) {
      out.set(gcm(own, nonce).encrypt(plaintext), offset);
    },
    openInto(nonce, sealed, out, offset) {
      if (sealed.length < TAG) return false;
      try {
        out.set(gcm(own, nonce).decrypt(sealed), offset);
      } catch {
        return false;
      }
      return true;
    },
  };
}

export function argon2id(
  password: Uint8Array,
  salt: Uint8Array,
  { memory, passes }: { readonly memory: number; readonly passes: number },
  length: number,
): Promise<Uint8Array> {
  return argon2idAsync(password, salt, { t: passes, m: memory, p: 1, dkLen: length });
}

export function mlkemPublic(seed: Uint8Array): Uint8Array {
  return ml_kem768.keygen(seed).publicKey;
}

export function mlkemEncapsulate(publicKey: Uint8Array): Encapsulated {
  return mlkemEncapsulateWith(publicKey, randomBytes(32));
}

export function mlkemEncapsulateWith(publicKey: Uint8Array, m: Uint8Array): Encapsulated {
  const { sharedSecret, cipherText } = ml_kem768.encapsulate(publicKey, m);
  return { sharedSecret, ciphertext: cipherText };
}

export function mlkemDecapsulate(seed: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  return ml_kem768.decapsulate(ciphertext, ml_kem768.keygen(seed).secretKey);
}
