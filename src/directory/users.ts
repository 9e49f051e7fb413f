/** What the directory knows of addresses: their records, verified, pinned for years. wire-spec/keys.md sections 5 to 7. */
import type { Clock } from '../clock.ts';
import { constantTimeEqual } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Https } from '../outbound/https.ts';
import { splitAddress } from '../wire/address.ts';
import type { DirectoryCache } from './cache.ts';
import type { DomainOutcome } from './domain-lookup.ts';
import type { Domains } from './domains.ts';
import { createFlights } from './flights.ts';
import { createHeldBack } from './held-back.ts';
import { createShelves, userName, type UserPin } from './pins.ts';
import { createRemote } from './remote.ts';
import { createTurns } from './turns.ts';
import { createUserLookup, type LaterUser, type UserOutcome } from './user-lookup.ts';

export interface UsersOptions {
  readonly domains: Pick<Domains, 'domain' | 'refresh'>;
  readonly https: Https;
  readonly cache: DirectoryCache;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a record is used before it is read again, in seconds; an hour unless told. */
  readonly cacheSeconds?: number;
}

export interface Users {
  /**
   * What a canonical `local@domain` is. Throws `address_invalid` or `domain_invalid` for any other text; all else is an
   * outcome. That a native user's record has the keys to write to is for `keysToWriteTo` to say.
   */
  user(address: string): Promise<UserOutcome>;
  /** The pin of an address that was native before. */
  pin(address: string): Promise<UserPin | undefined>;
  /** The user's word that this new identity (an identity fingerprint) is right: it takes the place of the pinned one. */
  acceptChange(address: string, fingerprint: Uint8Array): Promise<void>;
  /** The user's word that clear text will do for a pinned address that is not native any more, until it is again. */
  acceptMail(address: string): Promise<void>;
  /**
   * The identity fingerprint was compared out of band: pins it, or marks the pin. Throws `fingerprint_mismatch` where another
   * one is pinned.
   */
  confirm(address: string, fingerprint: Uint8Array): Promise<void>;
}

const defaultCacheSeconds = 3600;
/** How long "by mail" and "unknown" are believed. */
const negativeSeconds = 60;

export function createUsers(options: UsersOptions): Users {
  const { domains, https, cache, clock, log, cacheSeconds = defaultCacheSeconds } = options;
  const shelves = createShelves(cache);
  const remote = createRemote({ https });
  const lookup = createUserLookup({ domains, remote, shelves, clock, log, cacheSeconds });
  const heldBack = createHeldBack<UserOutcome>(clock);
  const shared = createFlights<UserOutcome>();
  const inTurn = createTurns();

  async function ofDomain(address: string, domain: DomainOutcome): Promise<UserOutcome> {
    if (domain.kind === 'changed') return { ...domain, of: 'domain' };
    if (domain.kind === 'later') return domain.reason === 'pinned_native' ? pinnedNative(address) : domain;
    if (domain.kind === 'native') return ofNative(address, domain);
    if (await shelves.userPins.get(userName(address))) return pinnedNative(address);
    return domain.kind === 'legacy' ? { kind: 'legacy', reason: 'domain', mx: domain.mx } : domain;
  }

  async function pinnedNative(address: string): Promise<UserOutcome> {
    const pin = await shelves.userPins.get(userName(address));
    return pin?.mailAccepted === true ? { kind: 'legacy', reason: 'accepted' } : pinnedLater;
  }

  async function ofNative(address: string, domain: DomainOutcome & { kind: 'native' }): Promise<UserOutcome> {
    const name = userName(address);
    const outcome = await lookup.lookUp(address, domain);
    if (outcome.kind === 'native' && !outcome.stale) heldBack.clear(name);
    else if (outcome.kind === 'legacy' || outcome.kind === 'unknown')
      heldBack.hold(name, outcome, negativeSeconds);
    else heldBack.fail(name, outcome);
    return outcome;
  }

  async function setPin(
    address: string,
    next: (pin: UserPin | undefined) => UserPin | undefined,
  ): Promise<void> {
    const name = userName(address);
    await inTurn(name, async () => {
      const pin = next(await shelves.userPins.get(name));
      if (pin) await shelves.userPins.put(name, pin);
      heldBack.clear(name);
    });
  }

  return {
    async user(address) {
      const name = userName(address);
      return (
        heldBack.get(name) ??
        shared(name, async () => {
          const domain = await domains.domain(splitAddress(address).domain);
          return inTurn(name, () => ofDomain(address, domain));
        })
      );
    },
    pin: async (address) => shelves.userPins.get(userName(address)),
    acceptChange: (address, fingerprint) =>
      setPin(address, () => unseen(fingerprint, clock.seconds(), false)),
    acceptMail: (address) => setPin(address, (pin) => pin && { ...pin, mailAccepted: true }),
    confirm: (address, fingerprint) =>
      setPin(address, (pin) => {
        if (pin === undefined) return unseen(fingerprint, clock.seconds(), true);
        if (!constantTimeEqual(pin.fingerprint, fingerprint))
          throw new BeckonError('fingerprint_mismatch', 'another identity of the user is pinned');
        return { ...pin, compared: true };
      }),
  };
}

const pinnedLater: LaterUser = { kind: 'later', reason: 'pinned_native' };

/** A pin for an identity of which no record was seen yet. */
function unseen(fingerprint: Uint8Array, since: number, compared: boolean): UserPin {
  return { fingerprint, since, compared, serial: 0, created: 0, mailAccepted: false };
}
