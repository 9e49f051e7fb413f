/** Hashes, comparisons and fresh ids of the store: the only file of this room that uses cryptography. */
import { createHash, hash, randomBytes, timingSafeEqual, type Hash } from 'node:crypto';

export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(hash('sha256', bytes, 'buffer'));
}

/** In constant time for equal lengths. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

export function randomId(length: number): Uint8Array {
  return new Uint8Array(randomBytes(length));
}

/** SHA-256 over what was added so far; it can go on afterwards. */
export interface RunningHash {
  add(bytes: Uint8Array): void;
  /** One that goes on by itself from here. */
  copy(): RunningHash;
  soFar(): Uint8Array;
}

export function startHash(running: Hash = createHash('sha256')): RunningHash {
  return {
    add: (bytes) => void running.update(bytes),
    copy: () => startHash(running.copy()),
    soFar: () => new Uint8Array(running.copy().digest()),
  };
}
