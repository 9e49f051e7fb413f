import { xchachaOpen as open, xchachaSeal as seal } from '#primitives';
import { BeckonError } from '../errors.ts';

export const XCHACHA_KEY_LENGTH = 32;
export const XCHACHA_NONCE_LENGTH = 24;
export const XCHACHA_TAG_LENGTH = 16;

/**
 * XChaCha20-Poly1305: ciphertext || tag (16 bytes) under a key of 32 bytes and a nonce of 24, long enough to be random.
 * Throws `key_invalid` on other lengths.
 */
export function xchachaSeal(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  assertLengths(key, nonce);
  return seal(key, nonce, aad, plaintext);
}

/** The plaintext of what `xchachaSeal` gave. Throws `open_failed` where the tag does not match. */
export function xchachaOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array {
  assertLengths(key, nonce);
  const plaintext = open(key, nonce, aad, sealed);
  if (plaintext === undefined) throw new BeckonError('open_failed', 'the encrypted text does not open');
  return plaintext;
}

function assertLengths(key: Uint8Array, nonce: Uint8Array): void {
  if (key.length !== XCHACHA_KEY_LENGTH || nonce.length !== XCHACHA_NONCE_LENGTH)
    throw new BeckonError('key_invalid', 'an XChaCha20 key has 32 bytes and its nonce 24');
}
