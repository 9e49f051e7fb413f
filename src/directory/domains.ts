/** What the directory knows of domains: looked up once, remembered for a while, pinned for years. wire-spec/keys.md section 3. */
import type { Clock } from '../clock.ts';
import { constantTimeEqual } from '../crypto/secret.ts';
import type { Discover } from '../dns/discover.ts';
import { BeckonError } from '../errors.ts';
import type { VerifiedDomain } from '../keys/domain-record.ts';
import type { Log } from '../log.ts';
import type { Https } from '../outbound/https.ts';
import { checkDomain } from '../wire/domain-name.ts';
import type { DirectoryCache } from './cache.ts';
import { continuedByWord, leftIdentities } from './domain-history.ts';
import { createDomainLookup, type DomainOutcome, type NativePeer } from './domain-lookup.ts';
import { createFlights } from './flights.ts';
import { createHeldBack } from './held-back.ts';
import { createShelves, type DomainPin } from './pins.ts';
import { createRecent } from './recent.ts';
import { createRemote } from './remote.ts';
import { createTurns } from './turns.ts';

export interface DomainsOptions {
  readonly discover: Discover;
  readonly https: Https;
  readonly cache: DirectoryCache;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a record is used before it is read again, in seconds; an hour unless told. */
  readonly cacheSeconds?: number;
}

export interface Domains {
  /**
   * What a domain is, from memory, the cache, or one look-up that all callers share. Throws `domain_invalid` for a name that is
   * not canonical; all else is an outcome.
   */
  domain(name: string): Promise<DomainOutcome>;
  /**
   * As `domain`, but reads the record again where the known one has a lower serial (a notification named a higher one), twice a
   * minute at most.
   */
  refresh(name: string, atLeastSerial: number): Promise<DomainOutcome>;
  /**
   * A record that was verified before and has not expired, whether it is due to be read again or not; undefined also where the
   * domain's last look-up ended in anything but its record. Nobody is asked.
   */
  known(name: string): Promise<VerifiedDomain | undefined>;
  /** The pin of a domain that was native before. */
  pin(name: string): Promise<DomainPin | undefined>;
  /** Someone's word that a domain's new identity (SHA-256 of its key) is right: it takes the place of the pinned one. */
  acceptChange(name: string, fingerprint: Uint8Array): Promise<void>;
  /**
   * The fingerprint was compared out of band (an invitation carries it): pins it before first sight, or marks the pin, also one that
   * orderly changes led to from there. Throws `fingerprint_mismatch` where another one is pinned.
   */
  confirm(name: string, fingerprint: Uint8Array): Promise<void>;
  /** Someone's word that a domain which was native is not any more: its next look-up is a first sight. */
  forget(name: string): Promise<void>;
}

const defaultCacheSeconds = 3600;
/** A record about to expire is not read again for every caller. */
const leastCacheSeconds = 60;
const refreshSeconds = 30;
/** How long "legacy" and "none" are believed. */
const negativeSeconds = 300;
/** Verified records in memory; the one unused for longest makes room. */
const maxInMemory = 2000;

export function createDomains(options: DomainsOptions): Domains {
  const { discover, https, cache, clock, log, cacheSeconds = defaultCacheSeconds } = options;
  const shelves = createShelves(cache);
  const lookup = createDomainLookup({ discover, remote: createRemote({ https }), shelves, clock, log });
  const inMemory = createRecent<NativePeer>(maxInMemory);
  const heldBack = createHeldBack<DomainOutcome>(clock);
  const shared = createFlights<DomainOutcome>();
  const refreshed = createHeldBack<true>(clock);
  // A look-up under way must not write over a pin that someone set meanwhile.
  const inTurn = createTurns();
  /** How often somebody's word changed a pin: what was read before that is not remembered. */
  let words = 0;

  function isFresh(peer: NativePeer): boolean {
    const age = clock.seconds() - peer.fetched;
    const life = Math.max(leastCacheSeconds, Math.min(cacheSeconds, peer.record.expires - peer.fetched));
    return age >= 0 && age < life;
  }

  function known(name: string): DomainOutcome | undefined {
    const peer = inMemory.get(name);
    return peer && isFresh(peer) ? peer : heldBack.get(name);
  }

  async function cached(name: string): Promise<NativePeer | undefined> {
    const peer = await lookup.cached(name, clock.seconds() - cacheSeconds);
    if (peer === undefined || !isFresh(peer)) return undefined;
    inMemory.set(name, peer);
    return peer;
  }

  async function cachedOrLookedUp(name: string): Promise<DomainOutcome> {
    return (await cached(name)) ?? lookUp(name);
  }

  async function lookUp(name: string): Promise<DomainOutcome> {
    const outcome = await lookup.lookUp(name);
    if (outcome.kind === 'native' && !outcome.stale) {
      inMemory.set(name, outcome);
      heldBack.clear(name);
    } else if (outcome.kind === 'legacy' || outcome.kind === 'none') {
      heldBack.hold(name, outcome, negativeSeconds);
    } else {
      heldBack.fail(name, outcome);
    }
    return outcome;
  }

  function once(name: string, action: (name: string) => Promise<DomainOutcome>): Promise<DomainOutcome> {
    return shared(name, () => inTurn(name, () => action(name)));
  }

  async function forgetRecord(name: string): Promise<void> {
    words++;
    await shelves.domainEntries.delete(name);
    inMemory.delete(name);
    heldBack.clear(name);
  }

  /** Sets the pin that `next` makes of the present one; undefined leaves it. */
  async function setPin(
    name: string,
    next: (pin: DomainPin | undefined) => DomainPin | undefined,
  ): Promise<void> {
    checkDomain(name);
    await inTurn(name, async () => {
      const pin = next(await shelves.domainPins.get(name));
      if (pin === undefined) return;
      await shelves.domainPins.put(name, pin);
      await forgetRecord(name);
    });
  }

  return {
    async domain(name) {
      checkDomain(name);
      return known(name) ?? once(name, cachedOrLookedUp);
    },
    async refresh(name, atLeastSerial) {
      checkDomain(name);
      const outcome = known(name) ?? (await once(name, cachedOrLookedUp));
      const sufficient = outcome.kind !== 'native' || outcome.record.serial >= atLeastSerial;
      if (sufficient || refreshed.get(name)) return outcome;
      refreshed.hold(name, true, refreshSeconds);
      return once(name, lookUp);
    },
    async known(name) {
      checkDomain(name);
      const held = heldBack.get(name);
      if (held !== undefined && held.kind !== 'native') return undefined;
      const remembered = inMemory.get(name);
      if (remembered !== undefined && remembered.record.expires > clock.seconds()) return remembered.record;
      const before = words;
      const peer = await lookup.cached(name, 0);
      if (peer !== undefined && words === before) inMemory.set(name, peer);
      return peer?.record;
    },
    pin: (name) => shelves.domainPins.get(name),
    acceptChange: (name, fingerprint) =>
      setPin(name, (pin) => {
        const now = clock.seconds();
        return { ...unseen(fingerprint, now, false), history: continuedByWord(pin, fingerprint, now) };
      }),
    confirm: (name, fingerprint) =>
      setPin(name, (pin) => {
        if (pin === undefined) return unseen(fingerprint, clock.seconds(), true);
        // What was compared stays compared through orderly changes, also where it is compared after them.
        const known = [pin.fingerprint, ...leftIdentities(pin)];
        if (!known.some((one) => constantTimeEqual(one, fingerprint)))
          throw new BeckonError('fingerprint_mismatch', 'another identity of the domain is pinned');
        return pin.compared ? undefined : { ...pin, compared: true };
      }),
    forget: (name) =>
      inTurn(name, async () => {
        await shelves.domainPins.delete(name);
        await forgetRecord(name);
      }),
  };
}

/** A pin for an identity of which no record was seen yet. */
function unseen(fingerprint: Uint8Array, since: number, compared: boolean): DomainPin {
  const none = new Uint8Array(32);
  return {
    fingerprint,
    since,
    compared,
    mandateSerial: 0,
    mandateHash: none,
    recordSerial: 0,
    recordHash: none,
  };
}
