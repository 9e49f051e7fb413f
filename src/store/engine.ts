/**
 * The embedded engine under the tables: one LMDB environment, its writes and its failures. The only importer of lmdb.
 *
 * Every change runs in a transaction of its own that is rolled back when it throws, and is on disk before its promise
 * resolves; concurrent changes share one flush. `overlappingSync` stays off, or readers would see what is not on disk yet.
 * After a failed flush the written data stays visible although it may be lost, so the first failure ends all writing.
 */
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { open, type Database, type RootDatabase } from 'lmdb';
import { BeckonError } from '../errors.ts';
import { decode, encode, type Schema } from '../wire/schema.ts';

export interface Codec<V> {
  encode(value: V): Uint8Array;
  decode(bytes: Uint8Array): V;
}

export interface Row<V> {
  readonly key: Uint8Array;
  readonly value: V;
}

/** Keys from `from` up to `to` (exclusive), at most `limit`, rising. */
export interface Range {
  readonly from?: Uint8Array | undefined;
  readonly to?: Uint8Array | undefined;
  readonly limit: number;
}

/** Reads see the last durable state, or inside a write also what it wrote. `put` and `remove` work inside a write only. */
export interface Table<V> {
  get(key: Uint8Array): V | undefined;
  has(key: Uint8Array): boolean;
  put(key: Uint8Array, value: V): void;
  remove(key: Uint8Array): void;
  range(range: Range): readonly Row<V>[];
  keys(range: Range): readonly Uint8Array[];
  lastKey(): Uint8Array | undefined;
  count(): number;
}

export interface Engine {
  table<V>(name: string, codec: Codec<V>): Table<V>;
  /** Tables that `make` opens are made in one transaction: each alone takes as long as all together. */
  opening<T>(make: () => T): T;
  /**
   * Runs `change` alone: all of it is on disk when the promise resolves, none of it is there when `change` throws.
   * Throws `storage_failed` when the disk failed, now or earlier.
   */
  write<T>(change: () => T): Promise<T>;
  /** Bytes of the file that hold nothing now: they are used before it grows. The file never shrinks. */
  freeBytes(): number;
  /** A consistent copy into a directory that exists. */
  backup(dir: string): Promise<void>;
  close(): Promise<void>;
}

export interface EngineOptions {
  readonly dir: string;
  /** Address space in bytes: an upper bound, no quota, and nothing is allocated. */
  readonly mapSize: number;
  readonly onFailure: (error: unknown) => void;
  /** Nothing is written, and a table that is not there is empty. */
  readonly readOnly?: boolean;
}

const maxTables = 64;
const maxKey = 1900;

/** The values of a table, by a schema of src/wire/schema.ts: fields that a newer version added are kept. */
export function schemaCodec<V>(schema: Schema<V>, maxSize = 64 * 1024): Codec<V> {
  return {
    encode: (value) => encode(schema, value),
    decode(bytes) {
      try {
        return decode(schema, bytes, maxSize);
      } catch (cause) {
        throw new BeckonError('state_invalid', 'a row of the store cannot be read', { cause });
      }
    },
  };
}

export const rawCodec: Codec<Uint8Array> = { encode: (value) => value, decode: (bytes) => bytes };

/** For indexes, where the key says all. */
export const emptyCodec: Codec<undefined> = { encode: () => new Uint8Array(1), decode: () => undefined };

export function openEngine(options: EngineOptions): Engine {
  const { readOnly = false } = options;
  if (!readOnly) mkdirSync(options.dir, { recursive: true, mode: 0o700 });
  const root: RootDatabase<Uint8Array, Uint8Array> = open({
    path: options.dir,
    name: null as unknown as string,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
    mapSize: options.mapSize,
    maxDbs: maxTables,
    readOnly,
  });
  if (!readOnly) keepPrivate(options.dir);
  const databases: Database<Uint8Array, Uint8Array>[] = [];
  const writes = createWrites((change) => root.childTransaction(change), options.onFailure);
  watchCommits(root, writes.fail);
  return {
    table(name, codec) {
      // Undefined for a table that is not there, which the types do not say.
      const database = root.openDB(name, { encoding: 'binary', keyEncoding: 'binary' }) as
        Database<Uint8Array, Uint8Array> | undefined;
      if (database === undefined) return emptyTable();
      databases.push(database);
      return createTable(database, codec, writes);
    },
    opening: (make) => root.transactionSync(make),
    freeBytes() {
      writes.expectOpen();
      return unusedBytes(databases.map((database) => database.getStats() as TreeStats));
    },
    write: writes.write,
    backup: (dir) => root.backup(dir, false),
    close: async () => {
      await writes.end();
      await root.close();
    },
  };
}

/** What lmdb's own write queue calls for each batch of transactions, its outcome as a number. */
interface NativeEnvironment {
  startWriting(address: number, ended: (status: number) => unknown): void;
}

/** Written and on disk; written; the callbacks of transactions are to run now. Everything else is an error of the system. */
const goodStatuses: readonly number[] = [0, 1, 2];

/**
 * A commit whose sync fails in the thread that writes is printed by lmdb and told to nobody: its promises never settle. So the
 * outcomes are looked at here, before lmdb does.
 */
function watchCommits(root: RootDatabase<Uint8Array, Uint8Array>, fail: (error: unknown) => void): void {
  const { env } = root as unknown as { readonly env: NativeEnvironment };
  const startWriting = env.startWriting.bind(env);
  const watched: NativeEnvironment['startWriting'] = (address, ended) =>
    startWriting(address, (status) => {
      if (!goodStatuses.includes(status)) fail(new Error(`a commit failed with status ${status}`));
      return ended(status);
    });
  // Read-only where it is inherited from.
  Object.defineProperty(env, 'startWriting', { value: watched });
}

/** Of LMDB: in pages. */
interface TreePages {
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

interface TreeStats extends TreePages {
  readonly pageSize: number;
  readonly lastPageNumber: number;
  /** The trees that every environment has. */
  readonly root: TreePages;
  readonly free: TreePages;
}

const metaPages = 2;

function unusedBytes(trees: readonly TreeStats[]): number {
  const [any] = trees;
  if (any === undefined) return 0;
  const used = [...trees, any.root, any.free].reduce((sum, tree) => sum + pagesOf(tree), metaPages);
  return Math.max(0, any.lastPageNumber + 1 - used) * any.pageSize;
}

function pagesOf({ treeBranchPageCount, treeLeafPageCount, overflowPages }: TreePages): number {
  return treeBranchPageCount + treeLeafPageCount + overflowPages;
}

function keepPrivate(dir: string): void {
  chmodSync(dir, 0o700);
  for (const file of ['data.mdb', 'lock.mdb']) chmodSync(join(dir, file), 0o600);
}

export interface Writes {
  write<T>(change: () => T): Promise<T>;
  /** Throws unless a write runs. */
  expectWrite(): void;
  /** Throws `unavailable` after the end: reading a closed environment would end the process. */
  expectOpen(): void;
  /** Runs one operation of the engine inside a write: its errors are failures of the disk, not of the change. */
  operate(operation: () => void): void;
  /** The disk failed: told once, and everything written from now on throws. */
  fail(error: unknown): void;
  /** No more writes; resolves when those on their way ended. */
  end(): Promise<void>;
}

/** The rules of writing, over any `transact` that rolls back a change that throws. */
export function createWrites(
  transact: <T>(change: () => T) => Promise<T>,
  onFailure: (error: unknown) => void,
): Writes {
  let failed = false;
  let ended = false;
  let running = false;
  let engineError: unknown;
  const open = new Set<Promise<unknown>>();

  function fail(error: unknown): BeckonError {
    if (!failed) {
      failed = true;
      onFailure(error);
    }
    return new BeckonError('storage_failed', 'the disk failed: nothing more is stored', { cause: error });
  }

  async function attempt<T>(change: () => T): Promise<T> {
    let thrown: unknown;
    try {
      const result = await transact(() => {
        running = true;
        try {
          return change();
        } catch (error) {
          thrown = error;
          throw error;
        } finally {
          running = false;
        }
      });
      if (!failed) return result;
    } catch (error) {
      if (error === thrown && engineError === undefined && !failed) throw error;
      quiet(error);
      throw fail(engineError ?? error);
    }
    throw fail(undefined);
  }

  return {
    async write(change) {
      if (failed) throw fail(undefined);
      if (ended) throw closed();
      const outcome = attempt(change);
      open.add(outcome);
      try {
        return await outcome;
      } finally {
        open.delete(outcome);
      }
    },
    expectWrite() {
      if (!running) throw new BeckonError('internal', 'tables change inside a write only');
    },
    expectOpen() {
      if (ended && open.size === 0) throw closed();
    },
    operate(operation) {
      try {
        operation();
      } catch (error) {
        engineError = error;
        throw error;
      }
    },
    fail: (error) => void fail(error),
    async end() {
      ended = true;
      await Promise.allSettled(open);
    },
  };
}

function closed(): BeckonError {
  return new BeckonError('unavailable', 'the store is closed');
}

/** A failed commit carries a second promise with the cause, which nobody else awaits. */
function quiet(error: unknown): void {
  const cause = (error as { commitError?: Promise<unknown> } | undefined)?.commitError;
  cause?.catch(() => {});
}

function emptyTable<V>(): Table<V> {
  const refuse = () => {
    throw new BeckonError('internal', 'what was opened for reading is not written');
  };
  return {
    get: () => undefined,
    has: () => false,
    put: refuse,
    remove: refuse,
    range: () => [],
    keys: () => [],
    lastKey: () => undefined,
    count: () => 0,
  };
}

function createTable<V>(
  database: Database<Uint8Array, Uint8Array>,
  codec: Codec<V>,
  writes: Writes,
): Table<V> {
  const bounds = ({ from, to, limit }: Range) => {
    writes.expectOpen();
    return {
      limit,
      ...(from === undefined ? {} : { start: from }),
      ...(to === undefined ? {} : { end: to }),
    };
  };
  return {
    get(key) {
      writes.expectOpen();
      const bytes = database.getBinary(key);
      return bytes === undefined ? undefined : codec.decode(bytes);
    },
    has(key) {
      writes.expectOpen();
      return database.doesExist(key);
    },
    put(key, value) {
      writes.expectWrite();
      if (key.length === 0 || key.length > maxKey)
        throw new BeckonError('internal', 'the key of a row is empty or too long');
      const bytes = codec.encode(value);
      writes.operate(() => database.putSync(key, bytes));
    },
    remove(key) {
      writes.expectWrite();
      writes.operate(() => database.removeSync(key));
    },
    range: (range) =>
      Array.from(database.getRange(bounds(range)), ({ key, value }) => ({
        key: new Uint8Array(key),
        value: codec.decode(value),
      })),
    keys: (range) => Array.from(database.getKeys(bounds(range)), (key) => new Uint8Array(key)),
    lastKey() {
      writes.expectOpen();
      for (const key of database.getKeys({ reverse: true, limit: 1 })) return new Uint8Array(key);
      return undefined;
    },
    count() {
      writes.expectOpen();
      return (database.getStats() as { entryCount: number }).entryCount;
    },
  };
}
