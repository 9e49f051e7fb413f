/** Going round a table in small steps: removal by age without an index of ages, which would double every write. */
import { setImmediate } from 'node:timers/promises';
import type { Engine, Row, Table } from './engine.ts';
import { after } from './keys.ts';
import type { Swept } from './api/terms.ts';

/** One call looks at so many times more rows than it may remove. */
const slices = 16;

export interface RoundParts<V> {
  readonly engine: Engine;
  readonly table: Table<V>;
  readonly isOld: (value: V, now: number) => boolean;
  /** Removes rows that are old; inside a write. */
  readonly remove: (rows: readonly Row<V>[]) => void;
}

/**
 * Each call looks at the next rows, from the place where the last one stopped, and removes at most `limit` old ones; after
 * the last row it begins again. Reading goes in slices that let others in between, so rows are read again in the write.
 */
export function createRound<V>(parts: RoundParts<V>): (now: number, limit: number) => Promise<Swept> {
  const { engine, table, isOld, remove } = parts;
  let from: Uint8Array | undefined;

  /** The keys of old rows among the next `limit`; `ended` at the end of the table. */
  function lookAt(now: number, limit: number): { old: readonly Uint8Array[]; ended: boolean } {
    const rows = table.range({ from, limit });
    const last = rows.at(-1);
    const ended = rows.length < limit || last === undefined;
    from = ended ? undefined : after(last.key);
    return { old: rows.filter(({ value }) => isOld(value, now)).map(({ key }) => key), ended };
  }

  async function findOld(
    now: number,
    limit: number,
  ): Promise<{ readonly keys: readonly Uint8Array[]; readonly ended: boolean }> {
    const keys: Uint8Array[] = [];
    for (let slice = 0; slice < slices && keys.length < limit; slice++) {
      if (slice > 0) await setImmediate();
      const { old, ended } = lookAt(now, limit - keys.length);
      keys.push(...old);
      if (ended) return { keys, ended };
    }
    return { keys, ended: false };
  }

  return async (now, limit) => {
    const { keys, ended } = await findOld(now, limit);
    if (keys.length === 0) return { removed: 0, ended };
    const removed = await engine.write(() => {
      const rows = keys.flatMap((key) => {
        const value = table.get(key);
        return value !== undefined && isOld(value, now) ? [{ key, value }] : [];
      });
      remove(rows);
      return rows.length;
    });
    return { removed, ended };
  };
}

/** A round through a small table: how many a step removed. */
export function createShortRound<V>(parts: RoundParts<V>): (now: number, limit: number) => Promise<number> {
  const round = createRound(parts);
  return async (now, limit) => (await round(now, limit)).removed;
}
