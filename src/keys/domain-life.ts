/**
 * The life of a domain's working keys, wire-spec/keys.md section 1: each successor is published `pending`, then takes over, the old
 * one stays usable until nothing made for it can be under way, and is forgotten with its private half.
 *
 * What has an end is judged twice: by the clock, and by the days that the domain was at work (`Progress`), so that a clock that
 * jumped ends nothing early. Functions are pure: whoever calls them writes the outcome down before anyone sees it.
 */
import type { Random } from '../crypto/random.ts';
import { times } from '../wire/registry.ts';
import type { DomainKey, DomainKeys, Progress, RevokedKey } from './domain-keys.ts';
import { createKeyPair, type KeyPair } from './key-pair.ts';
import { publicHalf } from './published-key.ts';

const day = 86_400;

/** The uses whose keys follow one another without the identity key. */
export const rotatingUses = ['notification', 'envelope', 'poll'] as const;
/** Of a domain with a bridge, as well: wire-spec/bridges.md section 2. */
export type RotatingUse = (typeof rotatingUses)[number] | 'bridge';

/** How long a retired key of a use is still wanted. */
export const overlapOf: Readonly<Record<RotatingUse, number>> = {
  notification: times.retiredOverlap,
  poll: times.retiredOverlap,
  envelope: times.retiredEnvelopeOverlap,
  bridge: times.retiredOverlap,
};

export interface LifeParts {
  readonly now: number;
  readonly random: Random;
}

export interface AdvanceParts extends LifeParts {
  /** How long a key is used, seconds. */
  readonly rotation: number;
  /** Whether the domain has a bridge. */
  readonly bridge?: boolean;
}

/**
 * The keys as they should be now, but for signing keys (`signing-life.ts`); the same object where nothing is to be done. To be
 * called more often than daily.
 */
export function advanceWorkingKeys(
  before: DomainKeys,
  { now, random, rotation, bridge = false }: AdvanceParts,
): DomainKeys {
  const progress = countDay(before.progress, now);
  let keys = progress === before.progress ? before : { ...before, progress };
  keys = withKeys(keys, forgetEnded(keys, now));
  keys = withKeys(keys, bridge ? beginBridge(keys, { now, random }) : endBridge(keys, now));
  for (const use of bridge ? ([...rotatingUses, 'bridge'] as const) : rotatingUses) {
    keys = withKeys(keys, setRight(keys, use, now));
    keys = withKeys(keys, takeOver(keys, use, now));
    // A clock that has just jumped is not believed: what it says is due may be a year away.
    if (progress.steady > 0 && isDue(keys, use, now, rotation))
      keys = withSuccessor(keys, use, { now, random });
  }
  return keys;
}

/** What is published of a key from the moment that it is revoked. */
export function revokedKey(key: DomainKey, { days }: Progress, now: number): RevokedKey {
  return { ...publicHalf(key), status: 'revoked', revokedAt: now, since: days };
}

/** The private halves that `after` no longer has: to be wiped once it is written down. */
export function forgottenKeys(before: DomainKeys, after: DomainKeys): readonly KeyPair[] {
  const kept = new Set(allPairs(after).map((key) => key.secret));
  return allPairs(before).filter((key) => !kept.has(key.secret));
}

function allPairs({ keys, bridge }: DomainKeys): readonly KeyPair[] {
  return [...keys, ...(bridge?.keys.keys ?? [])];
}

/**
 * A day is counted when one has passed. More than two at once are a rest or a jump, and count as one; a clock that was put back
 * counts none. Both begin `steady` anew.
 */
export function countDay(progress: Progress, now: number): Progress {
  const passed = now - progress.counted;
  if (passed < -times.clockSlack) return { days: progress.days, counted: now, steady: 0 };
  if (passed < day) return progress;
  const days = progress.days + 1;
  return passed < 2 * day
    ? { days, counted: progress.counted + day, steady: progress.steady + 1 }
    : { days, counted: now, steady: 0 };
}

/** Whether a key has had its present status for so many seconds, in days of the domain. */
export function hasStood(
  { since = 0 }: { readonly since?: number },
  { days }: Progress,
  seconds: number,
): boolean {
  return days - since >= seconds / day;
}

function withKeys(keys: DomainKeys, next: Partial<DomainKeys>): DomainKeys {
  return Object.keys(next).length === 0 ? keys : { ...keys, ...next };
}

/** What nobody may need any more, by the clock (an hour later, wire-spec/timing.md section 1) and by a day more than its overlap. */
function forgetEnded({ keys, revoked, progress }: DomainKeys, now: number): Partial<DomainKeys> {
  const isOver = (key: DomainKey | RevokedKey, overlap: number): boolean =>
    now > key.notAfter + times.clockSlack && hasStood(key, progress, overlap + day);
  const left = keys.filter((key) => {
    if (key.use === 'domainSigning')
      return !isFollowed(key, keys) || !isOver(key, times.keyPending + times.retiredOverlap);
    return key.status !== 'retired' || !isOver(key, overlapOf[key.use as RotatingUse]);
  });
  const stillRevoked = revoked.filter(
    (key) => !hasStood(key, progress, (overlapOf[key.use as RotatingUse] ?? times.retiredOverlap) + day),
  );
  return {
    ...(left.length < keys.length ? { keys: left } : {}),
    ...(stillRevoked.length < revoked.length ? { revoked: stillRevoked } : {}),
  };
}

function isFollowed({ use, notBefore }: DomainKey, keys: readonly DomainKey[]): boolean {
  return keys.some((other) => other.use === use && other.notBefore > notBefore);
}

/** The pending key takes over when it was published for long enough, and the active one retires in the same step. */
function takeOver({ keys, progress }: DomainKeys, use: RotatingUse, now: number): Partial<DomainKeys> {
  const next = keys.find((key) => key.use === use && key.status === 'pending');
  if (next === undefined || now < next.notBefore || !hasStood(next, progress, times.keyPending)) return {};
  const since = progress.days;
  return {
    keys: keys.map((key): DomainKey => {
      if (key === next) return { ...key, status: 'active', since };
      if (key.use !== use || key.status !== 'active') return key;
      return { ...key, status: 'retired', notAfter: now + overlapOf[use], since };
    }),
  };
}

/**
 * Times that a clock wrote which was put back since, or that passed while the domain rested: a key in use has begun and does not
 * end, a pending one begins within 8 days, a retired one ends within its overlap.
 */
function setRight({ keys }: DomainKeys, use: RotatingUse, now: number): Partial<DomainKeys> {
  const set = keys.map((key): DomainKey => {
    if (key.use !== use) return key;
    const { status, notBefore, notAfter } = key;
    if (status === 'pending' && notBefore > now + times.keyPending)
      return { ...key, ...lifeFrom(now + times.keyPending) };
    if (status === 'active' && notBefore > now + times.clockSlack) return { ...key, ...lifeFrom(now) };
    if (status === 'active' && notAfter < now + times.recordValidity + times.keyPending)
      return { ...key, notAfter: now + times.mandateValidity };
    if (status === 'retired' && notAfter > now + overlapOf[use])
      return { ...key, notAfter: now + overlapOf[use] };
    return key;
  });
  return set.every((key, i) => key === keys[i]) ? {} : { keys: set };
}

function isDue(keys: DomainKeys, use: RotatingUse, now: number, rotation: number): boolean {
  const active = newestActive(keys.keys, use);
  return (
    !hasPending(keys, use) && (active === undefined || now >= active.notBefore + rotation - times.keyPending)
  );
}

/** Whether a successor is published already. */
export function hasPending({ keys }: DomainKeys, use: RotatingUse): boolean {
  return keys.some((key) => key.use === use && key.status === 'pending');
}

function newestActive(keys: readonly DomainKey[], use: RotatingUse): DomainKey | undefined {
  return keys
    .filter((key) => key.use === use && key.status === 'active')
    .sort((a, b) => b.notBefore - a.notBefore)[0];
}

/** With a pending key of the use, which takes over in 8 days. */
export function withSuccessor(keys: DomainKeys, use: RotatingUse, parts: LifeParts): DomainKeys {
  const fresh = freshKey(keys, use, 'pending', parts.now + times.keyPending, parts);
  return { ...keys, keys: [...keys.keys, fresh] };
}

/** The first bridge key is used at once: nobody knows another. */
function beginBridge(keys: DomainKeys, parts: LifeParts): Partial<DomainKeys> {
  if (newestActive(keys.keys, 'bridge') !== undefined) return {};
  return { keys: [...keys.keys, freshKey(keys, 'bridge', 'active', parts.now, parts)] };
}

/** What was sealed to the bridge's keys is still opened; nothing new is. */
function endBridge({ keys, progress }: DomainKeys, now: number): Partial<DomainKeys> {
  const left = keys
    .filter((key) => key.use !== 'bridge' || key.status !== 'pending')
    .map((key): DomainKey =>
      key.use === 'bridge' && key.status === 'active'
        ? { ...key, status: 'retired', notAfter: now + overlapOf.bridge, since: progress.days }
        : key,
    );
  const same = left.length === keys.length && left.every((key, i) => key === keys[i]);
  return same ? {} : { keys: left };
}

/** A new key of the domain, not among its keys yet. */
export function freshKey(
  { domain, progress }: DomainKeys,
  use: RotatingUse,
  status: 'pending' | 'active',
  notBefore: number,
  { random }: LifeParts,
): DomainKey {
  return { ...createKeyPair(domain, use, random, lifeFrom(notBefore)), status, since: progress.days };
}

/** The end of a key in use is an outer bound: it is set when the key retires. */
function lifeFrom(notBefore: number): { readonly notBefore: number; readonly notAfter: number } {
  return { notBefore, notAfter: notBefore + times.mandateValidity };
}
