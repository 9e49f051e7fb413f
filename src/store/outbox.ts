/** The outbox: a row for each ref, and an index of when it is due. */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import { domainName, hash, messageId, time } from '../wire/items.ts';
import { refLabels, type RefLabels } from '../wire/notification.ts';
import { bool, field, optional, record, uint, type ValueOf } from '../wire/schema.ts';
import { repeating } from '../wire/registry.ts';
import type { Unsubscribe } from './api/terms.ts';
import type { Outbox, OutboxEntry, OutboxGroup, Rescheduled } from './api/outbox.ts';
import { emptyCodec, schemaCodec, type Engine } from './engine.ts';
import { after, joined, ordered } from './keys.ts';

export const outboxRow = record('outbox', {
  messageId: field(1, messageId),
  sender: field(2, domainName),
  destination: field(3, domainName),
  recipientHash: field(4, hash),
  expires: field(5, time),
  sizeClass: field(6, uint(63)),
  labels: optional(7, refLabels),
  created: field(8, time),
  attempt: field(9, uint()),
  due: field(10, time),
  slowed: field(11, bool),
});
type OutboxRow = ValueOf<typeof outboxRow>;

/** What a commit puts into the outbox. */
export interface NewRef {
  readonly messageId: Uint8Array;
  readonly sender: string;
  readonly destination: string;
  readonly recipientHash: Uint8Array;
  readonly expires: number;
  readonly sizeClass: number;
  readonly labels?: RefLabels;
  readonly created: number;
}

/** The steps that the transit table takes inside its writes. */
export interface OutboxRefs {
  add(idHash: Uint8Array, ref: NewRef): void;
  /** From a day after the fetch on, daily. */
  slow(idHash: Uint8Array, at: number): void;
  /** The ref becomes a retracting one, due at once. */
  retract(idHash: Uint8Array, at: number): void;
  remove(idHash: Uint8Array): void;
}

export interface OutboxTables {
  readonly store: Outbox;
  readonly refs: OutboxRefs;
  /** Tells the listeners, after the write. */
  wake(): void;
  count(): number;
}

const page = 256;
/** Rows that are read before others have their turn: each may have to come from the disk, where many wait. */
const slice = 16;
/** The last byte of an entry's key: which of its two lives it is in, so that a late answer does not move a retraction. */
const plain = new Uint8Array([0]);
const retracting = new Uint8Array([1]);

export function createOutbox(engine: Engine, clock: Clock): OutboxTables {
  const outbox = engine.table('outbox', schemaCodec(outboxRow));
  const schedule = engine.table('outbox_schedule', emptyCodec);
  const listeners = new Set<() => void>();
  const dueKey = (due: number, idHash: Uint8Array) => joined(ordered(due), idHash);

  function set(idHash: Uint8Array, old: OutboxRow | undefined, row: OutboxRow): void {
    if (old !== undefined) schedule.remove(dueKey(old.due, idHash));
    outbox.put(idHash, row);
    if (row.due < row.expires) schedule.put(dueKey(row.due, idHash), undefined);
  }

  function reschedule({ key, attempt, due }: Rescheduled): void {
    const idHash = key.slice(0, -1);
    const old = outbox.get(idHash);
    if (old === undefined || lifeOf(old)[0] !== key.at(-1)) return;
    set(idHash, old, { ...old, attempt, due: old.slowed ? Math.max(due, old.due) : due });
  }

  function entryAt(idHash: Uint8Array): OutboxEntry | undefined {
    const row = outbox.get(idHash);
    return row && { ...row, key: joined(idHash, lifeOf(row)) };
  }

  return {
    refs: {
      add: (idHash, ref) => set(idHash, undefined, { ...ref, attempt: 0, due: ref.created, slowed: false }),
      slow(idHash, at) {
        const old = outbox.get(idHash);
        if (old === undefined) return;
        set(idHash, old, { ...old, slowed: true, due: Math.max(old.due, at + repeating.afterFetch) });
      },
      retract(idHash, at) {
        const old = outbox.get(idHash);
        if (old === undefined) return;
        const labels = { ...old.labels, retraction: true };
        set(idHash, old, { ...old, labels, created: at, attempt: 0, due: at, slowed: false });
      },
      remove(idHash) {
        const old = outbox.get(idHash);
        if (old === undefined) return;
        schedule.remove(dueKey(old.due, idHash));
        outbox.remove(idHash);
      },
    },
    store: {
      // Expired entries stay until the transit table ends them: they are passed over.
      async due(now, limit) {
        const found: OutboxEntry[] = [];
        let seen = 0;
        for (const entry of entriesUntil(schedule.keys, entryAt, ordered(now + 1))) {
          if (found.length >= limit) break;
          if (entry.expires > now) found.push(entry);
          if (++seen % slice === 0) await setImmediate();
        }
        return grouped(found);
      },
      reschedule: (entries) => engine.write(() => entries.forEach(reschedule)),
      nextDue: async () => firstEntry(schedule.keys, entryAt, clock.seconds())?.due,
      list: async ({ destination, limit }) =>
        taken(
          entriesUntil(schedule.keys, entryAt),
          limit,
          (entry) => destination === undefined || entry.destination === destination,
        ),
      subscribe(listener): Unsubscribe {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    wake: () => listeners.forEach((listener) => queueMicrotask(listener)),
    count: () => outbox.count(),
  };
}

function lifeOf(row: OutboxRow): Uint8Array {
  return row.labels?.retraction === true ? retracting : plain;
}

function grouped(entries: readonly OutboxEntry[]): readonly OutboxGroup[] {
  const groups = Map.groupBy(entries, (entry) => `${entry.sender} ${entry.destination}`);
  return Array.from(groups.values(), (group) => {
    const [{ sender, destination }] = group as [OutboxEntry];
    return { sender, destination, entries: group };
  });
}

type Keys = (range: {
  from?: Uint8Array;
  to?: Uint8Array | undefined;
  limit: number;
}) => readonly Uint8Array[];
type EntryAt = (idHash: Uint8Array) => OutboxEntry | undefined;

/** Walks the schedule in its order, as far as somebody asks; `to` as in the keys. */
function* entriesUntil(keys: Keys, entryAt: EntryAt, to?: Uint8Array): Generator<OutboxEntry> {
  let from: Uint8Array = new Uint8Array(1);
  for (;;) {
    const batch = keys({ from, to, limit: page });
    for (const key of batch) {
      const entry = entryAt(key.slice(6));
      if (entry !== undefined) yield entry;
    }
    const last = batch.at(-1);
    if (batch.length < page || last === undefined) return;
    from = after(last);
  }
}

function firstEntry(keys: Keys, entryAt: EntryAt, now: number): OutboxEntry | undefined {
  for (const entry of entriesUntil(keys, entryAt)) if (entry.expires > now) return entry;
  return undefined;
}

function taken(
  entries: Iterable<OutboxEntry>,
  limit: number,
  wanted: (entry: OutboxEntry) => boolean,
): OutboxEntry[] {
  const found: OutboxEntry[] = [];
  for (const entry of entries) {
    if (found.length >= limit) break;
    if (wanted(entry)) found.push(entry);
  }
  return found;
}
