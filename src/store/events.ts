/** Trace events: a ring, bounded by count and age, with an index by handle. */
import { domainName, time } from '../wire/items.ts';
import { sizes } from '../wire/registry.ts';
import { bytes, field, optional, record, text, type ValueOf } from '../wire/schema.ts';
import type { EventStore, TraceEvent } from './api/events.ts';
import { createBatches } from './batches.ts';
import { emptyCodec, schemaCodec, type Engine } from './engine.ts';
import { behind, joined, ordered, readOrdered } from './keys.ts';

/** How long an event is kept, seconds. */
export const eventLife = 30 * 86_400;
/** Most additions of one write. */
const maxBatch = 512;
const defaultMaxEvents = 100_000;
/** Most events that a look-up gives. */
const maxListed = 1000;

const eventRow = record('event', {
  handle: field(1, bytes(sizes.traceHandle)),
  time: field(2, time),
  kind: field(3, text(32)),
  counterpart: optional(4, domainName),
});
type EventRow = ValueOf<typeof eventRow>;

export function createEvents(engine: Engine, maxEvents = defaultMaxEvents): EventStore {
  const ring = engine.table('events', schemaCodec(eventRow));
  const byHandle = engine.table('events_by_handle', emptyCodec);
  const last = ring.lastKey();
  let sequence = last === undefined ? 0 : readOrdered(last);

  function append(event: EventRow): void {
    const position = ordered(++sequence);
    ring.put(position, event);
    byHandle.put(joined(event.handle, position), undefined);
  }

  function removeOldest(count: number, isOld: (event: EventRow) => boolean): number {
    const old = ring.range({ limit: count }).filter(({ value }) => isOld(value));
    for (const { key, value } of old) {
      ring.remove(key);
      byHandle.remove(joined(value.handle, key));
    }
    return old.length;
  }

  function appendAll(batch: readonly (readonly TraceEvent[])[]): readonly undefined[] {
    for (const event of batch.flat()) append(rowOf(event));
    const above = ring.count() - maxEvents;
    if (above > 0) removeOldest(above, () => true);
    return batch.map(() => undefined);
  }

  const add = createBatches(
    (batch: readonly (readonly TraceEvent[])[]) => engine.write(() => appendAll(batch)),
    maxBatch,
  );

  return {
    add,
    async byHandle(handle) {
      const keys = byHandle.keys({ from: handle, to: behind(handle), limit: maxListed });
      return keys.flatMap((key) => {
        const row = ring.get(key.slice(handle.length));
        return row === undefined ? [] : [row];
      });
    },
    expire: (now, limit) => engine.write(() => removeOldest(limit, (event) => event.time <= now - eventLife)),
  };
}

function rowOf({ handle, time: at, kind, counterpart }: TraceEvent): EventRow {
  return { handle, time: at, kind, ...(counterpart === undefined ? {} : { counterpart }) };
}
