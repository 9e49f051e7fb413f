import { x25519 as multiply, x25519Base } from '#primitives';
import { BeckonError } from '../errors.ts';

export const X25519_LENGTH = 32;

/**
 * The canonical points of small order: with them a shared secret is known to everybody. (The others of the well-known list are
 * non-canonical encodings, refused as such.)
 */
const SMALL_ORDER = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].map((hex) => Uint8Array.from(hex.match(/../g)!, (byte) => Number.parseInt(byte, 16)));

/** The public key (32 bytes) of an X25519 scalar (32 bytes, clamped by the function as RFC 7748 says). */
export function x25519Public(scalar: Uint8Array): Uint8Array {
  assertScalar(scalar);
  return x25519Base(scalar);
}

/**
 * The shared secret (32 bytes) of a scalar and another's public key: X25519 of RFC 7748.
 * Throws `key_invalid` for a point that `assertX25519Public` refuses.
 */
export function x25519(scalar: Uint8Array, point: Uint8Array): Uint8Array {
  assertScalar(scalar);
  assertCanonical(point);
  const shared = multiply(scalar, point);
  // All zero: exactly the points of small order, whatever the scalar, since clamping makes it a multiple of eight.
  if (shared === undefined) throw smallOrder();
  return shared;
}

/**
 * Accepts a public key on entry: 32 bytes, canonical (below 2^255 - 19), not of small order; wire-spec/README.md on keys.
 * Throws `key_invalid`.
 */
export function assertX25519Public(point: Uint8Array): void {
  assertCanonical(point);
  for (const bad of SMALL_ORDER) if (sameBytes(point, bad)) throw smallOrder();
}

function assertScalar(scalar: Uint8Array): void {
  if (scalar.length !== X25519_LENGTH) throw new BeckonError('key_invalid', 'an X25519 key has 32 bytes');
}

function assertCanonical(point: Uint8Array): void {
  if (point.length !== X25519_LENGTH) throw new BeckonError('key_invalid', 'an X25519 key has 32 bytes');
  if (!isBelowPrime(point)) throw new BeckonError('key_invalid', 'the X25519 key is not canonical');
}

/** Whether 32 little-endian bytes are below 2^255 - 19. */
function isBelowPrime(point: Uint8Array): boolean {
  if (point[31]! !== 0x7f) return point[31]! < 0x7f;
  for (let i = 30; i > 0; i--) if (point[i]! !== 0xff) return true;
  return point[0]! < 0xed;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, i) => byte === b[i]);
}

function smallOrder(): BeckonError {
  return new BeckonError('key_invalid', 'the X25519 key is of small order');
}
