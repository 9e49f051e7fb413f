/** Opens the store: lock, environments, schema version, tables. */
import { mkdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { BeckonError } from '../errors.ts';
import type { Store } from './api/store.ts';
import { createAside } from './aside.ts';
import { createAliases, type AliasTables } from './aliases.ts';
import { createBlobs } from './blobs.ts';
import { createCards } from './cards.ts';
import { createChunks } from './chunks.ts';
import { createCopies, type CopyTables } from './copies.ts';
import { createDeliveries } from './deliveries.ts';
import { createDirectoryStore } from './directory.ts';
import type { HasRoom } from './disk-room.ts';
import { createDomains } from './domains.ts';
import { openEngine, type Engine } from './engine.ts';
import { createEvents } from './events.ts';
import { createFeed } from './feed.ts';
import { createListed } from './listed.ts';
import { takeLock } from './lock.ts';
import { createGateways, type GatewayTables } from './gateways.ts';
import { createKept } from './kept.ts';
import { createMailQueue } from './mail-queue.ts';
import { createOutbox } from './outbox.ts';
import { createPending } from './pending.ts';
import { createPreferences } from './preferences.ts';
import { createPullQueue, type PullQueueTables } from './pull-queue.ts';
import { createPullRates } from './pull-rates.ts';
import { createStandingPulls } from './pulls.ts';
import { createStates } from './states.ts';
import { createTransit } from './transit.ts';
import { createUploads } from './uploads.ts';
import { createUsageCounts } from './usage.ts';
import { createUsers } from './users.ts';
import { createWatched } from './watched.ts';
import { blobsSpace, settleVersion, tablesSpace } from './version.ts';

export interface StoreOptions {
  /** Made with mode 0700 where it does not exist. */
  readonly dir: string;
  readonly clock: Clock;
  /** By which messages, uploads and what is kept end; `clock` unless told. */
  readonly expiry?: Clock;
  /**
   * Called at most once, when the disk failed. It must end the process: what was written last may or may not be there, so
   * nothing is acknowledged afterwards and every later write throws `storage_failed`.
   */
  readonly onFailure: (error: unknown) => void;
  /** Always by default. */
  readonly hasRoom?: HasRoom;
  /** Most trace events that are kept. */
  readonly maxEvents?: number;
}

/**
 * Throws `state_locked` (another process has it open), `state_invalid` (written by a newer version, or damaged) or
 * `storage_failed` (this process may not use the directory).
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const unlock = enter(options.dir);
  const opened: Engine[] = [];
  const open = (folder: string, mapSize: number) => {
    const engine = openEngine({ dir: join(options.dir, folder), mapSize, onFailure: options.onFailure });
    opened.push(engine);
    return engine;
  };
  let closing: Promise<void> | undefined;
  async function closeAll(): Promise<void> {
    for (const engine of opened) await engine.close();
    unlock();
  }
  const close = () => (closing ??= closeAll());
  try {
    const tables = open('tables', tablesSpace);
    await settleVersion(tables);
    const blobs = open('blobs', blobsSpace);
    return tables.opening(() => createStore(options, tables, blobs, close));
  } catch (error) {
    await close();
    if (error instanceof BeckonError) throw error;
    throw new BeckonError('state_invalid', 'the store cannot be opened', { cause: error });
  }
}

/** Makes the directory and locks it. */
function enter(dir: string): () => void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    return takeLock(join(dir, 'lock'));
  } catch (cause) {
    if (cause instanceof BeckonError) throw cause;
    throw new BeckonError('storage_failed', `${dir}: cannot be used by this user of the system`, { cause });
  }
}

function createStore(
  { clock, expiry = clock, hasRoom: diskHasRoom = () => true, maxEvents }: StoreOptions,
  tables: Engine,
  blobs: Engine,
  close: () => Promise<void>,
): Store {
  // What is free inside is counted where it matters only: counting takes longer than storing a small message.
  const hasRoom = (bytes: number): boolean => diskHasRoom(bytes, 0) || diskHasRoom(bytes, blobs.freeBytes());
  const usage = createUsageCounts(tables);
  const chunks = createChunks(blobs);
  const pulledUsage = createUsageCounts(tables, 'pulled_usage');
  const received = createUsageCounts(tables, 'received_usage');
  const usages = { own: usage, pulled: pulledUsage };
  const payloads = createBlobs(tables, chunks, usages, clock);
  const parts = { engine: tables, chunks, blobs: payloads.refs, usage, usages, clock: expiry, hasRoom };
  const uploads = createUploads(parts);
  const aside = createAside(tables);
  const states = createStates({ ...parts, uploads, aside });
  const kept = createKept({ ...parts, uploads, aside });
  const cards = createCards(tables, clock);
  const mailQueue = createMailQueue({ ...parts, uploads });
  const outbox = createOutbox(tables, expiry);
  const transit = createTransit({ ...parts, uploads, outbox, received });
  const feed = createFeed(tables);
  const pending = createPending(
    tables,
    feed,
    () => hasRoom(0),
    (key) => {
      queue.drop(key);
      copies.drop(key);
    },
  );
  const queue: PullQueueTables = createPullQueue({
    ...parts,
    uploads,
    pending,
    hasCopy: (key) => copies.has(key),
  });
  const copies: CopyTables = createCopies({ ...parts, usage: pulledUsage, uploads, pending, queue });
  const pulls = createStandingPulls(tables);
  const pullRates = createPullRates(tables);
  const domains = createDomains(tables, clock);
  const watched = createWatched(tables);
  const users = createUsers({
    engine: tables,
    watched,
    isAlias: (domain, addressHash) => aliases.has(domain, addressHash),
    forget(owner, how) {
      states.remove(owner);
      kept.removeAll(owner);
      cards.removeAll(owner);
      pulls.removeAll(owner);
      queue.removeAll(owner);
      copies.removeAll(owner);
      mailQueue.removeAll(owner);
      gateways.removeAll(owner);
      uploads.giveUpAll(owner);
      aliases.end(owner.domain, owner.user, how);
    },
    signerGone: (owner, device) => gateways.deviceGone(owner, device),
    clock,
  });
  const gateways: GatewayTables = createGateways({ engine: tables, changeSigners: users.changeSigners });
  const aliases: AliasTables = createAliases({ engine: tables, watched, isUser: users.has, clock });
  const events = createEvents(tables, maxEvents);

  return {
    transit: transit.store,
    deliveries: createDeliveries({ engine: tables, transit, uploads, received, outbox }),
    blobs: payloads.store,
    uploads: uploads.store,
    states: states.store,
    kept: kept.store,
    cards: cards.store,
    mailQueue: mailQueue.store,
    gateways: gateways.store,
    outbox: outbox.store,
    pending: pending.store,
    preferences: createPreferences(tables),
    pulls: {
      ...pulls,
      ...queue.store,
      take: pullRates.take,
      expire: async (now, limit) =>
        Math.max(await pulls.expire(now, limit), await pullRates.expire(now, limit)),
    },
    copies: copies.store,
    feed: feed.store,
    domains: domains.store,
    users: users.store,
    aliases: aliases.store,
    listed: createListed({ user: users.row, anyUser: users.first, aliases, watched }),
    directory: createDirectoryStore(tables),
    events: events.store,
    async stats() {
      const { count, oldest } = transit.waiting();
      return {
        messages: count,
        bytes: usage.total().bytes,
        asideBytes: aside.bytes(),
        hasRoom: hasRoom(0),
        kept: kept.count(),
        pulled: copies.count(),
        pulledBytes: pulledUsage.total().bytes,
        outbox: outbox.count(),
        mailQueue: mailQueue.store.count(),
        pending: pending.count(),
        feed: feed.count(),
        domains: domains.count(),
        users: users.count(),
        ...(oldest === undefined ? {} : { oldest }),
      };
    },
    // Tables first: chunks that came in between are orphans, which the next start removes.
    backup: (dir) =>
      payloads.withoutSweep(async () => {
        await events.flush();
        for (const [folder, engine] of [
          ['tables', tables],
          ['blobs', blobs],
        ] as const) {
          await mkdir(join(dir, folder), { recursive: true, mode: 0o700 });
          await engine.backup(join(dir, folder));
        }
      }),
    async close() {
      try {
        await transit.flush();
        await events.flush();
      } finally {
        await close();
      }
    },
  };
}
