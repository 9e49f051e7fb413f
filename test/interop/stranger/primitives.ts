/** README.md section 5: contexts, derivation, signatures, seals, chunked encryption. */
import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import type { webcrypto } from 'node:crypto';
import { CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import { XWing } from '@hpke/hybridkem-x-wing';
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { ml_kem768_x25519 as xwing } from '@noble/post-quantum/hybrid.js';
import type { Bytes } from './cbor.ts';
import { concat, decode, encode, plain, refuse, same, utf8 } from './cbor.ts';

export type Suite = 'x25519' | 'xwing';

export const suiteNumber = { xwing: 1, x25519: 2, ed25519: 3 } as const;

export const random = (length: number): Bytes => plain(randomBytes(length));
export const sha256 = (...parts: readonly Uint8Array[]): Bytes =>
  plain(
    createHash('sha256')
      .update(concat(...parts))
      .digest(),
  );
export const hmac = (key: Uint8Array, text: Uint8Array): Bytes =>
  plain(createHmac('sha256', key).update(text).digest());
export const hkdf = (ikm: Uint8Array, info: Uint8Array, length = 32): Bytes =>
  new Uint8Array(hkdfSync('sha256', ikm, new Uint8Array(), info, length));

export function context(purpose: string, ...parts: readonly (string | number | Uint8Array)[]): Bytes {
  return encode([`beckon/1 ${purpose}`, ...parts]);
}

export const exchange = (scalar: Uint8Array, point: Uint8Array): Bytes =>
  plain(x25519.getSharedSecret(scalar, point));
export const ed25519Public = (seed: Uint8Array): Bytes => plain(ed25519.getPublicKey(seed));
export const signBytes = (seed: Uint8Array, text: Uint8Array): Bytes => plain(ed25519.sign(text, seed));

export function publicOf(suite: Suite, secret: Uint8Array): Bytes {
  return plain(suite === 'x25519' ? x25519.getPublicKey(secret) : xwing.keygen(secret).publicKey);
}

function toBeSigned(header: Uint8Array, purpose: string, domain: string, payload: Uint8Array): Bytes {
  return encode(['Signature1', header, context(purpose, domain), payload]);
}

export interface Signer {
  readonly seed: Uint8Array;
  readonly keyId: Uint8Array;
}

export function sign(signer: Signer, purpose: string, domain: string, payload: Uint8Array): Bytes {
  const header = encode(
    new Map<number, unknown>([
      [1, -19],
      [4, signer.keyId],
    ]),
  );
  const signature = signBytes(signer.seed, toBeSigned(header, purpose, domain, payload));
  return encode([header, new Map(), payload, signature]);
}

export interface Signed {
  readonly keyId: Bytes;
  readonly payload: Bytes;
  /** Returns the payload, or throws. */
  verified(publicKey: Uint8Array, keyId: Uint8Array, purpose: string, domain: string): Bytes;
}

export function readSigned(signed: Uint8Array): Signed {
  const parts = decode(signed) as [Uint8Array, Map<unknown, unknown>, Uint8Array, Uint8Array];
  refuse(!Array.isArray(parts) || parts.length !== 4, 'no signed object');
  const [header, unprotected, payload, signature] = parts;
  const fields = decode(header) as Map<number, unknown>;
  refuse(fields.get(1) !== -19, 'algorithm_unsupported');
  refuse([...fields.keys()].some((label) => label < 0) || unprotected.size !== 0, 'header');
  const keyId = plain(fields.get(4) as Uint8Array);
  return {
    keyId,
    payload: plain(payload),
    verified(publicKey, expected, purpose, domain) {
      refuse(!same(keyId, expected), 'key_unknown');
      const text = toBeSigned(header, purpose, domain, payload);
      refuse(!ed25519.verify(signature, text, publicKey, { zip215: false }), 'signature_invalid');
      return plain(payload);
    },
  };
}

/** ChaCha20-Poly1305 of node:crypto in the shape that the HPKE library takes. */
const chacha = {
  id: 3 as const,
  keySize: 32,
  nonceSize: 12,
  tagSize: 16,
  createEncryptionContext(key: ArrayBufferLike | ArrayBufferView) {
    const raw = bytesOf(key);
    return {
      async seal(nonce: Source, text: Source, aad: Source): Promise<ArrayBuffer> {
        const cipher = createCipheriv('chacha20-poly1305', raw, bytesOf(nonce), { authTagLength: 16 });
        cipher.setAAD(bytesOf(aad), { plaintextLength: bytesOf(text).length });
        return concat(cipher.update(bytesOf(text)), cipher.final(), cipher.getAuthTag()).buffer;
      },
      async open(nonce: Source, sealed: Source, aad: Source): Promise<ArrayBuffer> {
        const bytes = bytesOf(sealed);
        const cipher = createDecipheriv('chacha20-poly1305', raw, bytesOf(nonce), { authTagLength: 16 });
        cipher.setAAD(bytesOf(aad), { plaintextLength: bytes.length - 16 });
        cipher.setAuthTag(bytes.subarray(-16));
        return concat(cipher.update(bytes.subarray(0, -16)), cipher.final()).buffer;
      },
    };
  },
};

type Source = ArrayBufferLike | ArrayBufferView;

function bytesOf(source: Source): Uint8Array {
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  return new Uint8Array(source);
}

const suites = {
  x25519: new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: chacha }),
  xwing: new CipherSuite({ kem: new XWing(), kdf: new HkdfSha256(), aead: chacha }),
} as const;

/** @param randomness the ephemeral scalar (x25519) or the eseed (xwing), for tests */
export async function seal(
  suite: Suite,
  publicKey: Uint8Array,
  info: Uint8Array,
  aad: Uint8Array,
  text: Uint8Array,
  randomness?: Uint8Array,
): Promise<Bytes> {
  const hpke = suites[suite];
  const recipientPublicKey = await hpke.kem.deserializePublicKey(publicKey);
  const ekm = randomness && (suite === 'xwing' ? plain(randomness) : await keyPair(randomness));
  const sender = await hpke.createSenderContext({ recipientPublicKey, info, ...(ekm && { ekm }) });
  const ciphertext = await sender.seal(text, aad);
  return concat(new Uint8Array(sender.enc), new Uint8Array(ciphertext));
}

async function keyPair(scalar: Uint8Array): Promise<webcrypto.CryptoKeyPair> {
  const { kem } = suites.x25519;
  return {
    privateKey: await kem.deserializePrivateKey(scalar),
    publicKey: await kem.deserializePublicKey(publicOf('x25519', scalar)),
  };
}

export async function open(
  suite: Suite,
  secret: Uint8Array,
  info: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Promise<Bytes> {
  const encLength = suite === 'x25519' ? 32 : 1120;
  const hpke = suites[suite];
  const recipientKey = await hpke.kem.deserializePrivateKey(secret);
  const enc = sealed.slice(0, encLength);
  const recipient = await hpke.createRecipientContext({ recipientKey, enc, info });
  return new Uint8Array(await recipient.open(sealed.slice(encLength), aad));
}

const chunk = 16384;

const block = (key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array =>
  createHmac('sha512', key)
    .update(concat(...parts))
    .digest();

function derived(key: Uint8Array, salt: Uint8Array, about: Uint8Array) {
  const info = concat(utf8('c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0'), salt, about);
  // By hand: libraries that hold to RFC 5869 refuse a key that is shorter than the hash.
  const first = block(key, info, Uint8Array.of(1));
  const okm = concat(first, block(key, first, info, Uint8Array.of(2)));
  return { key: okm.subarray(0, 32), nonce: okm.subarray(32, 44), commitment: okm.subarray(44, 76) };
}

function nonceOf(base: Uint8Array, index: number): Bytes {
  const nonce = Buffer.from(base);
  nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ index) >>> 0, 8);
  return plain(nonce);
}

export function encryptChunked(
  key: Uint8Array,
  about: Uint8Array,
  text: Uint8Array,
  salt = random(24),
): Bytes {
  const keys = derived(key, salt, about);
  const parts: Uint8Array[] = [salt, keys.commitment];
  for (let k = 0; k * chunk <= text.length; k++) {
    const cipher = createCipheriv('aes-256-gcm', keys.key, nonceOf(keys.nonce, k));
    parts.push(cipher.update(text.subarray(k * chunk, (k + 1) * chunk)), cipher.final(), cipher.getAuthTag());
  }
  return concat(...parts);
}

export function decryptChunked(key: Uint8Array, about: Uint8Array, bytes: Uint8Array): Bytes {
  const keys = derived(key, bytes.subarray(0, 24), about);
  refuse(!same(keys.commitment, bytes.subarray(24, 56)), 'commitment_mismatch');
  const parts: Uint8Array[] = [];
  for (let k = 0; ; k++) {
    const sealed = bytes.subarray(56 + k * (chunk + 16), 56 + (k + 1) * (chunk + 16));
    refuse(sealed.length < 16, 'payload_truncated');
    const cipher = createDecipheriv('aes-256-gcm', keys.key, nonceOf(keys.nonce, k), { authTagLength: 16 });
    cipher.setAuthTag(sealed.subarray(-16));
    parts.push(cipher.update(sealed.subarray(0, -16)), cipher.final());
    if (sealed.length < chunk + 16) return concat(...parts);
  }
}

/** README.md section 3: u16 length, content, zeros. */
export function pad(content: Uint8Array, size: number): Bytes {
  refuse(content.length + 2 > size, 'too long');
  const padded = Buffer.alloc(size);
  padded.writeUInt16BE(content.length);
  padded.set(content, 2);
  return plain(padded);
}

export function unpad(padded: Uint8Array): Bytes {
  const length = Buffer.from(padded).readUInt16BE();
  refuse(
    length + 2 > padded.length || padded.subarray(2 + length).some((byte) => byte !== 0),
    'padding_invalid',
  );
  return plain(padded.subarray(2, 2 + length));
}
