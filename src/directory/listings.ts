/**
 * What our own domains say about addresses: a listing, "by mail" or nothing, wire-spec/keys.md sections 6 to 8.
 *
 *  1. remembered   the answer of before, while nothing it says changed: found by domain and hash alone, whoever has the address
 *  2. allowance    making answers for decoys costs milliseconds: so many of them, and no more, until time has passed
 *  3. looked up    the tables are read as much for an address that is not there
 *  4. derived      where unknown addresses are answered by decoys, the decoy of every address is made
 *  5. signed       one of both, with the second of the day that the address has
 */
import type { Clock } from '../clock.ts';
import { BeckonError } from '../errors.ts';
import { habitsOf, type DecoyRoot } from '../keys/decoy.ts';
import type { DomainKeys } from '../keys/domain-keys.ts';
import { encodeUserAnswer, signByMail, signListing } from '../keys/user-answer.ts';
import { createRate, type RateLimit } from '../rate.ts';
import { mandate } from '../wire/keys.ts';
import { times } from '../wire/registry.ts';
import { decode } from '../wire/schema.ts';
import { decodeSign1 } from '../wire/sign1.ts';
import { createFlights } from './flights.ts';
import { createRecent } from './recent.ts';
import { amongDecoys, own, type ListedAddress, type Standing } from './standing.ts';

export type UnknownUsers = 'mail' | '404' | 'decoy';

export interface ListedAddresses {
  get(domain: string, addressHash: Uint8Array): Promise<ListedAddress | undefined>;
  /** Told what may be listed otherwise than before. */
  watch(listener: (domain: string, addressHash: Uint8Array) => void): unknown;
}

export interface Listings {
  /** An encoded user-answer, or undefined for none. Throws `rate_limited` where too many had to be made. */
  answer(keys: DomainKeys, addressHash: Uint8Array, unknown: UnknownUsers): Promise<Uint8Array | undefined>;
}

export interface ListingsParts {
  readonly listed: ListedAddresses;
  readonly clock: Clock;
  /** Decoys' records that may be made, a quarter of a millisecond each; a decoy has one for each month of its domain. */
  readonly work?: RateLimit;
}

interface Remembered {
  readonly answer: Uint8Array | undefined;
  readonly keys: DomainKeys;
  readonly unknown: UnknownUsers;
  readonly from: number;
  readonly until: number;
}

/** Answers that are remembered, 3 to 11 KB each. */
const remembered = 2000;
const defaultWork: RateLimit = { perSecond: 1000, burst: 20_000 };
const day = 86_400;

export function createListings({ listed, clock, work = defaultWork }: ListingsParts): Listings {
  const recent = createRecent<Remembered>(remembered);
  const shared = createFlights<Uint8Array | undefined>();
  const mayWork = createRate(work, clock, 1);
  let changes = 0;
  listed.watch((domain, addressHash) => {
    changes += 1;
    recent.delete(nameOf(domain, addressHash));
  });

  async function made(keys: DomainKeys, addressHash: Uint8Array, unknown: UnknownUsers): Promise<Remembered> {
    const now = clock.seconds();
    const root = rootOf(keys);
    const place = { root, domain: keys.domain, addressHash };
    const from = latestInstant(habitsOf(place).listingOffset, now);
    const known = await listed.get(keys.domain, addressHash);
    const standing = unknown === 'decoy' ? await amongDecoys(place, known, now) : own(known);
    const until = Math.min(from + day, standing?.until ?? Infinity);
    const created = Math.max(from, standing?.created ?? known?.gone ?? root.start);
    const answer = encoded({ keys, addressHash, created, now }, standing, unknown);
    return { answer, keys, unknown, from: now, until };
  }

  return {
    async answer(keys, addressHash, unknown) {
      const name = nameOf(keys.domain, addressHash);
      const before = recent.get(name);
      if (before && stands(before, keys, unknown, clock.seconds())) return before.answer;
      return await shared(`${unknown} ${name}`, async () => {
        if (unknown === 'decoy' && !mayWork('', recordsOf(rootOf(keys), clock.seconds())))
          throw new BeckonError('rate_limited', 'too many look-ups at once');
        const seen = changes;
        const next = await made(keys, addressHash, unknown);
        if (seen === changes) recent.set(name, next);
        return next.answer;
      });
    },
  };
}

function encoded(
  about: {
    readonly keys: DomainKeys;
    readonly addressHash: Uint8Array;
    readonly created: number;
    readonly now: number;
  },
  standing: Standing | undefined,
  unknown: UnknownUsers,
): Uint8Array | undefined {
  if (standing === undefined)
    return unknown === 'mail' ? encodeUserAnswer({ byMail: signByMail(about) }) : undefined;
  const { inner, status, held } = standing;
  return encodeUserAnswer({
    listing: signListing({ ...about, inner, status, escrow: held || holdsKeys(about.keys) }),
  });
}

function stands(
  { keys, unknown, from, until }: Remembered,
  current: DomainKeys,
  asked: UnknownUsers,
  now: number,
): boolean {
  return keys === current && unknown === asked && now >= from - times.clockSlack && now < until;
}

/** The last time before now that is so many seconds after midnight, UTC. */
function latestInstant(offset: number, now: number): number {
  return now - ((((now - offset) % day) + day) % day);
}

/** About how many records a life has by now. */
function recordsOf({ start }: DecoyRoot, now: number): number {
  return 8 + Math.max(0, Math.ceil((now - start) / times.userKeyRotation));
}

function rootOf({ decoys }: DomainKeys): DecoyRoot {
  if (decoys === undefined) throw new BeckonError('state_invalid', 'the domain has no root of decoys');
  return decoys;
}

function nameOf(domain: string, addressHash: Uint8Array): string {
  return `${domain} ${String.fromCharCode(...addressHash)}`;
}

function holdsKeys(keys: DomainKeys): boolean {
  return decode(mandate, decodeSign1(keys.mandate).payload).escrow !== 0;
}
