/** The feed of introductions: one row each, in the order in which they came, under its domain. */
import { domainName, time } from '../wire/items.ts';
import { splitIntroduction } from '../wire/notification.ts';
import { counts, sizes } from '../wire/registry.ts';
import { bytes, field, record, uint, type ValueOf } from '../wire/schema.ts';
import type { FeedItem, FeedPage, FeedRequest, FeedStore } from './api/feed.ts';
import { schemaCodec, type Engine, type Row } from './engine.ts';
import { after, behind, checkCursor, joined, name, ordered } from './keys.ts';
import { createRound } from './round.ts';

export const feedRow = record('feed', {
  sender: field(1, domainName),
  introduction: field(2, bytes(sizes.introduction)),
  firstSeen: field(3, time),
  expires: field(4, time),
});
export type FeedRow = ValueOf<typeof feedRow>;

/**
 * A feed never counts down, so that a client's place in it stays good when entries expire. It counts in milliseconds, so that
 * it does not begin again behind the places that clients hold when the tables are restored from a backup.
 */
export const sequenceRow = record('feed-sequence', { last: field(1, uint()) });

export interface FeedTables {
  readonly store: FeedStore;
  /** Inside a write. */
  append(domain: string, row: FeedRow): void;
  /** After the write. */
  tell(domain: string): void;
  count(): number;
}

/** Most rows that one read looks at. */
const maxSeen = 4096;
const cursorSize = 6;

export function createFeed(engine: Engine): FeedTables {
  const feed = engine.table('feed', schemaCodec(feedRow));
  const sequences = engine.table('feed_sequences', schemaCodec(sequenceRow));
  const expire = createRound({
    engine,
    table: feed,
    isOld: (row, now) => row.expires <= now,
    remove: (rows) => rows.forEach(({ key }) => feed.remove(key)),
  });

  const listeners = new Map<string, Set<() => void>>();

  return {
    tell: (domain) => listeners.get(domain)?.forEach((wake) => queueMicrotask(wake)),
    append(domain, row) {
      const prefix = name(domain);
      const last = Math.max((sequences.get(prefix)?.last ?? 0) + 1, row.firstSeen * 1000);
      sequences.put(prefix, { last });
      feed.put(joined(prefix, ordered(last)), row);
    },
    store: {
      async read(domain, request) {
        const prefix = name(domain);
        const place = checkCursor(request.after, cursorSize);
        const from = place === undefined ? prefix : after(joined(prefix, place));
        const rows = feed.range({ from, to: behind(prefix), limit: maxSeen });
        return pageOf(rows, request, (key) => key.slice(prefix.length));
      },
      subscribe(domain, wake) {
        const set = listeners.get(domain) ?? new Set();
        // One function may be given twice.
        const own = (): void => wake();
        listeners.set(domain, set.add(own));
        return () => {
          set.delete(own);
          if (set.size === 0 && listeners.get(domain) === set) listeners.delete(domain);
        };
      },
      expire,
    },
    count: () => feed.count(),
  };
}

function pageOf(
  rows: readonly Row<FeedRow>[],
  request: FeedRequest,
  cursorOf: (key: Uint8Array) => Uint8Array,
): FeedPage {
  const items: FeedItem[] = [];
  let next: Uint8Array | undefined;
  for (const { key, value } of rows) {
    if (items.length >= request.limit) break;
    next = cursorOf(key);
    if (value.expires > request.now && inBucket(value.introduction, request))
      items.push({ ...value, cursor: next });
  }
  return next === undefined ? { items } : { items, next };
}

function inBucket(introduction: Uint8Array, { bucket = 0, bits = 0 }: FeedRequest): boolean {
  const rest = counts.bucketBits - bits;
  return splitIntroduction(introduction).bucket >> rest === bucket >> rest;
}
