/** Ciphertext of payloads, in chunks, apart from the tables. */
import type { BlobRef } from './transit.ts';

export type { BlobRef } from './transit.ts';

export interface BlobStore {
  /**
   * The bytes from `start` to `end` (exclusive), a chunk at a time: memory stays flat and the consumer sets the pace. A
   * blob that is removed while it is read is kept until the reader is done. Throws `range_invalid`, `message_gone`.
   */
  read(blob: BlobRef, start: number, end: number): AsyncIterable<Uint8Array>;
  /** The same bytes at once where they lie in one chunk, at most 256 KiB; undefined where they do not. Throws alike. */
  readAtOnce(blob: BlobRef, start: number, end: number): Uint8Array | undefined;
  /** Removes at most `limit` chunks of blobs that nobody refers to. Returns how many; below `limit` all are gone. */
  sweep(limit: number): Promise<number>;
}
