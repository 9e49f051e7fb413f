import { BeckonError } from '../errors.ts';

/** C2SP chunked-encryption with AEAD_AES_256_GCM and HKDF-Expand-SHA-512; wire-spec/README.md on chunked encryption. */

/** Plaintext bytes in every chunk but the last, which is always shorter and may be empty. */
export const CHUNK = 16384;
export const CHUNK_TAG = 16;
/** Bytes of a full chunk once sealed. */
export const SEALED_CHUNK = CHUNK + CHUNK_TAG;
export const CHUNKED_SALT = 24;
export const CHUNKED_COMMITMENT = 32;
/** Salt and commitment, in front of the first chunk: chunk k stands at byte 56 + 16400 k. */
export const CHUNKED_HEADER = CHUNKED_SALT + CHUNKED_COMMITMENT;
export const CHUNKED_KEY = 32;
/** The counter's range; a message has at most 4 PiB. */
export const MAX_CHUNKS = 2 ** 38;

/** The length of what `plaintextLength` bytes become, in bytes. */
export function ciphertextLength(plaintextLength: number): number {
  return CHUNKED_HEADER + plaintextLength + CHUNK_TAG * (Math.floor(plaintextLength / CHUNK) + 1);
}

/** The length of the plaintext of a ciphertext, in bytes. Throws `payload_truncated` for a length that none has. */
export function plaintextLength(ciphertextLength: number): number {
  const body = ciphertextLength - CHUNKED_HEADER;
  const full = Math.floor(body / SEALED_CHUNK);
  const last = body - full * SEALED_CHUNK;
  if (!Number.isSafeInteger(body) || full < 0 || full >= MAX_CHUNKS || last < CHUNK_TAG)
    throw new BeckonError('payload_truncated', 'no chunked ciphertext has this length');
  return full * CHUNK + last - CHUNK_TAG;
}
