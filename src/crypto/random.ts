import { randomBytes } from '#primitives';

/** A source of randomness, injected wherever a key, nonce, salt or id is made: `length` fresh uniform bytes. */
export type Random = (length: number) => Uint8Array;

/** The operating system's generator: what everything but a test or a vector uses. */
export const systemRandom: Random = randomBytes;
