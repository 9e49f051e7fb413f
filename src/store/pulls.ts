/** Drops whose refs are pulled for a user. Which they are is known in memory, since every ref that arrives asks. */
import { BeckonError } from '../errors.ts';
import { time } from '../wire/items.ts';
import { field, record } from '../wire/schema.ts';
import { maxPulls, type Pull, type PullStore } from './api/pulls.ts';
import type { Owner } from './api/terms.ts';
import { schemaCodec, type Engine } from './engine.ts';
import { behind, joined, name, ownerKey } from './keys.ts';
import { createShortRound } from './round.ts';

export const pullRow = record('pull', { until: field(1, time) });

const hashSize = 32;
/** Of one domain: what is beyond is not listened to before rows end. */
const maxKnown = 1_000_000;

interface Known {
  readonly user: Uint8Array;
  readonly until: number;
}

export type StandingPulls = Pick<PullStore, 'set' | 'userOf' | 'standing' | 'expire'> & {
  /** Inside a write: they go with their user. */
  removeAll(owner: Owner): void;
};

export function createStandingPulls(engine: Engine): StandingPulls {
  const rows = engine.table('pulls', schemaCodec(pullRow));
  /** By domain and hash. A drop has one owner: of two rows, which two devices' accounts could make, the later write counts. */
  const known = new Map<string, Map<string, Known>>();

  function ofDomain(domain: string): Map<string, Known> {
    const found = known.get(domain);
    if (found !== undefined) return found;
    const prefix = name(domain);
    const all = rows.range({ from: prefix, to: behind(prefix), limit: maxKnown });
    const hashes = new Map(
      all.map(({ key, value: { until } }) => [
        textOf(key.subarray(-hashSize)),
        { user: key.slice(prefix.length, -hashSize), until },
      ]),
    );
    known.set(domain, hashes);
    return hashes;
  }

  /** Inside a write; read anew when it is asked for next. */
  function removeKeys(keys: readonly Uint8Array[]): void {
    for (const key of keys) rows.remove(key);
    if (keys.length > 0) known.clear();
  }

  function keysOf(owner: Owner): readonly Uint8Array[] {
    const prefix = ownerKey(owner);
    return rows.keys({ from: prefix, to: behind(prefix), limit: maxPulls + 1 });
  }

  /** Inside a write. */
  function setAll(owner: Owner, pulls: readonly Pull[], now: number): void {
    let count = keysOf(owner).length;
    for (const { recipientHash, until } of pulls) {
      const key = joined(ownerKey(owner), recipientHash);
      const isThere = rows.has(key);
      if (until > now && !isThere && count >= maxPulls)
        throw new BeckonError('quota_exceeded', 'as many drops are pulled for this user as may be');
      if (until > now) rows.put(key, { until });
      else if (isThere) rows.remove(key);
      count += Number(until > now) - Number(isThere);
    }
  }

  return {
    async set(owner, pulls, now) {
      await engine.write(() => setAll(owner, pulls, now));
      known.delete(owner.domain);
    },
    userOf(domain, recipientHash, now) {
      const found = ofDomain(domain).get(textOf(recipientHash));
      return found !== undefined && found.until > now ? found.user : undefined;
    },
    standing: async (domain, now) =>
      [...ofDomain(domain)].flatMap(([hash, { user, until }]) =>
        until > now ? [{ recipientHash: new Uint8Array(Buffer.from(hash, 'latin1')), user }] : [],
      ),
    expire: createShortRound({
      engine,
      table: rows,
      isOld: (row, now) => row.until <= now,
      remove: (old) => removeKeys(old.map(({ key }) => key)),
    }),
    removeAll: (owner) => removeKeys(keysOf(owner)),
  };
}

function textOf(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString('latin1');
}
