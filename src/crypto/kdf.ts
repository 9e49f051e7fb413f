import { createSha256 as createHash, sha256 as hash, sha256Into as hashInto } from '#primitives';
import type { IncrementalHash } from './primitives.ts';
import { BeckonError } from '../errors.ts';

export const HASH_LENGTH = 32;
/** SHA-256's block: the length to which HMAC pads its key. */
const BLOCK = 64;
/** Beyond this many bytes parts are hashed one by one rather than joined. */
const JOIN_MAX = 4096;
/** RFC 5869: at most 255 blocks of output. */
const EXPAND_MAX = 255 * HASH_LENGTH;
const EMPTY_SALT = new Uint8Array(HASH_LENGTH);

export type { IncrementalHash } from './primitives.ts';

/** Byte strings in one. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(totalLength(parts));
  writeParts(joined, 0, parts);
  return joined;
}

function writeParts(out: Uint8Array, offset: number, parts: readonly Uint8Array[]): void {
  let at = offset;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
}

function totalLength(parts: readonly Uint8Array[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
}

/** SHA-256 of the parts one after another (32 bytes). */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return hash(parts[0]!);
  if (totalLength(parts) <= JOIN_MAX) return hash(concat(...parts));
  return hashParts(parts);
}

/** SHA-256 of a stream: `update` as often as needed, then `digest` once. */
export function createSha256(): IncrementalHash {
  return createHash();
}

function hashParts(parts: readonly Uint8Array[]): Uint8Array {
  const state = createHash();
  for (const part of parts) state.update(part);
  return state.digest();
}

/**
 * HMAC-SHA256 (RFC 2104) of the parts one after another (32 bytes). Written over the bare hash and over buffers that are used
 * again: for the short inputs of key schedules a library's HMAC object costs several times the hash itself.
 */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const blockKey = key.length > BLOCK ? hash(key) : key;
  const length = BLOCK + totalLength(parts);
  const inner = innerOf(length);
  writeKey(inner, blockKey, 0x36);
  writeParts(inner, BLOCK, parts);
  writeKey(OUTER, blockKey, 0x5c);
  hashInto(inner, OUTER, BLOCK);
  const mac = hash(OUTER);
  inner.fill(0);
  OUTER.fill(0);
  return mac;
}

const INNER = new Uint8Array(1024);
const OUTER = new Uint8Array(BLOCK + HASH_LENGTH);
/** The beginnings of INNER by their length, made once each. */
const inners: Uint8Array[] = [];

function innerOf(length: number): Uint8Array {
  if (length > INNER.length) return new Uint8Array(length);
  return (inners[length] ??= INNER.subarray(0, length));
}

/** The key, padded with zeros to a block, every byte combined with `pad`. */
function writeKey(out: Uint8Array, key: Uint8Array, pad: number): void {
  for (let i = 0; i < key.length; i++) out[i] = key[i]! ^ pad;
  out.fill(pad, key.length, BLOCK);
}

/** HKDF-Extract (RFC 5869 section 2.2): a pseudorandom key of 32 bytes. An empty salt stands for 32 zeros. */
export function hkdfExtract(salt: Uint8Array, ...ikm: readonly Uint8Array[]): Uint8Array {
  return hmacSha256(salt.length === 0 ? EMPTY_SALT : salt, ...ikm);
}

/** HKDF-Expand (RFC 5869 section 2.3) of a pseudorandom key to `length` bytes, at most 8160. */
export function hkdfExpand(prk: Uint8Array, info: Uint8Array, length = HASH_LENGTH): Uint8Array {
  if (length === HASH_LENGTH) return hmacSha256(prk, info, ONE);
  if (length > EXPAND_MAX) throw new BeckonError('internal', 'HKDF gives at most 8160 bytes');
  const output = new Uint8Array(length);
  let block: Uint8Array = new Uint8Array(0);
  for (let at = 0, counter = 1; at < length; at += HASH_LENGTH, counter++) {
    block = hmacSha256(prk, block, info, Uint8Array.of(counter));
    output.set(block.subarray(0, length - at), at);
  }
  return output;
}

const ONE = Uint8Array.of(1);

/**
 * HKDF-SHA256 (RFC 5869) with an empty salt, as everywhere in the protocol: what the output is for, and for whom, stands in
 * `info`, a deterministic CBOR array that starts with "beckon/1 <purpose>".
 */
export function hkdf(ikm: Uint8Array, info: Uint8Array, length = HASH_LENGTH): Uint8Array {
  return hkdfExpand(hkdfExtract(EMPTY_SALT, ikm), info, length);
}
