/** One part of an upload: a stream into chunks, a few at a time, so that memory stays flat whatever the source sends. */
import { BeckonError } from '../errors.ts';
import type { UploadStatus } from './api/uploads.ts';
import { chunkSize } from './chunks.ts';

/** The most bytes of one part. */
export const maxPart = 32 * 1024 * 1024;
/** Chunks that are written together: the disk's flush costs about as much as a megabyte of writing. */
const groupChunks = 8;

export interface PartTarget {
  /** Bytes of the whole upload. */
  readonly size: number;
  /** Where the part begins. */
  readonly offset: number;
  /** A chunk that is there already. */
  tail(index: number): Uint8Array | undefined;
  /** Puts chunks on disk, from chunk `first` on; `news` are the bytes in them that are new. */
  store(first: number, group: readonly Uint8Array[], news: Uint8Array): Promise<void>;
  /** Notes how far the upload came: from here on the bytes count. */
  finish(received: number): Promise<UploadStatus>;
}

/**
 * The source verifies the part by its end, so bytes count only once all of them came: a part that fails leaves the upload as
 * it was. Throws `too_large`, whatever the target throws, or the source's own error.
 */
export async function writePart(
  target: PartTarget,
  source: AsyncIterable<Uint8Array>,
): Promise<UploadStatus> {
  const group = createGroup(target);
  for await (const piece of source) {
    const end = group.end() + piece.length;
    if (end > target.size) throw new BeckonError('too_large', 'more bytes than the upload was opened for');
    if (end - target.offset > maxPart) throw new BeckonError('too_large', 'a part holds at most 32 MiB');
    await group.add(piece);
  }
  await group.flush();
  return target.finish(group.end());
}

interface Group {
  add(piece: Uint8Array): Promise<void>;
  flush(): Promise<void>;
  /** Where the bytes so far end. */
  end(): number;
}

/**
 * A buffer that begins at a chunk's boundary and is written when it is full: a whole group, or what the upload still
 * lacks where that is less.
 */
function createGroup(target: PartTarget): Group {
  let first = Math.floor(target.offset / chunkSize);
  const wholeGroup = groupChunks * chunkSize;
  const buffer = new Uint8Array(Math.min(wholeGroup, target.size - first * chunkSize));
  let filled = target.offset - first * chunkSize;
  let storedInBuffer = filled;
  const tail = filled > 0 ? target.tail(first) : undefined;
  if (filled > 0 && (tail === undefined || tail.length < filled))
    throw new BeckonError('state_invalid', 'an upload lacks a chunk');
  if (tail !== undefined) buffer.set(tail.subarray(0, filled));

  async function flush(): Promise<void> {
    if (filled === storedInBuffer) return;
    const from = Math.floor(storedInBuffer / chunkSize);
    const group: Uint8Array[] = [];
    for (let at = from * chunkSize; at < filled; at += chunkSize)
      group.push(buffer.subarray(at, Math.min(filled, at + chunkSize)));
    const news = buffer.subarray(storedInBuffer, filled);
    await target.store(first + from, group, news);
    storedInBuffer = filled;
    if (filled < wholeGroup) return;
    first += groupChunks;
    filled = 0;
    storedInBuffer = 0;
  }

  return {
    async add(piece) {
      for (let at = 0; at < piece.length;) {
        const taken = Math.min(piece.length - at, buffer.length - filled);
        buffer.set(piece.subarray(at, at + taken), filled);
        filled += taken;
        at += taken;
        if (filled === buffer.length) await flush();
      }
    },
    flush,
    end: () => first * chunkSize + filled,
  };
}
