/**
 * Preferences by recipient domain and hash. Anybody can make drops and set something for them: each domain has so many rows
 * and no more, counted in memory once a domain sets its first one.
 */
import { time } from '../wire/items.ts';
import { times } from '../wire/registry.ts';
import { field, record, type ValueOf } from '../wire/schema.ts';
import type { Preference, PreferenceStore } from './api/preferences.ts';
import { schemaCodec, type Engine } from './engine.ts';
import { behind, joined, name } from './keys.ts';
import { createRound } from './round.ts';

export const preferenceRow = record('preference', {
  counter: field(1, time),
  /** Until when refs are ignored; 0 where they are not. */
  ignoredUntil: field(2, time),
  /** From then on nothing that was signed before is taken any more. */
  expires: field(3, time),
});
type PreferenceRow = ValueOf<typeof preferenceRow>;

/** Rows of one domain: some 10 MB. */
const defaultMaxRows = 65_536;

/** What was signed with a clock an hour ahead can be repeated for so long. */
const counterKept = 2 * times.clockSlack + 1;

export function createPreferences(engine: Engine, maxRows = defaultMaxRows): PreferenceStore {
  const rows = engine.table('preferences', schemaCodec(preferenceRow));
  const counts = new Map<string, number>();
  const key = (domain: string, hash: Uint8Array): Uint8Array => joined(name(domain), hash);

  function countOf(domain: string): number {
    const known = counts.get(domain);
    if (known !== undefined) return known;
    const prefix = name(domain);
    const count = rows.keys({ from: prefix, to: behind(prefix), limit: maxRows }).length;
    counts.set(domain, count);
    return count;
  }

  /** Inside a write. Whether there is a row more. */
  function setOne(domain: string, preference: Preference, now: number, room: boolean): boolean {
    const at = key(domain, preference.recipientHash);
    const before = rows.get(at);
    if (before === undefined ? !preference.ignore || !room : before.counter >= preference.counter)
      return false;
    rows.put(at, rowOf(preference, now));
    return before === undefined;
  }

  const expire = createRound({
    engine,
    table: rows,
    isOld: (row, now) => row.expires <= now,
    remove: (old) => {
      for (const row of old) rows.remove(row.key);
      // Counted anew, each domain when it is asked for next.
      counts.clear();
    },
  });

  return {
    isFull: async (domain) => countOf(domain) >= maxRows,
    async set(domain, preferences, now) {
      await engine.write(() => {
        let count = countOf(domain);
        for (const preference of preferences)
          if (setOne(domain, preference, now, count < maxRows)) counts.set(domain, ++count);
      });
    },
    async wanted(domain, refs, now) {
      return refs.filter(({ recipientHash }) => {
        const row = rows.get(key(domain, recipientHash));
        return row === undefined || row.ignoredUntil <= now;
      });
    },
    expire,
  };
}

function rowOf({ counter, ignore, until }: Preference, now: number): PreferenceRow {
  return {
    counter,
    ignoredUntil: ignore ? until : 0,
    expires: Math.max(ignore ? until : 0, now + counterKept),
  };
}
