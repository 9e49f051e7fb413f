/** The chunks of blobs, in their own environment so that large writes do not slow the tables. */
import { rawCodec, type Engine } from './engine.ts';
import { behind, joined } from './keys.ts';

/** Bytes in each chunk but the last. */
export const chunkSize = 256 * 1024;

export const blobIdSize = 16;

export interface Chunks {
  get(blob: Uint8Array, index: number): Uint8Array | undefined;
  /** Writes chunks from `first` on; on disk when it resolves. */
  put(blob: Uint8Array, first: number, chunks: readonly Uint8Array[]): Promise<void>;
  /** Removes at most `limit` chunks. Returns how many; below `limit` none is left. */
  remove(blob: Uint8Array, limit: number): Promise<number>;
  /** The first blob with chunks that sorts behind this one. */
  nextBlob(blob: Uint8Array | undefined): Uint8Array | undefined;
  count(): number;
}

export function createChunks(engine: Engine): Chunks {
  const table = engine.table('chunks', rawCodec);
  return {
    get: (blob, index) => table.get(chunkKey(blob, index)),
    put: (blob, first, chunks) =>
      engine.write(() => chunks.forEach((chunk, i) => table.put(chunkKey(blob, first + i), chunk))),
    remove: (blob, limit) =>
      engine.write(() => {
        const keys = table.keys({ from: blob, to: behind(blob), limit });
        keys.forEach((key) => table.remove(key));
        return keys.length;
      }),
    nextBlob(blob) {
      const [key] = table.keys({ from: blob === undefined ? undefined : behind(blob), limit: 1 });
      return key?.slice(0, blobIdSize);
    },
    count: () => table.count(),
  };
}

function chunkKey(blob: Uint8Array, index: number): Uint8Array {
  const position = new Uint8Array(4);
  new DataView(position.buffer).setUint32(0, index);
  return joined(blob, position);
}
