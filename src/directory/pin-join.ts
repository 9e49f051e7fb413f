/**
 * Pins that two devices of a user made of the same domain or address, put together, wire-spec/state.md section 4. Pins of one identity become one;
 * pins of different identities stand side by side, and which of them counts is said here.
 */
import { BeckonError } from '../errors.ts';
import { decode, encode, type Schema } from '../wire/schema.ts';
import { domainPin, pinPrefixes, type DomainPin } from './pins.ts';
import { holds, maxHistory, storedNotice, userPin, type StoredNotice, type UserPin } from './user-pins.ts';

/** Whether a key of the cache is that of a pin: the rest can be fetched again. */
export function isPin(key: string): boolean {
  return Object.values(pinPrefixes).some((prefix) => key.startsWith(`${prefix}:`));
}

function isUserPin(key: string): boolean {
  return key.startsWith(`${pinPrefixes.user}:`);
}

/** The identity fingerprint in an encoded pin. Throws `cbor_*`, `internal` for what is no pin. */
export function pinnedIdentity(key: string, pin: Uint8Array): Uint8Array {
  if (!isPin(key)) throw new BeckonError('internal', 'this is no pin');
  return isUserPin(key) ? decode(userPin, pin).fingerprint : decode(domainPin, pin).fingerprint;
}

/** Two encoded pins of one identity as one. Commutative, associative, idempotent. */
export function joinPins(key: string, a: Uint8Array, b: Uint8Array): Uint8Array {
  return isUserPin(key)
    ? encode(userPin, joinUserPins(decode(userPin, a), decode(userPin, b)))
    : encode(domainPin, joinDomainPins(decode(domainPin, a), decode(domainPin, b)));
}

/** Of encoded pins of different identities the one that a new device begins with: the user's word, what was compared, what answered, the older. */
export function chosenPin(key: string, pins: readonly Uint8Array[]): Uint8Array | undefined {
  const rank = isUserPin(key)
    ? (pin: Uint8Array) => userRank(decode(userPin, pin))
    : (pin: Uint8Array) => domainRank(decode(domainPin, pin));
  return pins.toSorted((a, b) => compare(rank(b), rank(a)) || compare(Array.from(b), Array.from(a)))[0];
}

/**
 * The pin that a device goes on with, having one of its own: the user's later word on another device counts here too; without one it keeps
 * its own where something speaks for it, and another identity that answered or was compared elsewhere is offered. Undefined where nothing changes.
 */
export function adoptedPin(
  key: string,
  own: Uint8Array,
  rivals: readonly Uint8Array[],
): Uint8Array | undefined {
  if (!isUserPin(key)) return undefined;
  const mine = decode(userPin, own);
  const others = rivals.map((pin) => decode(userPin, pin));
  const word = others
    .filter(({ accepted = 0 }) => accepted > (mine.accepted ?? 0))
    .toSorted((a, b) => (b.accepted ?? 0) - (a.accepted ?? 0))[0];
  if (word !== undefined) return encode(userPin, word);
  const rival = others.find((pin) => holds(pin) && pin.accepted === undefined);
  if (rival !== undefined && !holds(mine)) return encode(userPin, rival);
  const waits = rival !== undefined && mine.accepted === undefined && mine.offered === undefined;
  return waits ? encode(userPin, { ...mine, offered: rival.fingerprint }) : undefined;
}

function userRank(pin: UserPin): readonly number[] {
  return [pin.accepted ?? 0, Number(pin.compared), Number(holds(pin)), -pin.since];
}

function domainRank({ compared, since }: DomainPin): readonly number[] {
  return [Number(compared), -since];
}

/** What the newest record says comes from who saw it; what was ever known stays known. */
function joinDomainPins(a: DomainPin, b: DomainPin): DomainPin {
  const bare = (pin: DomainPin): DomainPin => ({ ...pin, since: 0, compared: false });
  const newest = greater(domainPin, bare(a), bare(b), ({ mandateSerial, recordSerial }) => [
    mandateSerial,
    recordSerial,
  ]);
  return { ...newest, since: Math.min(a.since, b.since), compared: a.compared || b.compared };
}

function joinUserPins(a: UserPin, b: UserPin): UserPin {
  const newest = greater(userPin, bareUserPin(a), bareUserPin(b), ({ serial }) => [serial]);
  return {
    ...newest,
    since: Math.min(a.since, b.since),
    compared: a.compared || b.compared,
    ...latest('confirmed', a, b),
    ...latest('accepted', a, b),
    ...latest('voidBefore', a, b),
    ...latest('sealingRank', a, b),
    ...latest('domainSeen', a, b),
    ...latest('card', a, b),
    ...joinHistories(a.history, b.history),
  };
}

function bareUserPin(pin: UserPin): UserPin {
  const { confirmed: _c, accepted: _a, voidBefore: _v, sealingRank: _s, domainSeen: _d, ...rest } = pin;
  const { history: _h, card: _card, ...bare } = rest;
  return { ...bare, since: 0, compared: false };
}

type Latest = 'confirmed' | 'accepted' | 'voidBefore' | 'sealingRank' | 'domainSeen' | 'card';

/** The greater one. Absent gives way, but for `confirmed`, whose absence says more than 0: an old pin that holds. */
function latest(name: Latest, a: UserPin, b: UserPin): Partial<UserPin> {
  const [mine, theirs] = [a[name], b[name]];
  if (mine === undefined || theirs === undefined) {
    const known = mine ?? theirs;
    return known === undefined || (name === 'confirmed' && known === 0) ? {} : { [name]: known };
  }
  return { [name]: Math.max(mine, theirs) };
}

/** All that happened, the newest of it; seen where it was seen anywhere. */
function joinHistories(
  a: readonly StoredNotice[] | undefined,
  b: readonly StoredNotice[] | undefined,
): Pick<UserPin, 'history'> {
  if (a === undefined && b === undefined) return {};
  const byContent = new Map<string, StoredNotice>();
  for (const notice of [...(a ?? []), ...(b ?? [])]) {
    const name = encode(storedNotice, { ...notice, seen: false }).join();
    const seen = notice.seen || byContent.get(name)?.seen === true;
    byContent.set(name, { ...notice, seen });
  }
  const ordered = [...byContent].toSorted(
    ([one, first], [other, second]) => first.at - second.at || (one < other ? -1 : 1),
  );
  return { history: ordered.map(([, notice]) => notice).slice(-maxHistory) };
}

function greater<T>(schema: Schema<T>, a: T, b: T, rank: (value: T) => readonly number[]): T {
  const order =
    compare(rank(a), rank(b)) || compare(Array.from(encode(schema, a)), Array.from(encode(schema, b)));
  return order >= 0 ? a : b;
}

/** Number by number; what is longer is greater. */
function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  if (at < 0) return a.length - b.length;
  return (a[at] ?? 0) - (b[at] ?? -1);
}
