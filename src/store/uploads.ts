/** Uploads: payloads on their way in. Chunks are on disk before the row says so; a day without a commit ends an upload. */
import { setImmediate } from 'node:timers/promises';
import { BeckonError } from '../errors.ts';
import type { Clock } from '../clock.ts';
import { domainName, hash, length, time } from '../wire/items.ts';
import { field, record, type ValueOf } from '../wire/schema.ts';
import type { Owner } from './api/terms.ts';
import type { UsageLimits } from './api/transit.ts';
import type { UploadStatus, UploadStore } from './api/uploads.ts';
import { blobId, type BlobKind, type BlobRefs, type Usages } from './blobs.ts';
import { chunkSize, type Chunks } from './chunks.ts';
import { startHash, type RunningHash } from './digest.ts';
import { emptyCodec, schemaCodec, type Engine } from './engine.ts';
import { behind, joined, ordered, ownerKey } from './keys.ts';
import { writePart, type PartTarget } from './part.ts';

/** How long an upload may wait for its commit, seconds. */
export const uploadLife = 86_400;
export const uploadIdSize = 16;
/** Running hashes kept in memory; the others are computed again from the chunks. */
const maxHashes = 1024;
/** Uploads that go with their user at once; more end with their day. */
const maxGivenUp = 10_000;

export const uploadRow = record('upload', {
  blob: field(1, blobId),
  size: field(2, length),
  received: field(3, length),
  created: field(4, time),
  domain: field(5, domainName),
  user: field(6, hash),
});
type UploadRow = ValueOf<typeof uploadRow>;

/** A complete upload, as a commit wants it. */
export interface CompleteUpload {
  readonly blob: Uint8Array;
  readonly size: number;
  readonly hash: Uint8Array;
}

export interface UploadTables {
  readonly store: UploadStore;
  /** As `store.open`, of what is pulled: room for all of it must be there, and nothing of it counts before `count` says so. */
  openPulled(owner: Owner, id: Uint8Array, size: number, limits: UsageLimits): Promise<UploadStatus>;
  /** So many bytes of what is pulled count from now on. Throws `not_found`, `quota_exceeded`. */
  count(owner: Owner, id: Uint8Array, bytes: number, limits: UsageLimits): Promise<void>;
  /** Of what is pulled only what came counts; an upload of which nothing came is given up. Not while a part is being written. */
  rest(owner: Owner, id: Uint8Array): Promise<void>;
  /** The complete upload with its hash; undefined where there is none. Before a commit. */
  complete(owner: Owner, id: Uint8Array): Promise<CompleteUpload | undefined>;
  /** Inside a write: gives up those of an owner, but for parts that are being written: they end with their day. */
  giveUpAll(owner: Owner): void;
  /** Inside a write: gives one up, but for a part that is being written. False where it is not there. */
  giveUp(owner: Owner, id: Uint8Array): boolean;
  /** Inside a write: the upload ends, its reference to the blob goes over to the caller. False where it is gone. */
  consume(owner: Owner, id: Uint8Array, blob: Uint8Array): boolean;
}

export interface UploadParts {
  readonly engine: Engine;
  readonly chunks: Chunks;
  readonly blobs: BlobRefs;
  readonly usages: Usages;
  readonly clock: Clock;
  readonly hasRoom: (bytes: number) => boolean;
}

interface HashUpTo {
  readonly hash: RunningHash;
  readonly at: number;
}

export function createUploads(parts: UploadParts): UploadTables {
  const { engine, chunks, blobs, usages, clock, hasRoom } = parts;
  const uploads = engine.table('uploads', schemaCodec(uploadRow));
  const byAge = engine.table('uploads_by_age', emptyCodec);
  const hashes = new Map<string, HashUpTo>();
  const busy = new Set<string>();

  function keyOf(owner: Owner, id: Uint8Array): Uint8Array {
    if (id.length !== uploadIdSize) throw new BeckonError('request_invalid', 'an upload id has 16 bytes');
    return joined(ownerKey(owner), id);
  }

  function remember(blob: Uint8Array, running: HashUpTo): void {
    const name = text(blob);
    hashes.delete(name);
    hashes.set(name, running);
    const [oldest] = hashes.keys();
    if (hashes.size > maxHashes && oldest !== undefined) hashes.delete(oldest);
  }

  /** The hash of the first `upTo` bytes, from memory or from the chunks. */
  async function hashOf(blob: Uint8Array, upTo: number): Promise<RunningHash> {
    const running = hashes.get(text(blob));
    if (running?.at === upTo) return running.hash;
    const fresh = startHash();
    for (let at = 0; at < upTo; at += chunkSize) {
      const chunk = chunks.get(blob, at / chunkSize);
      if (chunk === undefined) throw new BeckonError('conflict', 'the upload ended meanwhile');
      fresh.add(chunk.subarray(0, Math.min(chunk.length, upTo - at)));
      await setImmediate();
    }
    remember(blob, { hash: fresh, at: upTo });
    return fresh;
  }

  function removeRow(key: Uint8Array, row: UploadRow): void {
    uploads.remove(key);
    byAge.remove(joined(ordered(row.created), key));
    hashes.delete(text(row.blob));
  }

  /** Not while a part is being written: its chunks would be left over. */
  function giveUp(key: Uint8Array): boolean {
    const row = uploads.get(key);
    if (row === undefined || busy.has(text(key))) return false;
    removeRow(key, row);
    blobs.release(row.blob);
    return true;
  }

  function openRow(owner: Owner, key: Uint8Array, size: number, kind: BlobKind, counted = size): UploadRow {
    const row: UploadRow = {
      blob: blobs.create(owner, size, kind, counted),
      size,
      received: 0,
      created: clock.seconds(),
      domain: owner.domain,
      user: owner.user,
    };
    uploads.put(key, row);
    byAge.put(joined(ordered(row.created), key), undefined);
    return row;
  }

  /** `verified` is the hash of what was received before: a part that fails must not touch it. */
  function targetOf(key: Uint8Array, row: UploadRow, verified: RunningHash): PartTarget {
    const running = verified.copy();
    return {
      size: row.size,
      offset: row.received,
      tail: (index) => chunks.get(row.blob, index),
      async store(first, group, news) {
        expectRoom(news.length);
        await chunks.put(row.blob, first, group);
        running.add(news);
      },
      async finish(received) {
        await engine.write(() => {
          const now = uploads.get(key);
          if (now === undefined) throw new BeckonError('not_found', 'the upload ended meanwhile');
          uploads.put(key, { ...now, received });
        });
        remember(row.blob, { hash: running, at: received });
        return { size: row.size, received };
      },
    };
  }

  async function writeAlone(key: Uint8Array, offset: number, source: AsyncIterable<Uint8Array>) {
    const row = uploads.get(key);
    if (row === undefined) throw new BeckonError('not_found', 'there is no such upload');
    if (offset !== row.received)
      throw new BeckonError('conflict', 'a part begins where the one before it ended');
    return writePart(targetOf(key, row, await hashOf(row.blob, row.received)), source);
  }

  function rowOf(key: Uint8Array, size: number): UploadRow | undefined {
    const row = uploads.get(key);
    if (row !== undefined && row.size !== size)
      throw new BeckonError('conflict', 'this upload was opened with another size');
    return row;
  }

  function expectRoom(bytes: number): void {
    if (!hasRoom(bytes)) throw new BeckonError('storage_full', 'the disk is full but for its reserve');
  }

  /** Throws where so many bytes more would not fit; counts nothing. */
  function expectShare(owner: Owner, bytes: number, limits: UsageLimits): void {
    usages.pulled.change(owner, { bytes }, limits);
    usages.pulled.change(owner, { bytes: -bytes });
  }

  const store: UploadStore = {
    async open(owner, id, size, limits) {
      const key = keyOf(owner, id);
      return await engine.write((): UploadStatus => {
        const row = rowOf(key, size);
        if (row !== undefined) return { size, received: row.received };
        expectRoom(size);
        usages.own.change(owner, { bytes: size }, limits);
        return { size, received: openRow(owner, key, size, 'own').received };
      });
    },
    async status(owner, id) {
      const row = uploads.get(keyOf(owner, id));
      return row === undefined ? undefined : { size: row.size, received: row.received };
    },
    async write(owner, id, offset, source) {
      const key = keyOf(owner, id);
      const name = text(key);
      if (busy.has(name)) throw new BeckonError('conflict', 'another part of this upload is being written');
      busy.add(name);
      try {
        return await writeAlone(key, offset, source);
      } finally {
        busy.delete(name);
      }
    },
    async abandon(owner, id) {
      const key = keyOf(owner, id);
      if (busy.has(text(key))) throw new BeckonError('conflict', 'a part of this upload is being written');
      await engine.write(() => giveUp(key));
    },
    expire(now, limit) {
      return engine.write(() => {
        const old = byAge.keys({ to: ordered(Math.max(0, now - uploadLife)), limit });
        return old.filter((key) => giveUp(key.slice(6))).length;
      });
    },
  };

  return {
    store,
    async openPulled(owner, id, size, limits) {
      const key = keyOf(owner, id);
      return await engine.write((): UploadStatus => {
        const row = rowOf(key, size);
        const missing = size - (row === undefined ? 0 : blobs.counted(row.blob));
        if (missing > 0) expectRoom(missing);
        expectShare(owner, missing, limits);
        return { size, received: (row ?? openRow(owner, key, size, 'pulled', 0)).received };
      });
    },
    async count(owner, id, bytes, limits) {
      const key = keyOf(owner, id);
      const row = uploads.get(key);
      if (row !== undefined && blobs.counted(row.blob) >= bytes) return;
      await engine.write(() => {
        const now = uploads.get(key);
        if (now === undefined) throw new BeckonError('not_found', 'there is no such upload');
        blobs.count(now.blob, bytes, limits);
      });
    },
    async rest(owner, id) {
      const key = keyOf(owner, id);
      await engine.write(() => {
        const row = uploads.get(key);
        if (row === undefined || busy.has(text(key))) return;
        if (row.received === 0) giveUp(key);
        else blobs.count(row.blob, row.received);
      });
    },
    giveUp: (owner, id) => giveUp(keyOf(owner, id)),
    giveUpAll(owner) {
      const prefix = ownerKey(owner);
      const keys = uploads.keys({ from: prefix, to: behind(prefix), limit: maxGivenUp });
      for (const key of keys) giveUp(key);
    },
    async complete(owner, id) {
      const row = uploads.get(keyOf(owner, id));
      if (row === undefined || row.received !== row.size) return undefined;
      const running = await hashOf(row.blob, row.size);
      return { blob: row.blob, size: row.size, hash: running.soFar() };
    },
    consume(owner, id, blob) {
      const key = keyOf(owner, id);
      const row = uploads.get(key);
      if (row === undefined || text(row.blob) !== text(blob)) return false;
      removeRow(key, row);
      return true;
    },
  };
}

function text(key: Uint8Array): string {
  return Buffer.from(key).toString('latin1');
}
