/**
 * What our own domains publish: their records and what they say about their addresses, wire-spec/keys.md sections 3 to 7.
 * A record is durable before anyone sees it, so that no restart gives one serial to two records.
 */
import type { Clock } from '../clock.ts';
import { BeckonError, codeOf } from '../errors.ts';
import { bridgeCapabilities } from '../keys/bridge-user.ts';
import type { DomainKeys } from '../keys/domain-keys.ts';
import { encodeDomainAnswer, signDomainRecord, type DomainRecordContent } from '../keys/domain-record.ts';
import { nextSerial, serialToExceed } from '../keys/serial.ts';
import { servedAttachments } from '../keys/served-attachments.ts';
import type { Log } from '../log.ts';
import { createRate, networkOf, type RateLimit } from '../rate.ts';
import { domainRecord, noCapabilities } from '../wire/keys.ts';
import { decode } from '../wire/schema.ts';
import { decodeSign1 } from '../wire/sign1.ts';
import { createListings, type ListedAddresses, type UnknownUsers } from './listings.ts';
import { isDue } from './renewal.ts';
import { createTurns } from './turns.ts';

export interface PublishedRecord {
  readonly serial: number;
  /** The signed domain record. */
  readonly record: Uint8Array;
}

/** The settings that a domain's record and answers show. */
export interface PublishedSettings {
  readonly contact: string;
  readonly introductions: 'open' | 'closed';
  readonly introductionsPerHour: number;
  readonly bucketBits: number;
  readonly unknownUsers: UnknownUsers;
  readonly bridge?: 'on' | 'off';
}

/** The table of our domains, as far as the publisher needs it. */
export interface PublishedDomains {
  get(domain: string): Promise<PublishedSettings | undefined>;
  list(): Promise<readonly { readonly domain: string }[]>;
  published(domain: string): Promise<PublishedRecord | undefined>;
  /** Durable when it resolves. Throws `record_rollback` unless the serial is higher than the last, or the last over a day ahead. */
  publish(domain: string, published: PublishedRecord): Promise<void>;
}

export interface PublisherOptions {
  /** The private side of a domain of ours; the same object until its keys change. */
  readonly keysOf: (domain: string) => DomainKeys | undefined;
  readonly domains: PublishedDomains;
  readonly listed: ListedAddresses;
  /** Look-ups that one network (IPv4 /24, IPv6 /48) may make. */
  readonly lookups?: RateLimit;
  /** As `createListings`. */
  readonly work?: RateLimit;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Publisher {
  /**
   * The record now in force, signed anew where it is older than a day or no longer says what settings and keys say;
   * undefined for a domain that is not ours. Where it cannot be signed anew the old one stands; throws the reason
   * (`key_not_active`, `record_invalid`) only where there is none.
   */
  published(domain: string): Promise<PublishedRecord | undefined>;
  /** What `GET domains/{domain}` serves: an encoded domain-answer, or undefined (404). */
  domainAnswer(domain: string): Promise<Uint8Array | undefined>;
  /**
   * What `GET users/{domain}/{address hash}` serves: an encoded user-answer, or undefined (404) for an address that is not
   * known, where the domain's setting says so. `source`: the address that asks. Throws `rate_limited`.
   */
  userAnswer(domain: string, addressHash: Uint8Array, source: string): Promise<Uint8Array | undefined>;
  /** Signs anew whatever is due, for all domains. To be called more often than daily. Failures are logged. */
  renew(): Promise<void>;
}

interface Standing extends PublishedRecord {
  readonly created: number;
  /** What it was made from: while these stay the same objects and values, so does the record. */
  readonly keys: DomainKeys;
  readonly shown: string;
}

/** A large office looks up from one network, and so does a domain for its users. */
const defaultLookups: RateLimit = { perSecond: 20, burst: 400 };

export function createPublisher(options: PublisherOptions): Publisher {
  const { keysOf, domains, listed, lookups = defaultLookups, clock, log } = options;
  const standing = new Map<string, Standing>();
  const inTurn = createTurns();
  const listings = createListings({
    listed,
    clock,
    ...(options.work === undefined ? {} : { work: options.work }),
  });
  const mayAsk = createRate(lookups, clock);

  async function published(domain: string): Promise<PublishedRecord | undefined> {
    const keys = keysOf(domain);
    const settings = keys && (await domains.get(domain));
    if (keys === undefined || settings === undefined) return undefined;
    const current = standing.get(domain);
    if (current && isCurrent(current, keys, settings)) return current;
    return inTurn(domain, () => refreshed(domain, keys, settings));
  }

  function isCurrent(current: Standing, keys: DomainKeys, settings: PublishedSettings): boolean {
    return (
      current.keys === keys && current.shown === shownOf(settings) && !isDue(current.created, clock.seconds())
    );
  }

  async function refreshed(
    domain: string,
    keys: DomainKeys,
    settings: PublishedSettings,
  ): Promise<PublishedRecord> {
    const meanwhile = standing.get(domain);
    if (meanwhile && isCurrent(meanwhile, keys, settings)) return meanwhile;
    const last = await domains.published(domain);
    const record = (last && unchanged(last, keys, settings)) ?? (await renewed(domain, last, keys, settings));
    const { created } = decode(domainRecord, decodeSign1(record.record).payload);
    standing.set(domain, { ...record, created, keys, shown: shownOf(settings) });
    return record;
  }

  /** Signatures are deterministic: the record says what it should if signing it again gives the same bytes. */
  function unchanged(
    last: PublishedRecord,
    keys: DomainKeys,
    settings: PublishedSettings,
  ): PublishedRecord | undefined {
    const { created } = decode(domainRecord, decodeSign1(last.record).payload);
    if (isDue(created, clock.seconds())) return undefined;
    try {
      const again = signDomainRecord({ ...contentOf(keys, settings), serial: last.serial, now: created });
      return sameBytes(again, last.record) ? last : undefined;
    } catch {
      return undefined;
    }
  }

  async function renewed(
    domain: string,
    last: PublishedRecord | undefined,
    keys: DomainKeys,
    settings: PublishedSettings,
  ): Promise<PublishedRecord> {
    try {
      const now = clock.seconds();
      const serial = nextSerial(serialToExceed(last?.serial, now, keys.progress), now);
      const record = { serial, record: signDomainRecord({ ...contentOf(keys, settings), serial, now }) };
      await domains.publish(domain, record);
      return record;
    } catch (error) {
      log.error('directory.record_not_renewed', { domain, code: codeOf(error) });
      if (last === undefined) throw error;
      return last;
    }
  }

  async function renewDomain(domain: string): Promise<void> {
    try {
      await published(domain);
    } catch (error) {
      log.error('directory.renewal_failed', { domain, code: codeOf(error) });
    }
  }

  return {
    published,
    async domainAnswer(domain) {
      const current = await published(domain);
      const keys = keysOf(domain);
      return current && keys && encodeDomainAnswer(current.record, servedAttachments(keys, clock.seconds()));
    },
    async userAnswer(domain, addressHash, source) {
      if (!mayAsk(networkOf(source)))
        throw new BeckonError('rate_limited', 'too many look-ups from this network');
      const keys = keysOf(domain);
      const settings = keys && (await domains.get(domain));
      if (keys === undefined || settings === undefined) return undefined;
      return await listings.answer(keys, addressHash, settings.unknownUsers);
    },
    async renew() {
      for (const { domain } of await domains.list()) await renewDomain(domain);
    },
  };
}

function contentOf(
  keys: DomainKeys,
  settings: PublishedSettings,
): Omit<DomainRecordContent, 'serial' | 'now'> {
  const { contact, introductions, bucketBits } = settings;
  const introductionsPerHour = introductions === 'open' ? settings.introductionsPerHour : 0;
  const capabilities = settings.bridge === 'on' ? bridgeCapabilities(keys) : noCapabilities;
  return { keys, contact, limits: { introductionsPerHour }, bucketBits, capabilities };
}

function shownOf(settings: PublishedSettings): string {
  const { contact, introductions, introductionsPerHour, bucketBits, bridge = 'off' } = settings;
  return JSON.stringify([contact, introductions, introductionsPerHour, bucketBits, bridge]);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
