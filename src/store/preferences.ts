/**
 * Preferences by recipient domain and hash. Anybody can make drops and set something for them: each domain has so many rows
 * and no more. Which hashes have one is known in memory, since every ref that arrives asks.
 */
import { time } from '../wire/items.ts';
import { times } from '../wire/registry.ts';
import { field, record, type ValueOf } from '../wire/schema.ts';
import type { Preference, PreferenceStore } from './api/preferences.ts';
import { schemaCodec, type Engine } from './engine.ts';
import { behind, joined, name } from './keys.ts';
import { createShortRound } from './round.ts';

export const preferenceRow = record('preference', {
  counter: field(1, time),
  /** Until when refs are ignored; 0 where they are not. */
  ignoredUntil: field(2, time),
  /** From then on nothing that was signed before is taken any more. */
  expires: field(3, time),
});
type PreferenceRow = ValueOf<typeof preferenceRow>;

/** Rows of one domain: some 10 MB, in the table and in memory. */
const defaultMaxRows = 65_536;

/** What was signed with a clock an hour ahead can be repeated for so long. */
const counterKept = 2 * times.clockSlack + 1;

export function createPreferences(engine: Engine, maxRows = defaultMaxRows): PreferenceStore {
  const rows = engine.table('preferences', schemaCodec(preferenceRow));
  /** The hashes that have rows, by domain: most refs are for none of them, and are not looked up in the table. */
  const known = new Map<string, Set<string>>();
  const key = (domain: string, hash: Uint8Array): Uint8Array => joined(name(domain), hash);

  function hashesOf(domain: string): Set<string> {
    const found = known.get(domain);
    if (found !== undefined) return found;
    const prefix = name(domain);
    const keys = rows.keys({ from: prefix, to: behind(prefix), limit: maxRows });
    const hashes = new Set(keys.map((at) => textOf(at.subarray(prefix.length))));
    known.set(domain, hashes);
    return hashes;
  }

  /** Inside a write. */
  function setOne(domain: string, preference: Preference, now: number): void {
    const { recipientHash, counter, ignore } = preference;
    const at = key(domain, recipientHash);
    const before = rows.get(at);
    const hashes = hashesOf(domain);
    if (before === undefined ? !ignore || hashes.size >= maxRows : before.counter >= counter) return;
    rows.put(at, rowOf(preference, now));
    hashes.add(textOf(recipientHash));
  }

  function isIgnored(domain: string, recipientHash: Uint8Array, now: number): boolean {
    if (!hashesOf(domain).has(textOf(recipientHash))) return false;
    const row = rows.get(key(domain, recipientHash));
    return row !== undefined && row.ignoredUntil > now;
  }

  const expire = createShortRound({
    engine,
    table: rows,
    isOld: (row, now) => row.expires <= now,
    remove: (old) => {
      for (const row of old) rows.remove(row.key);
      // Read anew, those of each domain when they are asked for next.
      known.clear();
    },
  });

  return {
    isFull: async (domain) => hashesOf(domain).size >= maxRows,
    async set(domain, preferences, now) {
      await engine.write(() => {
        for (const preference of preferences) setOne(domain, preference, now);
      });
    },
    wanted: async (domain, refs, now) =>
      refs.filter(({ recipientHash }) => !isIgnored(domain, recipientHash, now)),
    expire,
  };
}

function textOf(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString('latin1');
}

function rowOf({ counter, ignore, until }: Preference, now: number): PreferenceRow {
  return {
    counter,
    ignoredUntil: ignore ? until : 0,
    expires: Math.max(ignore ? until : 0, now + counterKept),
  };
}
