/** How much was pulled of each registrable sending domain lately: in the store, so that a restart forgives nothing. */
import { field, record, uint } from '../wire/schema.ts';
import type { PullAmount, PullStore } from './api/pulls.ts';
import { schemaCodec, type Engine } from './engine.ts';
import { name } from './keys.ts';
import { createShortRound } from './round.ts';

/** What counts at `at`; it drains evenly, a whole limit in a day. */
export const pullRateRow = record('pull-rate', {
  messages: field(1, uint()),
  bytes: field(2, uint()),
  at: field(3, uint()),
});

const day = 86_400;

export function createPullRates(
  engine: Engine,
): Pick<PullStore, 'take'> & { readonly expire: PullStore['expire'] } {
  const rows = engine.table('pull_rates', schemaCodec(pullRateRow));

  return {
    take(group, cost, limits, now) {
      const key = name(group);
      return engine.write(() => {
        const row = rows.get(key);
        // A clock that went back drains nothing.
        const since = Math.max(0, now - (row?.at ?? now));
        const left = (used: number, limit: number) => Math.max(0, used - Math.floor((since * limit) / day));
        const sum: PullAmount = {
          messages: left(row?.messages ?? 0, limits.messages) + cost.messages,
          bytes: left(row?.bytes ?? 0, limits.bytes) + cost.bytes,
        };
        if (sum.messages > limits.messages || sum.bytes > limits.bytes) return false;
        rows.put(key, { ...sum, at: now });
        return true;
      });
    },
    expire: createShortRound({
      engine,
      table: rows,
      isOld: ({ at }, now) => at + day <= now,
      remove: (old) => old.forEach(({ key }) => rows.remove(key)),
    }),
  };
}
