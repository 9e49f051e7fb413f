import {
  ed25519IsPublic,
  ed25519Public as publicOf,
  ed25519Sign as sign,
  ed25519Verify as verify,
} from '#primitives';
import { BeckonError } from '../errors.ts';

export const ED25519_PUBLIC_LENGTH = 32;
export const ED25519_SEED_LENGTH = 32;
export const ED25519_SIGNATURE_LENGTH = 64;

/** The public key (32 bytes) of an Ed25519 seed (32 bytes, the private key of RFC 8032). */
export function ed25519Public(seed: Uint8Array): Uint8Array {
  assertSeed(seed);
  return publicOf(seed);
}

/** The signature (64 bytes) of a message: Ed25519 of RFC 8032, deterministic. */
export function ed25519Sign(seed: Uint8Array, message: Uint8Array): Uint8Array {
  assertSeed(seed);
  return sign(seed, message);
}

/**
 * Whether the signature holds. Strict, so that all verifiers agree: the cofactorless equation, S below the group order, the key
 * canonical, neither the key nor R of small order. Wrong lengths are false too.
 */
export function ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  return (
    publicKey.length === ED25519_PUBLIC_LENGTH &&
    signature.length === ED25519_SIGNATURE_LENGTH &&
    verify(publicKey, message, signature)
  );
}

/**
 * Accepts a public key on entry: 32 bytes, a canonical encoding, in the prime-order subgroup (so not of small order);
 * wire-spec/README.md on keys. Throws `key_invalid`.
 */
export function assertEd25519Public(publicKey: Uint8Array): void {
  if (publicKey.length !== ED25519_PUBLIC_LENGTH)
    throw new BeckonError('key_invalid', 'an Ed25519 key has 32 bytes');
  if (!ed25519IsPublic(publicKey))
    throw new BeckonError('key_invalid', 'the Ed25519 key is not a canonical point of prime order');
}

function assertSeed(seed: Uint8Array): void {
  if (seed.length !== ED25519_SEED_LENGTH)
    throw new BeckonError('key_invalid', 'an Ed25519 seed has 32 bytes');
}
