/** What the directory knows of addresses: their records, verified, pinned for years. wire-spec/keys.md sections 5 to 7. */
import { readListedUser, type VerifiedUser } from '../keys/user-answer.ts';
import type { Clock } from '../clock.ts';
import { constantTimeEqual } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Https } from '../outbound/https.ts';
import { splitAddress } from '../wire/address.ts';
import type { DirectoryCache } from './cache.ts';
import type { ConfirmLegacy } from './confirm-legacy.ts';
import type { LegacyDomain, NoDomain } from '../dns/discover.ts';
import type { DomainOutcome } from './domain-lookup.ts';
import type { Domains } from './domains.ts';
import { createFlights } from './flights.ts';
import { createHeldBack } from './held-back.ts';
import { createShelves, userName } from './pins.ts';
import { createRemote } from './remote.ts';
import { createTurns } from './turns.ts';
import { createUserLookup, type LaterUser, type UserOutcome } from './user-lookup.ts';
import {
  allSeen,
  unseenNotices,
  unseenPin,
  withNotices,
  type NoticeKind,
  type UserNotice,
  type UserPin,
} from './user-pins.ts';

export interface UsersOptions {
  readonly domains: Pick<Domains, 'domain' | 'refresh'>;
  readonly https: Https;
  readonly cache: DirectoryCache;
  /** Asked before a domain is taken for a legacy one. */
  readonly confirmLegacy: ConfirmLegacy;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a record is used before it is read again, in seconds; an hour unless told. */
  readonly cacheSeconds?: number;
}

export interface Users {
  /**
   * What a canonical `local@domain` is. Throws `address_invalid` or `domain_invalid` for any other text; all else is an
   * outcome. That a native user's record has the keys to write to is for `keysToWriteTo` to say. `domainAnswers`: the caller just had an answer of
   * the address's domain, so that look-ups which failed while it was down do not put this one off.
   */
  user(address: string, how?: { readonly domainAnswers: boolean }): Promise<UserOutcome>;
  /** The next look-up reads the record again, however young what is known of it is. */
  expire(address: string): Promise<void>;
  /** The pin of an address that was native before. */
  pin(address: string): Promise<UserPin | undefined>;
  /**
   * The user's word that what waits is right: this identity (an identity fingerprint) takes the place of the pinned one, or, where it is
   * the pinned one, its weaker keys will do. `compared`: the fingerprint was compared out of band as well.
   */
  acceptChange(address: string, fingerprint: Uint8Array, how?: { readonly compared: boolean }): Promise<void>;
  /** The user's word that clear text will do for a pinned address that is not native any more, until it is again. */
  acceptMail(address: string): Promise<void>;
  /**
   * The identity fingerprint was compared out of band: pins it, or marks the pin. Throws `fingerprint_mismatch` where another
   * one is pinned.
   */
  confirm(address: string, fingerprint: Uint8Array): Promise<void>;
  /** A message of theirs was verified under this identity: from now on another one waits for the user's word. */
  answered(address: string, fingerprint: Uint8Array): Promise<void>;
  /** A contact card that this identity signed was used: as `answered`. */
  vouched(address: string, fingerprint: Uint8Array): Promise<void>;
  /**
   * The newest record that was seen of the pinned identity, by its own signature: for what is at hand already, where nobody can be asked.
   * Neither a later identity nor a later revocation is known then.
   */
  lastSeen(address: string): Promise<VerifiedUser | undefined>;
  /** The user saw what happened so far, to their domain as well, or only what is of the given kinds: it stays in the history. */
  acknowledge(address: string, kinds?: readonly NoticeKind[]): Promise<void>;
}

const defaultCacheSeconds = 3600;
/** How long "by mail" and "unknown" are believed. */
const negativeSeconds = 60;

export function createUsers(options: UsersOptions): Users {
  const { domains, https, cache, confirmLegacy, clock, log, cacheSeconds = defaultCacheSeconds } = options;
  const shelves = createShelves(cache);
  const remote = createRemote({ https });
  const lookup = createUserLookup({ domains, remote, shelves, clock, log, cacheSeconds });
  const heldBack = createHeldBack<UserOutcome>(clock);
  const shared = createFlights<UserOutcome>();
  const inTurn = createTurns();

  async function ofDomain(address: string, domain: DomainOutcome): Promise<UserOutcome> {
    if (domain.kind === 'changed') return { ...domain, of: 'domain', what: 'identity' };
    if (domain.kind === 'later') return domain.reason === 'pinned_native' ? pinnedNative(address) : domain;
    if (domain.kind === 'native') return ofNative(address, domain);
    if (domain.kind === 'none' && domain.reason === 'left') return left(address, domain);
    if (await shelves.userPins.get(userName(address))) return pinnedNative(address);
    return domain.kind === 'legacy' ? byDomain(address, domain) : domain;
  }

  async function byDomain(address: string, legacy: LegacyDomain): Promise<UserOutcome> {
    const verdict = await confirmLegacy(splitAddress(address).domain, legacy);
    return verdict.kind === 'legacy' ? { ...legacy, reason: 'domain' } : verdict;
  }

  /** Told at once. It is no licence to write in clear text: that takes the user's word, as ever. */
  async function left(address: string, domain: NoDomain): Promise<UserOutcome> {
    const pin = await shelves.userPins.get(userName(address));
    return pin?.mailAccepted === true ? { kind: 'legacy', reason: 'accepted' } : domain;
  }

  async function pinnedNative(address: string): Promise<UserOutcome> {
    const pin = await shelves.userPins.get(userName(address));
    if (pin?.mailAccepted === true) return { kind: 'legacy', reason: 'accepted' };
    if (pin) await noteMail(address, pin);
    return pinnedLater;
  }

  async function noteMail(address: string, pin: UserPin): Promise<void> {
    if (unseenNotices(pin).some(({ kind }) => kind === 'mail_offered')) return;
    await shelves.userPins.put(
      userName(address),
      withNotices(pin, [{ ...own('mail_offered'), seen: false }]),
    );
  }

  /** What the user did is seen by the user. */
  function own(kind: NoticeKind): UserNotice {
    return { at: clock.seconds(), kind, seen: true };
  }

  async function ofNative(address: string, domain: DomainOutcome & { kind: 'native' }): Promise<UserOutcome> {
    const name = userName(address);
    const looked = await lookup.lookUp(address, domain);
    const outcome =
      looked.kind === 'later' && looked.reason === 'pinned_native' ? await pinnedNative(address) : looked;
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
      const before = await shelves.userPins.get(name);
      const pin = next(before);
      if (pin && pin !== before) await shelves.userPins.put(name, pin);
      if (pin !== before) heldBack.clear(name);
    });
  }

  function accepted(pin: UserPin | undefined, fingerprint: Uint8Array, compared: boolean): UserPin {
    const now = clock.seconds();
    const seen = pin && allSeen(pin);
    if (seen && constantTimeEqual(seen.fingerprint, fingerprint)) {
      const { offered: _, sealingRank: __, ...same } = seen;
      const word = { ...withNotices(same, [own('suite_accepted')]), accepted: now };
      return compared ? { ...word, compared } : word;
    }
    const notice = {
      ...own('identity_accepted'),
      ...(seen === undefined ? {} : { fromIdentity: seen.fingerprint }),
      ...(seen?.recordFingerprint === undefined ? {} : { fromRecord: seen.recordFingerprint }),
      toIdentity: fingerprint,
    };
    const fresh = { ...unseenPin(fingerprint, now), accepted: now, compared, history: seen?.history ?? [] };
    return withNotices(fresh, [notice]);
  }

  return {
    async user(address, { domainAnswers } = { domainAnswers: false }) {
      const name = userName(address);
      return (
        heldBack.get(name, domainAnswers) ??
        shared(name, async () => {
          const domain = await domains.domain(splitAddress(address).domain);
          return inTurn(name, () => ofDomain(address, domain));
        })
      );
    },
    expire: (address) =>
      inTurn(userName(address), async () => {
        const entry = await shelves.userEntries.get(userName(address));
        if (entry) await shelves.userEntries.put(userName(address), { ...entry, fetched: 0 });
      }),
    pin: async (address) => shelves.userPins.get(userName(address)),
    acceptChange: (address, fingerprint, { compared = false } = { compared: false }) =>
      setPin(address, (pin) => accepted(pin, fingerprint, compared)),
    acceptMail: (address) =>
      setPin(
        address,
        (pin) => pin && { ...withNotices(allSeen(pin), [own('mail_accepted')]), mailAccepted: true },
      ),
    confirm: (address, fingerprint) =>
      setPin(address, (pin) => {
        const known = pin ?? unseenPin(fingerprint, clock.seconds());
        if (!constantTimeEqual(known.fingerprint, fingerprint))
          throw new BeckonError('fingerprint_mismatch', 'another identity of the user is pinned');
        return known.compared ? pin : { ...withNotices(known, [own('compared')]), compared: true };
      }),
    answered: (address, fingerprint) =>
      setPin(address, (pin) => {
        if (pin === undefined || !constantTimeEqual(pin.fingerprint, fingerprint)) return pin;
        if (pin.confirmed !== undefined && pin.confirmed > 0) return pin;
        return { ...withNotices(pin, [own('answered')]), confirmed: clock.seconds() };
      }),
    vouched: (address, fingerprint) =>
      setPin(address, (pin) => {
        if (pin === undefined || !constantTimeEqual(pin.fingerprint, fingerprint)) return pin;
        return pin.card === undefined ? { ...withNotices(pin, [own('card')]), card: clock.seconds() } : pin;
      }),
    async lastSeen(address) {
      const name = userName(address);
      const [pin, entry] = await Promise.all([shelves.userPins.get(name), shelves.userEntries.get(name)]);
      if (pin === undefined || pin.offered !== undefined || entry === undefined) return undefined;
      const seen = readListedUser(entry.answer, address, clock.seconds());
      return seen && constantTimeEqual(seen.identityFingerprint, pin.fingerprint) ? seen : undefined;
    },
    acknowledge: (address, kinds) =>
      setPin(address, (pin) => {
        if (pin === undefined || kinds !== undefined) return pin && allSeen(pin, kinds);
        return { ...allSeen(pin), domainSeen: clock.seconds() };
      }),
  };
}

const pinnedLater: LaterUser = { kind: 'later', reason: 'pinned_native' };
