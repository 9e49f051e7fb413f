/**
 * What the directory writes down: pins, kept for years, and the records fetched last, which can be fetched again. These
 * forms are this implementation's own and never travel.
 */
import { base64urlnopad } from '@scure/base';
import { addressHash } from '../keys/fingerprints.ts';
import { splitAddress } from '../wire/address.ts';
import { hash, serial, time } from '../wire/items.ts';
import {
  bool,
  bytes,
  decode,
  encode,
  field,
  list,
  optional,
  record,
  text,
  tuple,
  uint,
} from '../wire/schema.ts';
import type { Schema, ValueOf } from '../wire/schema.ts';
import type { DirectoryCache } from './cache.ts';
import { userPin, type UserPin } from './user-pins.ts';

/** What happened to a domain: read by `domain-history.ts`. */
const storedEvent = record('domain-event', {
  kind: field(1, uint(255)),
  noticed: field(2, time),
  made: optional(3, time),
  by: optional(4, uint(255)),
  from: optional(5, hash),
  to: optional(6, hash),
  escrow: optional(7, bool),
});
export type StoredEvent = ValueOf<typeof storedEvent>;

/** The identity of a domain as first seen or as it changed in an orderly way, and the highest serials since. */
export const domainPin = record('domain-pin', {
  fingerprint: field(1, hash),
  since: field(2, time),
  /** Its fingerprint was compared out of band. */
  compared: field(3, bool),
  mandateSerial: field(4, serial),
  mandateHash: field(5, hash),
  recordSerial: field(6, serial),
  recordHash: field(7, hash),
  // Absent in pins that were written before these were kept, and in those that somebody's word set.
  identityKey: optional(8, hash),
  recoveryHash: optional(9, hash),
  escrow: optional(10, bool),
  history: optional(11, list(storedEvent, { max: 64 })),
});
export type DomainPin = ValueOf<typeof domainPin>;

const targets = list(tuple(text(253), uint(65_535)), { max: 64 });

/** A domain record as fetched, with what DNS said at that time. */
const domainEntry = record('domain-entry', {
  answer: field(1, bytes(1, 60 * 1024)),
  fetched: field(2, time),
  targets: field(3, targets),
  udpTargets: field(4, targets),
  txtMatches: field(5, bool),
  dnssec: field(6, bool),
  /** Until when a parent's signature counts; one that does not count, by why. */
  parentUntil: optional(7, time),
  parentDoubt: optional(8, uint(255)),
  /** The serial of the `gone` in TXT, where it counts. */
  left: optional(9, serial),
  /** There is a `gone` that does not. */
  goneRefused: optional(10, bool),
});
export type DomainEntry = ValueOf<typeof domainEntry>;

const userEntry = record('user-entry', {
  answer: field(1, bytes(1, 48 * 1024)),
  fetched: field(2, time),
});
export type UserEntry = ValueOf<typeof userEntry>;

/** One kind of value in the cache, under keys of its own. */
export interface Shelf<T> {
  get(name: string): Promise<T | undefined>;
  put(name: string, value: T): Promise<void>;
  delete(name: string): Promise<void>;
}

function shelf<T>(cache: DirectoryCache, prefix: string, schema: Schema<T>): Shelf<T> {
  return {
    async get(name) {
      const stored = await cache.get(`${prefix}:${name}`);
      return stored && decode(schema, stored);
    },
    put: (name, value) => cache.put(`${prefix}:${name}`, encode(schema, value)),
    delete: (name) => cache.delete(`${prefix}:${name}`),
  };
}

/** What the keys of pins begin with, before a colon. */
export const pinPrefixes = { domain: 'domain-pin', user: 'user-pin' } as const;

export interface Shelves {
  /** By domain name. */
  readonly domainPins: Shelf<DomainPin>;
  readonly domainEntries: Shelf<DomainEntry>;
  /** By `userName`. */
  readonly userPins: Shelf<UserPin>;
  readonly userEntries: Shelf<UserEntry>;
}

export function createShelves(cache: DirectoryCache): Shelves {
  return {
    domainPins: shelf(cache, pinPrefixes.domain, domainPin),
    domainEntries: shelf(cache, 'domain-entry', domainEntry),
    userPins: shelf(cache, pinPrefixes.user, userPin),
    userEntries: shelf(cache, 'user-entry', userEntry),
  };
}

/** What a user is called in the cache: no address is written there. */
export function userName(address: string): string {
  return `${splitAddress(address).domain}/${base64urlnopad.encode(addressHash(address))}`;
}
