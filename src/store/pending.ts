/** The pending table: a row for each ref, waiting or done, under its recipient domain and hash. */
import { domainName, messageId, time } from '../wire/items.ts';
import { refLabels, type Ref } from '../wire/notification.ts';
import { bool, field, optional, record, text, uint, type ValueOf } from '../wire/schema.ts';
import type { Admission, Admitted, PendingRef, PendingStore } from './api/pending.ts';
import { schemaCodec, type Engine } from './engine.ts';
import type { FeedTables } from './feed.ts';
import { createIntroductionRate } from './introduction-rate.ts';
import { after, behind, checkCursor, joined, name, refHash } from './keys.ts';
import { createRound } from './round.ts';
import { createSubscribers } from './subscribers.ts';

const pendingRow = record('pending', {
  messageId: field(1, messageId),
  sender: field(2, domainName),
  expires: field(3, time),
  firstSeen: field(4, time),
  sizeClass: field(5, uint(63)),
  labels: optional(6, refLabels),
  /** Whose quota it counts in, where that is not the sender itself. */
  quotaKey: optional(7, text(253)),
  /** A tombstone: collected, but kept until it expires so that a repetition does not rise again. */
  done: optional(8, bool),
});
type PendingRow = ValueOf<typeof pendingRow>;

const countRow = record('pending-count', { refs: field(1, uint()) });

type Fate = keyof Admitted;

export interface PendingTables {
  readonly store: PendingStore;
  count(): number;
}

/** Where the next page begins: the hash that tells refs of one recipient apart. */
const cursorSize = 32;
/** Most rows under one recipient hash that `done` looks at. */
const maxRows = 65_536;

export function createPending(engine: Engine, feed: FeedTables): PendingTables {
  const pending = engine.table('pending', schemaCodec(pendingRow));
  const quotas = engine.table('pending_counts', schemaCodec(countRow));
  const rate = createIntroductionRate();
  const round = createRound(pending);
  const subscribers = createSubscribers();

  function addCount(quotaKey: string, change: number): void {
    if (change === 0) return;
    const key = name(quotaKey);
    const refs = Math.max(0, countOf(quotaKey) + change);
    if (refs === 0) quotas.remove(key);
    else quotas.put(key, { refs });
  }

  function countOf(quotaKey: string): number {
    return quotas.get(name(quotaKey))?.refs ?? 0;
  }

  /** The first ref stays; the same sender may only put a retraction mark on it. */
  function meetKnown(key: Uint8Array, known: PendingRow, ref: Ref): Fate {
    const marked = known.labels?.retraction === true;
    if (ref.labels?.retraction !== true || marked || known.done === true) return 'known';
    pending.put(key, { ...known, labels: { ...known.labels, ...ref.labels } });
    return 'retracted';
  }

  /** `room` is what the sender's quota still allows. */
  function admitOne(admission: Admission, key: Uint8Array, ref: Ref, room: number): Fate {
    const { domain, sender, quota, now } = admission;
    if (ref.expires <= now) return 'expired';
    const known = pending.get(key);
    if (known !== undefined && known.expires > now) return meetKnown(key, known, ref);
    if (room <= 0) return 'overQuota';
    if (!admitIntroduction(admission, ref)) return 'overRate';
    if (known !== undefined) addCount(known.quotaKey ?? known.sender, -1);
    pending.put(key, rowOf(ref, sender, quota.key, now));
    return introduce(domain, sender, ref, now);
  }

  function admitIntroduction({ domain, quota, introductionsPerHour, now }: Admission, ref: Ref): boolean {
    if (ref.labels?.introduction === undefined || ref.labels.retraction === true) return true;
    return rate.admit(domain, quota.key, introductionsPerHour, now);
  }

  /** A retracted introduction needs no feed entry any more. */
  function introduce(domain: string, sender: string, ref: Ref, firstSeen: number): Fate {
    const introduction = ref.labels?.introduction;
    if (introduction !== undefined && ref.labels?.retraction !== true)
      feed.append(domain, { sender, introduction, firstSeen, expires: ref.expires });
    return 'stored';
  }

  function admitAll(admission: Admission, keys: readonly Uint8Array[]): readonly Fate[] {
    const { quota, refs } = admission;
    const before = countOf(quota.key);
    let stored = 0;
    const fates = refs.map((ref, i) => {
      const fate = admitOne(admission, keys[i] as Uint8Array, ref, quota.refs - before - stored);
      if (fate === 'stored') stored++;
      return fate;
    });
    addCount(quota.key, stored);
    return fates;
  }

  function removeRow(key: Uint8Array, row: PendingRow): void {
    pending.remove(key);
    addCount(row.quotaKey ?? row.sender, -1);
  }

  const store: PendingStore = {
    async admit(admission) {
      const { domain, sender, refs } = admission;
      const prefix = name(domain);
      const keys = refs.map((ref) => joined(prefix, ref.recipientHash, refHash(sender, ref.messageId)));
      const fates = await engine.write(() => admitAll(admission, keys));
      refs.forEach((ref, i) => {
        if (fates[i] === 'stored' || fates[i] === 'retracted') subscribers.tell(domain, ref.recipientHash);
      });
      return tally(fates);
    },

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

    expire: (now, limit) =>
      engine.write(() => {
        const old = round(limit).filter((row) => row.value.expires <= now);
        for (const { key, value } of old) removeRow(key, value);
        return old.length;
      }),

    subscribe: subscribers.subscribe,
  };
  return { store, count: () => pending.count() };
}

function rowOf(ref: Ref, sender: string, quotaKey: string, firstSeen: number): PendingRow {
  return {
    messageId: ref.messageId,
    sender,
    expires: ref.expires,
    firstSeen,
    sizeClass: ref.sizeClass,
    ...(ref.labels === undefined ? {} : { labels: ref.labels }),
    ...(quotaKey === sender ? {} : { quotaKey }),
  };
}

function tombstone(row: PendingRow): PendingRow {
  const { labels: _, ...rest } = row;
  return { ...rest, done: true };
}

function pendingRef(row: PendingRow): PendingRef {
  const { messageId: id, sender, expires, firstSeen, sizeClass, labels } = row;
  return {
    messageId: id,
    sender,
    expires,
    firstSeen,
    sizeClass,
    ...(labels === undefined ? {} : { labels }),
  };
}

function tally(fates: readonly Fate[]): Admitted {
  const sum = { stored: 0, retracted: 0, known: 0, overQuota: 0, overRate: 0, expired: 0 };
  for (const fate of fates) sum[fate]++;
  return sum;
}

function idText(id: Uint8Array): string {
  return Buffer.from(id).toString('latin1');
}
