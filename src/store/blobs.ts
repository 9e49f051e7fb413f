/**
 * Blobs: who refers to each, reading them, and removing those that nobody refers to. Payloads that came with their commit lie in a table
 * beside the rows, in the same write: so such a commit waits for the disk once. All others are chunks.
 */
import type { Clock } from '../clock.ts';
import { BeckonError } from '../errors.ts';
import { domainName, hash, length } from '../wire/items.ts';
import { bool, bytes, field, optional, record, uint, type ValueOf } from '../wire/schema.ts';
import type { BlobRef, BlobStore } from './api/blobs.ts';
import type { Owner } from './api/terms.ts';
import { blobIdSize, chunkSize, type Chunks } from './chunks.ts';
import { randomId } from './digest.ts';
import { emptyCodec, rawCodec, schemaCodec, type Engine } from './engine.ts';
import { joined, ordered } from './keys.ts';
import type { UsageLimits } from './api/transit.ts';
import type { UsageCounts } from './usage.ts';

export const blobRow = record('blob', {
  size: field(1, length),
  /** Messages that refer to it; the upload it comes from counts as one. */
  references: field(2, uint()),
  domain: field(3, domainName),
  user: field(4, hash),
  /** Pulled for the user: it counts apart. */
  pulled: optional(5, bool),
  /** How much of it counts in the owner's usage, where that is not all of it. */
  counted: optional(6, length),
});
type BlobRow = ValueOf<typeof blobRow>;

export const blobId = bytes(blobIdSize);

/** What counts its bytes: the user's own usage, or that of what was pulled for the user. */
export type BlobKind = 'own' | 'pulled';
export type Usages = Readonly<Record<BlobKind, UsageCounts>>;

/** The steps that other tables take inside their own writes. */
export interface BlobRefs {
  /** A new blob with one reference, whose bytes, or `counted` of them, were counted in the owner's usage of this kind. */
  create(owner: Owner, size: number, kind: BlobKind, counted?: number): Uint8Array;
  /** So many of its bytes count from now on. Throws as `UsageCounts.change`. */
  count(id: Uint8Array, bytes: number, limits?: UsageLimits): void;
  /** How many of its bytes count. */
  counted(id: Uint8Array): number;
  /** The same of a small payload, with its bytes, in the owner's own usage. Throws `too_large` above one chunk. */
  createSmall(owner: Owner, payload: Uint8Array): Uint8Array;
  refer(id: Uint8Array, references: number): void;
  /** Takes one reference away; the last one gives the blob to the sweep and its bytes back to the owner. */
  release(id: Uint8Array): void;
}

export interface BlobTables {
  readonly store: BlobStore;
  readonly refs: BlobRefs;
  /** Runs `work` while nothing is swept. */
  withoutSweep<T>(work: () => Promise<T>): Promise<T>;
}

export function createBlobs(engine: Engine, chunks: Chunks, usages: Usages, clock: Clock): BlobTables {
  const blobs = engine.table('blobs', schemaCodec(blobRow));
  const small = createSmallPayloads(engine);
  const read: ReadChunk = (id, index) => (index === 0 ? small.get(id) : undefined) ?? chunks.get(id, index);
  /** Blobs whose chunks are to be removed. */
  const dead = engine.table('dead_blobs', emptyCodec);
  const readers = createReaders();
  let paused = 0;
  /** How far the search for chunks without a blob has come; it is made once, in the first sweeps after the start. */
  let searched: Uint8Array | 'all' | undefined;

  function ownerOf(row: BlobRow): Owner {
    return { domain: row.domain, user: row.user };
  }

  function existing(id: Uint8Array): BlobRow {
    const row = blobs.get(id);
    if (row === undefined)
      throw new BeckonError('state_invalid', 'a message refers to a payload that is gone');
    return row;
  }

  async function removeDead(limit: number): Promise<number> {
    let done = 0;
    for (const id of dead.keys({ limit })) {
      if (readers.isRead(id)) continue;
      const room = limit - done;
      if (room <= 0) return done;
      const removed = await chunks.remove(id, room);
      done += removed;
      if (removed < room) await engine.write(() => dead.remove(id));
    }
    return done;
  }

  /** Such chunks are left when tables were restored that are older than the chunks. */
  async function findOrphans(limit: number): Promise<number> {
    let seen = 0;
    while (searched !== 'all' && seen < limit) {
      const id = chunks.nextBlob(searched);
      if (id !== undefined && !blobs.has(id) && !dead.has(id))
        await engine.write(() => dead.put(id, undefined));
      searched = id ?? 'all';
      if (id !== undefined) seen++;
    }
    return seen;
  }

  function create({ domain, user }: Owner, size: number, kind: BlobKind, counted = size): Uint8Array {
    // Those that come together lie together: a write then touches few pages, and a random place for each would touch many.
    const arrived = ordered(clock.seconds());
    const id = joined(arrived, randomId(blobIdSize - arrived.length));
    const pulled = kind === 'pulled' ? { pulled: true } : {};
    const part = counted === size ? {} : { counted };
    blobs.put(id, { size, references: 1, domain, user, ...pulled, ...part });
    return id;
  }

  function usageOf({ pulled }: BlobRow): UsageCounts {
    return usages[pulled === true ? 'pulled' : 'own'];
  }

  return {
    refs: {
      create,
      counted: (id) => countedOf(existing(id)),
      count(id, bytes, limits) {
        const row = existing(id);
        const { counted: _, ...rest } = row;
        usageOf(row).change(ownerOf(row), { bytes: bytes - countedOf(row) }, limits);
        blobs.put(id, bytes === row.size ? rest : { ...rest, counted: bytes });
      },
      createSmall(owner, payload) {
        if (payload.length > chunkSize)
          throw new BeckonError('too_large', 'a payload of more than one chunk needs an upload');
        const id = create(owner, payload.length, 'own');
        small.put(id, payload);
        return id;
      },
      refer(id, references) {
        const row = existing(id);
        blobs.put(id, { ...row, references: row.references + references });
      },
      release(id) {
        const row = existing(id);
        if (row.references > 1) return blobs.put(id, { ...row, references: row.references - 1 });
        blobs.remove(id);
        // Whoever reads it has all of it already.
        if (small.has(id)) small.remove(id);
        else dead.put(id, undefined);
        usageOf(row).change(ownerOf(row), { bytes: -countedOf(row) });
      },
    },
    store: {
      read(blob, start, end) {
        checkRange(blob, start, end);
        return readRange(read, readers, blob, start, end);
      },
      readAtOnce(blob, start, end) {
        checkRange(blob, start, end);
        if (start === end) return new Uint8Array();
        return end <= chunkEnd(start) ? partOf(read, blob, start, end) : undefined;
      },
      async sweep(limit) {
        if (paused > 0) return 0;
        const seen = await findOrphans(limit);
        return seen + (await removeDead(limit));
      },
    },
    async withoutSweep(work) {
      paused++;
      try {
        return await work();
      } finally {
        paused--;
      }
    },
  };
}

export function countedOf({ size, counted = size }: BlobRow): number {
  return counted;
}

/** Payloads that lie beside the rows, whole, by the id of their blob. */
export function createSmallPayloads(engine: Engine) {
  return engine.table('small_payloads', rawCodec);
}

type ReadChunk = (id: Uint8Array, index: number) => Uint8Array | undefined;

async function* readRange(
  read: ReadChunk,
  readers: Readers,
  blob: BlobRef,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  const done = readers.enter(blob.id);
  try {
    for (let at = start; at < end;) {
      const until = Math.min(end, chunkEnd(at));
      yield partOf(read, blob, at, until);
      at = until;
    }
  } finally {
    done();
  }
}

function checkRange(blob: BlobRef, start: number, end: number): void {
  if (start < 0 || start > end || end > blob.size)
    throw new BeckonError('range_invalid', 'the range is not within the payload');
}

/** Where the chunk with this byte ends. */
function chunkEnd(at: number): number {
  return (Math.floor(at / chunkSize) + 1) * chunkSize;
}

/** Bytes within one chunk. */
function partOf(read: ReadChunk, { id }: BlobRef, start: number, end: number): Uint8Array {
  const index = Math.floor(start / chunkSize);
  const base = index * chunkSize;
  const chunk = read(id, index);
  if (chunk === undefined || chunk.length < end - base)
    throw new BeckonError('message_gone', 'the payload is not there any more');
  return chunk.subarray(start - base, end - base);
}

interface Readers {
  enter(id: Uint8Array): () => void;
  isRead(id: Uint8Array): boolean;
}

/** Who reads which blob now: these are not swept. */
function createReaders(): Readers {
  const counts = new Map<string, number>();
  const keyOf = (id: Uint8Array) => Buffer.from(id).toString('latin1');
  return {
    enter(id) {
      const key = keyOf(id);
      counts.set(key, (counts.get(key) ?? 0) + 1);
      return () => {
        const left = (counts.get(key) ?? 1) - 1;
        if (left > 0) counts.set(key, left);
        else counts.delete(key);
      };
    },
    isRead: (id) => counts.has(keyOf(id)),
  };
}
