import { createAes256Gcm, hmacSha512 } from '#primitives';
import type { Aes256Gcm } from './primitives.ts';
import { BeckonError } from '../errors.ts';
import {
  CHUNK,
  CHUNKED_COMMITMENT,
  CHUNKED_HEADER,
  CHUNKED_KEY,
  CHUNKED_SALT,
  CHUNK_TAG,
  MAX_CHUNKS,
  SEALED_CHUNK,
} from './chunked-format.ts';
import { concat } from './kdf.ts';
import type { Random } from './random.ts';
import { constantTimeEqual } from './secret.ts';

const NONCE = 12;
const DOMAIN = Uint8Array.from('c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0', (character) =>
  character.charCodeAt(0),
);

/** Seals the chunks of one message, in order and once each: a second text under the same number would break the cipher. */
export interface Encryptor {
  /** 56 bytes: they stand in front of the first chunk. */
  readonly header: Uint8Array;
  /** Seals chunk `index`: 16384 bytes, or fewer in the last one, which ends the message. */
  seal(index: number, plaintext: Uint8Array): Uint8Array;
  /** As `seal`, but writes to `out` at `offset`; returns how many bytes. */
  sealInto(index: number, plaintext: Uint8Array, out: Uint8Array, offset: number): number;
}

/** Opens the chunks of one message, in any order. */
export interface Decryptor {
  /**
   * Opens chunk `index` (16 to 16400 bytes). Throws `open_failed`. Whether a chunk is the last only its length says: who reads
   * to the end checks that the end is a short chunk.
   */
  open(index: number, sealed: Uint8Array): Uint8Array;
  /** As `open`, but writes to `out` at `offset`; returns how many bytes. */
  openInto(index: number, sealed: Uint8Array, out: Uint8Array, offset: number): number;
}

/**
 * Starts a message under a key (32 uniformly random bytes) and a context, which is bound and not sent. `random(24)` is the salt.
 * Throws `key_invalid` on a key of another length.
 */
export function createEncryptor(key: Uint8Array, context: Uint8Array, random: Random): Encryptor {
  const salt = random(CHUNKED_SALT);
  const { cipher, nonceOf, commitment } = derive(key, context, salt);
  let next = 0;
  let ended = false;

  function sealInto(index: number, plaintext: Uint8Array, out: Uint8Array, offset: number): number {
    if (ended || index !== next || index >= MAX_CHUNKS || plaintext.length > CHUNK)
      throw new BeckonError('internal', 'chunks are sealed once, in order, the last one short');
    next++;
    ended = plaintext.length < CHUNK;
    cipher.sealInto(nonceOf(index), plaintext, out, offset);
    return plaintext.length + CHUNK_TAG;
  }

  return {
    header: concat(salt, commitment),
    sealInto,
    seal(index, plaintext) {
      const sealed = new Uint8Array(plaintext.length + CHUNK_TAG);
      sealInto(index, plaintext, sealed, 0);
      return sealed;
    },
  };
}

/**
 * Prepares to open a message from its first 56 bytes. Throws `payload_truncated` on fewer, `key_invalid` on a key of another
 * length, `commitment_mismatch` where key or context are not those of the message.
 */
export function createDecryptor(key: Uint8Array, context: Uint8Array, header: Uint8Array): Decryptor {
  if (header.length !== CHUNKED_HEADER)
    throw new BeckonError('payload_truncated', 'a chunked ciphertext starts with 56 bytes');
  const { cipher, nonceOf, commitment } = derive(key, context, header.subarray(0, CHUNKED_SALT));
  if (!constantTimeEqual(commitment, header.subarray(CHUNKED_SALT)))
    throw new BeckonError('commitment_mismatch', 'not encrypted under this key and context');

  function openInto(index: number, sealed: Uint8Array, out: Uint8Array, offset: number): number {
    const valid = index >= 0 && index < MAX_CHUNKS && Number.isInteger(index);
    const fits = sealed.length >= CHUNK_TAG && sealed.length <= SEALED_CHUNK;
    if (!valid || !fits || !cipher.openInto(nonceOf(index), sealed, out, offset))
      throw new BeckonError('open_failed', 'a chunk does not open');
    return sealed.length - CHUNK_TAG;
  }

  return {
    openInto,
    open(index, sealed) {
      const plaintext = new Uint8Array(Math.max(0, sealed.length - CHUNK_TAG));
      openInto(index, sealed, plaintext, 0);
      return plaintext;
    },
  };
}

interface Derived {
  cipher: Aes256Gcm;
  /** The nonce of a chunk, in a buffer that the next call overwrites. */
  nonceOf: (index: number) => Uint8Array;
  commitment: Uint8Array;
}

function derive(key: Uint8Array, context: Uint8Array, salt: Uint8Array): Derived {
  if (key.length !== CHUNKED_KEY) throw new BeckonError('key_invalid', 'a content key has 32 bytes');
  const output = expandSha512(key, concat(DOMAIN, salt, context));
  const cipher = createAes256Gcm(output.subarray(0, CHUNKED_KEY));
  const baseNonce = output.slice(CHUNKED_KEY, CHUNKED_KEY + NONCE);
  const commitment = output.slice(CHUNKED_KEY + NONCE, CHUNKED_KEY + NONCE + CHUNKED_COMMITMENT);
  output.fill(0);
  return { cipher, nonceOf: createNonces(baseNonce), commitment };
}

/** HKDF-Expand with SHA-512, two blocks: 76 of the 128 bytes are used. */
function expandSha512(key: Uint8Array, info: Uint8Array): Uint8Array {
  const first = hmacSha512(key, concat(info, Uint8Array.of(1)));
  return concat(first, hmacSha512(key, concat(first, info, Uint8Array.of(2))));
}

/** The base nonce with its last five bytes combined with the chunk's number, big-endian. */
function createNonces(base: Uint8Array): (index: number) => Uint8Array {
  const nonce = base.slice();
  return (index) => {
    nonce[7] = base[7]! ^ Math.floor(index / 2 ** 32);
    nonce[8] = base[8]! ^ (index >>> 24);
    nonce[9] = base[9]! ^ (index >>> 16);
    nonce[10] = base[10]! ^ (index >>> 8);
    nonce[11] = base[11]! ^ index;
    return nonce;
  };
}
