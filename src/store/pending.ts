/** The pending table: a row for each ref, waiting or done, under its recipient domain and hash. */
import type { PendingRef, PendingStore } from './api/pending.ts';
import { rawCodec, schemaCodec, type Engine } from './engine.ts';
import type { FeedTables } from './feed.ts';
import { after, behind, checkCursor, joined, name } from './keys.ts';
import { createPendingAdmit } from './pending-admit.ts';
import { createCounts, pendingRef, pendingRow, quotaKeyOf, tombstone } from './pending-rows.ts';
import { createRound } from './round.ts';
import { createSubscribers } from './subscribers.ts';

export interface PendingTables {
  readonly store: PendingStore;
  count(): number;
}

const tableName = 'pending';
/** Where the next page begins: the hash that tells refs of one recipient apart. */
const cursorSize = 32;
/** Most rows under one recipient hash that `done` looks at. */
const maxRows = 65_536;

export function createPending(engine: Engine, feed: FeedTables): PendingTables {
  const pending = engine.table(tableName, schemaCodec(pendingRow));
  const withCounts = createCounts(engine);
  const expire = createRound({
    engine,
    table: pending,
    isOld: (row, now) => row.expires <= now,
    remove: (rows) =>
      withCounts((counts) => {
        for (const { key, value } of rows) {
          pending.remove(key);
          counts.add(quotaKeyOf(value), -1);
        }
      }),
  });
  const subscribers = createSubscribers();
  const admit = createPendingAdmit({
    engine,
    pending: engine.table(tableName, rawCodec),
    withCounts,
    feed,
    tell: subscribers.tell,
  });

  const store: PendingStore = {
    admit,

    async poll(domain, recipientHash, { after: cursor, limit, now }) {
      const prefix = joined(name(domain), recipientHash);
      const place = checkCursor(cursor, cursorSize);
      let from = place === undefined ? prefix : after(joined(prefix, place));
      const items: PendingRef[] = [];
      for (;;) {
        const rows = pending.range({ from, to: behind(prefix), limit });
        for (const { key, value } of rows) {
          if (value.done !== true && value.expires > now) items.push(pendingRef(value));
          if (items.length >= limit) return { items, next: key.slice(prefix.length) };
        }
        const last = rows.at(-1);
        if (rows.length < limit || last === undefined) return { items };
        from = after(last.key);
      }
    },

    done(domain, recipientHash, ids) {
      const prefix = joined(name(domain), recipientHash);
      const wanted = new Set(ids.map(idText));
      return engine.write(() => {
        const waiting = pending
          .range({ from: prefix, to: behind(prefix), limit: maxRows })
          .filter(({ value }) => value.done !== true && wanted.has(idText(value.messageId)));
        for (const { key, value } of waiting) pending.put(key, tombstone(value));
        return waiting.length;
      });
    },

    expire,

    subscribe: subscribers.subscribe,
  };
  return { store, count: () => pending.count() };
}

function idText(id: Uint8Array): string {
  return Buffer.from(id).toString('latin1');
}
