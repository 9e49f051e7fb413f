/**
 * The pending table: a row for each ref, waiting or done, under its recipient domain and hash. Whoever has a domain can put
 * very many rows under one hash, and anybody can ask for it: no question reads more than so many rows, and none for long
 * without letting others in between.
 */
import { setImmediate } from 'node:timers/promises';
import type { PendingRef, PendingStore } from './api/pending.ts';
import { rawCodec, schemaCodec, type Engine } from './engine.ts';
import type { FeedTables } from './feed.ts';
import { after, behind, checkCursor, joined, name } from './keys.ts';
import { createPendingAdmit } from './pending-admit.ts';
import {
  createCounts,
  endOf,
  messageIdIn,
  pendingRef,
  pendingRow,
  quotaKeyOf,
  tombstone,
} from './pending-rows.ts';
import { createRound } from './round.ts';
import { createSubscribers } from './subscribers.ts';

export interface PendingTables {
  readonly store: PendingStore;
  /** The ref under a row's key that waits and is not marked *retraction*. */
  waiting(key: Uint8Array): PendingRef | undefined;
  /** Inside a write: until when its copy is here, undefined where it goes. */
  markBlind(key: Uint8Array, until: number | undefined): void;
  count(): number;
}

const tableName = 'pending';
/** Where the next page begins: the hash that tells refs of one recipient apart. */
const cursorSize = 32;
/** Most rows that one page looks at: behind that many that are done or expired the next page goes on. */
const maxSeen = 256;
/** Most rows under one recipient hash that `done` looks at, and how many of them at once. */
const maxRows = 16_384;
const slice = 512;

/** `hasRoom`: whether the disk has room beside its reserve; `dropPulled`: ends what was pulled of a row. */
export function createPending(
  engine: Engine,
  feed: FeedTables,
  hasRoom: () => boolean,
  dropPulled: (key: Uint8Array) => void,
): PendingTables {
  const pending = engine.table(tableName, schemaCodec(pendingRow));
  const rawRows = engine.table(tableName, rawCodec);
  const withCounts = createCounts(engine);
  const expire = createRound({
    engine,
    table: pending,
    isOld: (row, now) => endOf(row) <= now,
    remove: (rows) =>
      withCounts((counts) => {
        for (const { key, value } of rows) {
          dropPulled(key);
          pending.remove(key);
          counts.add(quotaKeyOf(value), -1);
        }
      }),
  });
  const subscribers = createSubscribers();
  const admit = createPendingAdmit({
    engine,
    pending: rawRows,
    withCounts,
    feed,
    hasRoom,
    tell: subscribers.tell,
    dropPulled,
  });

  /** The keys of rows with one of these message ids. */
  async function keysOf(prefix: Uint8Array, ids: ReadonlySet<string>): Promise<readonly Uint8Array[]> {
    const found: Uint8Array[] = [];
    let from = prefix;
    for (let seen = 0; seen < maxRows; seen += slice) {
      const rows = rawRows.range({ from, to: behind(prefix), limit: slice });
      for (const { key, value } of rows) if (ids.has(idText(messageIdIn(value)))) found.push(key);
      const last = rows.at(-1);
      if (last === undefined || rows.length < slice) break;
      from = after(last.key);
      await setImmediate();
    }
    return found;
  }

  const store: PendingStore = {
    admit,

    async poll(domain, recipientHash, { after: cursor, limit, now }) {
      const prefix = joined(name(domain), recipientHash);
      const place = checkCursor(cursor, cursorSize);
      let from = place === undefined ? prefix : after(joined(prefix, place));
      const items: PendingRef[] = [];
      for (let seen = 0; ;) {
        const rows = pending.range({ from, to: behind(prefix), limit });
        for (const { key, value } of rows) {
          if (value.done !== true && endOf(value) > now) items.push(pendingRef(value));
          if (items.length >= limit) return { items, next: key.slice(prefix.length) };
        }
        const last = rows.at(-1);
        if (rows.length < limit || last === undefined) return { items };
        seen += rows.length;
        if (seen >= maxSeen) return { items, next: last.key.slice(prefix.length) };
        from = after(last.key);
      }
    },

    async done(domain, recipientHash, ids) {
      const keys = await keysOf(joined(name(domain), recipientHash), new Set(ids.map(idText)));
      if (keys.length === 0) return 0;
      return engine.write(() => {
        const waiting = keys.flatMap((key) => {
          const value = pending.get(key);
          return value === undefined || value.done === true ? [] : [{ key, value }];
        });
        for (const { key, value } of waiting) {
          dropPulled(key);
          pending.put(key, tombstone(value));
        }
        return waiting.length;
      });
    },

    expire,

    subscribe: subscribers.subscribe,
  };
  return {
    store,
    waiting(key) {
      const row = pending.get(key);
      const waits = row !== undefined && row.done !== true && row.labels?.retraction !== true;
      return waits ? pendingRef(row) : undefined;
    },
    markBlind(key, until) {
      const row = pending.get(key);
      if (row === undefined) return;
      const { blind: _, ...rest } = row;
      pending.put(key, until === undefined ? rest : { ...rest, blind: until });
    },
    count: () => pending.count(),
  };
}

function idText(id: Uint8Array): string {
  return Buffer.from(id).toString('latin1');
}
