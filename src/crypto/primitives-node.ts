import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  decapsulate,
  encapsulate,
  hash,
} from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import sodium from 'sodium-native';
import type { Aes256Gcm, Encapsulated, IncrementalHash } from './primitives.ts';

/** Below this many bytes libsodium's SHA-256 is faster (cheap call), above it OpenSSL's (vector instructions). */
const SODIUM_HASH_MAX = 256;
const TAG = 16;
const NONE = new Uint8Array(0);
/** Where libsodium finds and writes short values: handing it a new array each time costs more than a hash, a copy does not. */
const scratch = new Uint8Array(new ArrayBuffer(32));
const scratchKey = new Uint8Array(new ArrayBuffer(32));
const scratchPoint = new Uint8Array(new ArrayBuffer(32));
const scratchSigner = new Uint8Array(new ArrayBuffer(64));
const scratchSignature = new Uint8Array(new ArrayBuffer(64));
const scratchNonces = new Map([12, 24].map((length) => [length, new Uint8Array(new ArrayBuffer(length))]));

/** A Buffer as what it holds: small ones share a pool, so their bytes are copied out of it. */
function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer);
}

/** Randomness that nobody has yet: asking the system for each short value costs more than the value. What is handed out is erased. */
const stock = new Uint8Array(new ArrayBuffer(1024));
/** Longer values are asked for one by one. */
const STOCK_MAX = 64;
let stockUsed = stock.length;

export function randomBytes(length: number): Uint8Array {
  if (length <= STOCK_MAX) return fromStock(length);
  const bytes = new Uint8Array(length);
  sodium.randombytes_buf(bytes);
  return bytes;
}

function fromStock(length: number): Uint8Array {
  if (stockUsed + length > stock.length) {
    sodium.randombytes_buf(stock);
    stockUsed = 0;
  }
  const end = stockUsed + length;
  const bytes = stock.slice(stockUsed, end);
  stock.fill(0, stockUsed, end);
  stockUsed = end;
  return bytes;
}

export function uninitialised(length: number): Uint8Array {
  const buffer = Buffer.allocUnsafeSlow(length);
  return new Uint8Array(buffer.buffer, buffer.byteOffset, length);
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === 0 || sodium.sodium_memcmp(a, b);
}

export function sha256(data: Uint8Array): Uint8Array {
  if (data.length > SODIUM_HASH_MAX) return plain(hash('sha256', data, 'buffer'));
  sodium.crypto_hash_sha256(scratch, data);
  return scratch.slice();
}

export function sha256Into(data: Uint8Array, out: Uint8Array, offset: number): void {
  if (data.length > SODIUM_HASH_MAX) {
    out.set(hash('sha256', data, 'buffer'), offset);
    return;
  }
  sodium.crypto_hash_sha256(scratch, data);
  out.set(scratch, offset);
}

export function createSha256(): IncrementalHash {
  const state = createHash('sha256');
  return {
    update: (bytes) => void state.update(bytes),
    soFar: () => plain(state.copy().digest()),
    digest: () => plain(state.digest()),
  };
}

const SHA512_BLOCK = 128;

/** Over the bare hash: an object of `createHmac` costs several times that for the short inputs of key schedules. */
export function hmacSha512(key: Uint8Array, data: Uint8Array): Uint8Array {
  if (key.length > SHA512_BLOCK) return plain(createHmac('sha512', key).update(data).digest());
  const inner = paddedKey(key, 0x36, data.length);
  inner.set(data, SHA512_BLOCK);
  const outer = paddedKey(key, 0x5c, 64);
  outer.set(hash('sha512', inner, 'buffer'), SHA512_BLOCK);
  const mac = plain(hash('sha512', outer, 'buffer'));
  inner.fill(0);
  outer.fill(0);
  return mac;
}

function paddedKey(key: Uint8Array, pad: number, room: number): Uint8Array {
  const block = new Uint8Array(SHA512_BLOCK + room).fill(pad, 0, SHA512_BLOCK);
  for (let i = 0; i < key.length; i++) block[i] = key[i]! ^ pad;
  return block;
}

export function shake256(data: Uint8Array, length: number): Uint8Array {
  return plain(hash('shake256', data, { outputEncoding: 'buffer', outputLength: length }));
}

export function sha3(data: Uint8Array): Uint8Array {
  return plain(hash('sha3-256', data, 'buffer'));
}

export function x25519(scalar: Uint8Array, point: Uint8Array): Uint8Array | undefined {
  scratchKey.set(scalar);
  scratchPoint.set(point);
  try {
    sodium.crypto_scalarmult(scratch, scratchKey, scratchPoint);
    return scratch.slice();
  } catch {
    return undefined;
  } finally {
    scratch.fill(0);
    scratchKey.fill(0);
  }
}

export function x25519Base(scalar: Uint8Array): Uint8Array {
  scratchKey.set(scalar);
  sodium.crypto_scalarmult_base(scratchPoint, scratchKey);
  scratchKey.fill(0);
  return scratchPoint.slice();
}

export function ed25519Public(seed: Uint8Array): Uint8Array {
  scratchKey.set(seed);
  sodium.crypto_sign_seed_keypair(scratchPoint, scratchSigner, scratchKey);
  scratchKey.fill(0);
  scratchSigner.fill(0);
  return scratchPoint.slice();
}

/**
 * Public keys of the seeds that signed: deriving one costs as much as signing. Never used with another seed, which would give the private
 * key away: `of` is the hash of what the array held then, and it may be wiped or written to since.
 */
const signers = new WeakMap<Uint8Array, { readonly of: Uint8Array; readonly publicKey: Uint8Array }>();

function signerPublic(seed: Uint8Array): Uint8Array {
  const of = sha256(seed);
  const known = signers.get(seed);
  if (known !== undefined && equalBytes(known.of, of)) return known.publicKey;
  const publicKey = ed25519Public(seed);
  signers.set(seed, { of, publicKey });
  return publicKey;
}

export function ed25519Sign(seed: Uint8Array, message: Uint8Array): Uint8Array {
  const publicKey = signerPublic(seed);
  scratchSigner.set(seed);
  scratchSigner.set(publicKey, seed.length);
  sodium.crypto_sign_detached(scratchSignature, message, scratchSigner);
  scratchSigner.fill(0);
  return scratchSignature.slice();
}

export function ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  return sodium.crypto_sign_verify_detached(signature, message, publicKey);
}

export function ed25519IsPublic(publicKey: Uint8Array): boolean {
  return sodium.crypto_core_ed25519_is_valid_point(publicKey);
}

type AeadEncrypt = typeof sodium.crypto_aead_chacha20poly1305_ietf_encrypt;
type AeadDecrypt = typeof sodium.crypto_aead_chacha20poly1305_ietf_decrypt;

function aeadSeal(encrypt: AeadEncrypt) {
  return (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array => {
    const sealed = new Uint8Array(plaintext.length + TAG);
    scratchKey.set(key);
    try {
      encrypt(sealed, plaintext, aad, null, scratchNonce(nonce), scratchKey);
    } finally {
      scratchKey.fill(0);
    }
    return sealed;
  };
}

function scratchNonce(nonce: Uint8Array): Uint8Array {
  const copy = scratchNonces.get(nonce.length) ?? nonce;
  copy.set(nonce);
  return copy;
}

function aeadOpen(decrypt: AeadDecrypt) {
  return (
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    sealed: Uint8Array,
  ): Uint8Array | undefined => {
    if (sealed.length < TAG) return undefined;
    const plaintext = new Uint8Array(sealed.length - TAG);
    scratchKey.set(key);
    try {
      decrypt(plaintext, null, sealed, aad, scratchNonce(nonce), scratchKey);
    } catch {
      return undefined;
    } finally {
      scratchKey.fill(0);
    }
    return plaintext;
  };
}

export const chachaSeal = aeadSeal(sodium.crypto_aead_chacha20poly1305_ietf_encrypt);
export const chachaOpen = aeadOpen(sodium.crypto_aead_chacha20poly1305_ietf_decrypt);
export const xchachaSeal = aeadSeal(sodium.crypto_aead_xchacha20poly1305_ietf_encrypt);
export const xchachaOpen = aeadOpen(sodium.crypto_aead_xchacha20poly1305_ietf_decrypt);

export function createAes256Gcm(key: Uint8Array): Aes256Gcm {
  // A KeyObject, not the bytes: importing the key anew costs more than encrypting a chunk.
  const prepared = createSecretKey(key);
  return {
    sealInto(nonce, plaintext, out, offset) {
      const cipher = createCipheriv('aes-256-gcm', prepared, nonce);
      out.set(cipher.update(plaintext), offset);
      cipher.final();
      out.set(cipher.getAuthTag(), offset + plaintext.length);
    },
    openInto(nonce, sealed, out, offset) {
      if (sealed.length < TAG) return false;
      const end = sealed.length - TAG;
      const decipher = createDecipheriv('aes-256-gcm', prepared, nonce, { authTagLength: TAG });
      decipher.setAuthTag(sealed.subarray(end));
      const plaintext = end > 0 ? decipher.update(sealed.subarray(0, end)) : NONE;
      try {
        decipher.final();
      } catch {
        return false;
      }
      out.set(plaintext, offset);
      return true;
    },
  };
}

export async function argon2id(
  password: Uint8Array,
  salt: Uint8Array,
  { memory, passes }: { readonly memory: number; readonly passes: number },
  length: number,
): Promise<Uint8Array> {
  const out = new Uint8Array(length);
  await sodium.crypto_pwhash_async(
    out,
    password,
    salt,
    passes,
    memory * 1024,
    sodium.crypto_pwhash_ALG_ARGON2ID13,
  );
  return out;
}

/** DER in front of an ML-KEM-768 seed (PKCS #8, seed form) and encapsulation key (SPKI): RFC 9935. */
const SEED_PREFIX = fromHex('3054020100300b060960864801650304040204428040');
const PUBLIC_PREFIX = fromHex('308204b2300b0609608648016503040402038204a100');

function fromHex(hex: string): Uint8Array {
  return plain(Buffer.from(hex, 'hex'));
}

function withPrefix(prefix: Uint8Array, key: Uint8Array): Buffer {
  const der = Buffer.alloc(prefix.length + key.length);
  der.set(prefix);
  der.set(key, prefix.length);
  return der;
}

function mlkemPrivate(seed: Uint8Array): KeyObject {
  const der = withPrefix(SEED_PREFIX, seed);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  der.fill(0);
  return key;
}

export function mlkemPublic(seed: Uint8Array): Uint8Array {
  const der = createPublicKey(mlkemPrivate(seed)).export({ format: 'der', type: 'spki' });
  return plain(der.subarray(PUBLIC_PREFIX.length));
}

export function mlkemEncapsulate(publicKey: Uint8Array): Encapsulated {
  const { sharedKey, ciphertext } = encapsulate(encapsulationKey(publicKey));
  return { sharedSecret: plain(sharedKey), ciphertext: plain(ciphertext) };
}

/** Importing a key costs as much as encapsulating: a server seals to the same ones again and again. By the seed at a key's end. */
const encapsulationKeys = new Map<string, { readonly bytes: Uint8Array; readonly key: KeyObject }>();
const mostEncapsulationKeys = 512;
const MLKEM_SEED = 32;

function encapsulationKey(publicKey: Uint8Array): KeyObject {
  const name = latin1(publicKey.subarray(publicKey.length - MLKEM_SEED));
  const known = encapsulationKeys.get(name);
  if (known !== undefined && Buffer.compare(known.bytes, publicKey) === 0) return known.key;
  const key = createPublicKey({ key: withPrefix(PUBLIC_PREFIX, publicKey), format: 'der', type: 'spki' });
  if (encapsulationKeys.size >= mostEncapsulationKeys) encapsulationKeys.clear();
  encapsulationKeys.set(name, { bytes: publicKey.slice(), key });
  return key;
}

function latin1({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString('latin1');
}

/** OpenSSL's encapsulation takes no randomness from outside. */
export function mlkemEncapsulateWith(publicKey: Uint8Array, m: Uint8Array): Encapsulated {
  const { sharedSecret, cipherText } = ml_kem768.encapsulate(publicKey, m);
  return { sharedSecret, ciphertext: cipherText };
}

export function mlkemDecapsulate(seed: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  return plain(decapsulate(mlkemPrivate(seed), ciphertext));
}
