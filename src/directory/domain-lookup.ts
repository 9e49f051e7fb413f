/**
 * One look-up of a domain, from DNS to a pinned record.
 *
 *  1. the pin, if the domain was seen before
 *  2. DNS: native, legacy, none or later (wire-spec/discovery.md section 3); a pinned domain never becomes legacy by itself
 *  3. the record from the domain's own interface; under any certificate where it is pinned, since it proves itself
 *  4. verified against the pin or, at first sight, against TXT (wire-spec/keys.md section 3)
 *  5. the pin, then the record, written down
 */
import type { Clock } from '../clock.ts';
import { constantTimeEqual } from '../crypto/secret.ts';
import type {
  Discover,
  Discovery,
  LaterDomain,
  LegacyDomain,
  NativeDomain,
  NoDomain,
} from '../dns/discover.ts';
import type { Target } from '../dns/srv-order.ts';
import { BeckonError, codeOf, type ErrorCode } from '../errors.ts';
import { verifyDomainAnswer, type SeenDomain, type VerifiedDomain } from '../keys/domain-record.ts';
import type { Log } from '../log.ts';
import type { DomainEntry, DomainPin, Shelves } from './pins.ts';
import type { Fetched, Remote } from './remote.ts';
import { domainTrust, type Trust } from './trust.ts';

/** A domain with its verified record; `Remote` takes it as a peer. */
export interface NativePeer {
  readonly kind: 'native';
  readonly domain: string;
  readonly record: VerifiedDomain;
  /** For HTTPS, in the order to try. */
  readonly targets: readonly Target[];
  /** For notifications; empty: the HTTPS door only. */
  readonly udpTargets: readonly Target[];
  readonly trust: Trust;
  /** Unix seconds at which the record was fetched. */
  readonly fetched: number;
  /** It could not be read again when it was due; it is still valid. */
  readonly stale: boolean;
}

/** `pinned_native`: the domain was native before, and DNS now says that it is not. A code: why its record was refused. */
export interface LaterPeer {
  readonly kind: 'later';
  readonly reason: LaterDomain['reason'] | ErrorCode | 'pinned_native' | (string & {});
}

/** Another identity than the pinned one, and DNS agrees with it: waits for someone's word (`acceptChange`). */
export interface ChangedPeer {
  readonly kind: 'changed';
  readonly pinned: Uint8Array;
  readonly offered: Uint8Array;
  /** Since when the other one was pinned. */
  readonly since: number;
}

export type DomainOutcome = NativePeer | LegacyDomain | NoDomain | LaterPeer | ChangedPeer;

export interface DomainLookup {
  /** From the cache alone, if it was fetched since then (unix seconds); undefined where nothing valid is there. */
  cached(name: string, since: number): Promise<NativePeer | undefined>;
  lookUp(name: string): Promise<DomainOutcome>;
}

export interface DomainLookupOptions {
  readonly discover: Discover;
  readonly remote: Pick<Remote, 'getDomainAnswer'>;
  readonly shelves: Shelves;
  readonly clock: Clock;
  readonly log: Log;
}

export function createDomainLookup(options: DomainLookupOptions): DomainLookup {
  const { discover, remote, shelves, clock, log } = options;

  async function cached(name: string, since = 0): Promise<NativePeer | undefined> {
    const [pin, entry] = await Promise.all([shelves.domainPins.get(name), shelves.domainEntries.get(name)]);
    if (pin === undefined || entry === undefined || entry.fetched < since) return undefined;
    try {
      const expected = {
        domain: name,
        fingerprints: [pin.fingerprint],
        now: clock.seconds(),
        previous: seenOf(pin),
      };
      return peerOf(verifyDomainAnswer(entry.answer, expected), entry, pin, true);
    } catch (error) {
      if (error instanceof BeckonError) return undefined;
      throw error;
    }
  }

  /** What was valid when it was fetched and still is will do while the domain cannot be asked. */
  async function unreached(name: string, reason: LaterPeer['reason']): Promise<DomainOutcome> {
    const peer = await cached(name);
    return peer ? { ...peer, stale: true } : { kind: 'later', reason };
  }

  async function lookUp(name: string): Promise<DomainOutcome> {
    const pin = await shelves.domainPins.get(name);
    const dns = await discover.discoverDomain(name);
    if (dns.kind === 'later') return unreached(name, dns.reason);
    if (dns.kind !== 'native') return pin ? vanished(name, dns) : dns;
    const fetched = await fetchRecord(name, dns, pin);
    if (fetched.kind === 'found') return take(name, dns, pin, fetched.bytes);
    return unreached(name, fetched.kind === 'gone' ? 'not_served' : fetched.reason);
  }

  function vanished(name: string, dns: Discovery): LaterPeer {
    log.warn('directory.pinned_native', { domain: name, dns: dns.kind });
    return { kind: 'later', reason: 'pinned_native' };
  }

  async function fetchRecord(name: string, dns: NativeDomain, pin: DomainPin | undefined): Promise<Fetched> {
    const peer = { domain: name, targets: dns.targets };
    const fetched = await remote.getDomainAnswer(peer);
    if (pin === undefined || fetched.kind !== 'later' || fetched.reason !== 'tls_failed') return fetched;
    return remote.getDomainAnswer(peer, { verifyCertificate: false });
  }

  async function take(
    name: string,
    dns: NativeDomain,
    pin: DomainPin | undefined,
    answer: Uint8Array,
  ): Promise<DomainOutcome> {
    const now = clock.seconds();
    const fingerprints = pin ? [pin.fingerprint] : dns.fingerprints;
    const previous = pin && seenOf(pin);
    try {
      const record = verifyDomainAnswer(answer, { domain: name, fingerprints, now, previous });
      return await keep(name, dns, pin, record, answer);
    } catch (error) {
      if (!(error instanceof BeckonError) || error.code === 'storage_failed') throw error;
      const changed = pin && error.code === 'fingerprint_mismatch' && offeredBy(name, dns, pin, answer, now);
      log[changed || error.code === 'trust_changed' ? 'error' : 'warn']('directory.record_refused', {
        domain: name,
        code: changed ? 'trust_changed' : error.code,
      });
      return changed || { kind: 'later', reason: error.code };
    }
  }

  async function keep(
    name: string,
    dns: NativeDomain,
    pin: DomainPin | undefined,
    record: VerifiedDomain,
    answer: Uint8Array,
  ): Promise<NativePeer> {
    const now = clock.seconds();
    const newPin: DomainPin = {
      ...(pin ?? { since: now, compared: false }),
      fingerprint: record.fingerprint,
      mandateSerial: record.mandateSerial,
      mandateHash: record.mandateHash,
      recordSerial: record.serial,
      recordHash: record.recordHash,
    };
    const entry: DomainEntry = {
      answer,
      fetched: now,
      targets: dns.targets.map(({ host, port }) => [host, port] as const),
      udpTargets: dns.udpTargets.map(({ host, port }) => [host, port] as const),
      txtMatches: dns.fingerprints.some((known) => constantTimeEqual(known, record.fingerprint)),
      dnssec: dns.dnssec,
    };
    if (!entry.txtMatches) log.warn('directory.txt_differs', { domain: name });
    if (record.serial !== pin?.recordSerial || record.mandateSerial !== pin.mandateSerial)
      await shelves.domainPins.put(name, newPin);
    await shelves.domainEntries.put(name, entry);
    return peerOf(record, entry, newPin, pin !== undefined);
  }

  return { cached, lookUp };
}

/** The identity that a record of a pinned domain is really signed by, if TXT names that one. */
function offeredBy(
  name: string,
  dns: NativeDomain,
  pin: DomainPin,
  answer: Uint8Array,
  now: number,
): ChangedPeer | undefined {
  try {
    const { fingerprint } = verifyDomainAnswer(answer, { domain: name, fingerprints: dns.fingerprints, now });
    return { kind: 'changed', pinned: pin.fingerprint, offered: fingerprint, since: pin.since };
  } catch (error) {
    if (codeOf(error) === 'internal') throw error;
    return undefined;
  }
}

/** Undefined for a pin that someone's word set: no record of that identity was seen yet. */
function seenOf(pin: DomainPin): SeenDomain | undefined {
  if (pin.recordSerial === 0) return undefined;
  const { recordSerial, recordHash, mandateSerial, mandateHash } = pin;
  return { serial: recordSerial, recordHash, mandateSerial, mandateHash };
}

function peerOf(
  record: VerifiedDomain,
  entry: DomainEntry,
  pin: DomainPin,
  pinnedBefore: boolean,
): NativePeer {
  const { txtMatches, dnssec, fetched } = entry;
  return {
    kind: 'native',
    domain: record.domain,
    record,
    targets: entry.targets.map(([host, port]) => ({ host, port })),
    udpTargets: entry.udpTargets.map(([host, port]) => ({ host, port })),
    trust: domainTrust({ compared: pin.compared, txtMatches, dnssec, pinnedBefore }),
    fetched,
    stale: false,
  };
}
