/** Looks for plaintext where none may be: in what passes over the wire, and in files on disk. */
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes that give something away, and what people call them. */
export interface Needle {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface Search {
  /** The next bytes of a stream. */
  push(piece: Uint8Array): void;
  /** Names of what was found so far. */
  readonly found: ReadonlySet<string>;
}

/** Searches one stream, also where its pieces meet. What is empty is never found. */
export function createSearch(needles: readonly Needle[]): Search {
  const found = new Set<string>();
  const keep = Math.max(0, ...needles.map(({ bytes }) => bytes.length - 1));
  let tail = Buffer.alloc(0);
  const look = (haystack: Buffer): void => {
    for (const { name, bytes } of needles)
      if (bytes.length > 0 && !found.has(name) && haystack.indexOf(bytes) >= 0) found.add(name);
  };
  return {
    found,
    push(piece) {
      const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.length);
      look(Buffer.concat([tail, bytes.subarray(0, keep)]));
      look(bytes);
      const end = bytes.length < keep ? Buffer.concat([tail, bytes]) : bytes;
      tail = Buffer.from(end.subarray(Math.max(0, end.length - keep)));
    },
  };
}

/** Searches all files below a directory. */
export async function searchDirectory(
  directory: string,
  needles: readonly Needle[],
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const search = createSearch(needles);
    for await (const piece of createReadStream(join(entry.parentPath, entry.name), {
      highWaterMark: 1 << 20,
    }))
      search.push(piece as Uint8Array);
    for (const name of search.found) found.add(name);
  }
  return found;
}
