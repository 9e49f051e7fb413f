/**
 * Trace events: a ring, bounded by count and age. Every message adds some and hardly anybody asks for one, so adding is
 * made cheap: the events of about a second share a row, under the position of the first of them, and a look-up goes
 * through all rows.
 */
import { setImmediate } from 'node:timers/promises';
import { domainName, time } from '../wire/items.ts';
import { sizes } from '../wire/registry.ts';
import { bytes, field, list, optional, record, text } from '../wire/schema.ts';
import type { EventStore, TraceEvent } from './api/events.ts';
import { rawCodec, schemaCodec, type Engine } from './engine.ts';
import { after, ordered, readOrdered } from './keys.ts';

/** How long an event is kept, seconds. */
export const eventLife = 30 * 86_400;
/** Longest time in memory before events are written, milliseconds. */
const patience = 1000;
/** Most events of one row, and what their encoding never exceeds. */
const rowEvents = 512;
const maxRowSize = 256 * 1024;
const defaultMaxEvents = 100_000;
/** Most events that a look-up gives. */
const maxListed = 1000;
/** Rows of a look-up read before others have a turn. */
const slice = 256;

const event = record('event', {
  handle: field(1, bytes(sizes.traceHandle)),
  time: field(2, time),
  kind: field(3, text(32)),
  counterpart: optional(4, domainName),
});
const codec = schemaCodec(list(event, { max: rowEvents, min: 1 }), maxRowSize);

export interface EventTables {
  readonly store: EventStore;
  /** Writes what is still in memory. Throws `storage_failed`. */
  flush(): Promise<void>;
}

export function createEvents(engine: Engine, maxEvents = defaultMaxEvents): EventTables {
  /** Raw, because a look-up searches rows before it decodes them. */
  const ring = engine.table('trace', rawCodec);
  let next = endOf(ring.lastKey());
  let added: TraceEvent[] = [];
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();

  /** The position behind the row with this key. */
  function endOf(key: Uint8Array | undefined): number {
    const row = key === undefined ? undefined : ring.get(key);
    return key === undefined || row === undefined ? 1 : readOrdered(key) + codec.decode(row).length;
  }

  function append(events: readonly TraceEvent[]): void {
    for (let at = 0; at < events.length; at += rowEvents) {
      const row = events.slice(at, at + rowEvents);
      ring.put(ordered(next), codec.encode(row));
      next += row.length;
    }
    // A row goes once the one behind it holds all that is still wanted before it.
    const keys = ring.keys({ limit: slice });
    keys.forEach((key, i) => {
      const following = keys[i + 1];
      if (following !== undefined && readOrdered(following) <= next - maxEvents) ring.remove(key);
    });
  }

  async function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const events = added;
    added = [];
    if (events.length > 0) writing = engine.write(() => append(events));
    await writing;
  }

  /** A failure of the disk ends the process by itself, and events are no promise to anybody. */
  function flushLater(): void {
    timer ??= setTimeout(() => void flush().catch(() => {}), patience).unref();
  }

  async function* rows(): AsyncGenerator<{ readonly first: number; readonly row: Uint8Array }> {
    let from: Uint8Array | undefined;
    for (;;) {
      const part = ring.range({ from, limit: slice });
      for (const { key, value } of part) yield { first: readOrdered(key), row: value };
      const last = part.at(-1);
      if (last === undefined || part.length < slice) return;
      from = after(last.key);
      await setImmediate();
    }
  }

  const store: EventStore = {
    async add(events) {
      for (const one of events) added.push(one);
      if (added.length < rowEvents) flushLater();
      else await flush();
    },

    async byHandle(handle) {
      await flush();
      const found: TraceEvent[] = [];
      for await (const { first, row } of rows()) {
        if (Buffer.from(row.buffer, row.byteOffset, row.length).indexOf(handle) < 0) continue;
        const wanted = codec.decode(row).slice(Math.max(0, next - maxEvents - first));
        found.push(...wanted.filter((one) => sameHandle(one.handle, handle)));
        if (found.length >= maxListed) break;
      }
      return found.slice(0, maxListed);
    },

    expire: (now, limit) =>
      engine.write(() => {
        const oldest = ring.range({ limit });
        const young = oldest.findIndex(({ value }) => !isOld(codec.decode(value), now));
        const old = young < 0 ? oldest : oldest.slice(0, young);
        for (const { key } of old) ring.remove(key);
        return old.length;
      }),
  };
  return { store, flush };
}

/** A row stays until the last of its events is old. */
function isOld(events: readonly TraceEvent[], now: number): boolean {
  return events.every((one) => one.time <= now - eventLife);
}

function sameHandle(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
