/**
 * One look-up of a domain, from DNS to a pinned record.
 *
 *  1. the pin, if the domain was seen before
 *  2. DNS: native, legacy, none or later (wire-spec/discovery.md section 3); a pinned domain never becomes legacy by itself
 *  3. the record from the domain's own interface; under any certificate where it is pinned, since it proves itself
 *  4. verified against the pin and what changed it in order (wire-spec/identity.md) or, at first sight, against TXT
 *     (wire-spec/keys.md section 3)
 *  5. what parents say about it
 *  6. the pin, then the record, written down
 */
import type { Clock } from '../clock.ts';
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
import { verifyDomainAnswer, type VerifiedDomain } from '../keys/domain-record.ts';
import type { Log } from '../log.ts';
import type { DomainEvent } from './domain-history.ts';
import {
  judgeGone,
  pinAfter,
  saysTheSame,
  seenOf,
  verifyAnswer,
  type VerifiedAnswer,
} from './domain-verify.ts';
import { entryOf, peerOf } from './domain-peer.ts';
import { judgeParents } from './parents.ts';
import type { DomainPin, Shelves } from './pins.ts';
import type { Fetched, Remote } from './remote.ts';
import type { Trust } from './trust.ts';

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
  /** What changed since the domain was pinned, the oldest first: for notices. Nothing of it waits. */
  readonly history: readonly DomainEvent[];
  /** It says that it leaves: what waits there can be fetched, nothing new goes there. */
  readonly leaving: boolean;
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

/** `none` with the reason `left`: the domain was native, and signed that it is not any more. */
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
      return peerOf(verifyDomainAnswer(entry.answer, expected), entry, pin, true, expected.now);
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
    if (dns.kind !== 'native') return pin ? vanished(name, dns, pin) : dns;
    const fetched = await fetchRecord(name, dns, pin);
    if (fetched.kind === 'found') return take(name, dns, pin, fetched.bytes);
    return unreached(name, fetched.kind === 'gone' ? 'not_served' : fetched.reason);
  }

  /** A pinned domain that DNS does not show as native any more left, if it signed that; else nobody knows. */
  async function vanished(
    name: string,
    dns: Discovery,
    pin: DomainPin,
  ): Promise<LaterPeer | (NoDomain & { reason: 'left' })> {
    const found = await discover.domainTxt(name);
    const gone = found.kind === 'found' ? found.txt.gone : null;
    if (gone !== null && (await leftBy(name, gone, pin)) !== undefined)
      return { kind: 'none', reason: 'left' };
    log.warn('directory.pinned_native', { domain: name, dns: dns.kind });
    return { kind: 'later', reason: 'pinned_native' };
  }

  async function leftBy(name: string, gone: Uint8Array, pin: DomainPin): Promise<number | undefined> {
    const outcome = judgeGone(gone, name, pin, await shelves.domainEntries.get(name), clock.seconds());
    if ('serial' in outcome) return outcome.serial;
    log.warn('directory.gone_refused', { domain: name, code: outcome.refused });
    return undefined;
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
    try {
      const verified = verifyAnswer(answer, { domain: name, pin, txt: dns.fingerprints, now });
      return await keep(name, dns, pin, verified, answer);
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
    verified: VerifiedAnswer,
    answer: Uint8Array,
  ): Promise<NativePeer> {
    const { record, steps } = verified;
    const parent = await judgeParents(record, record.attachments, discover, clock.seconds());
    const now = clock.seconds();
    const newPin = pinAfter(pin, verified, now);
    const left = dns.gone === null ? undefined : await leftBy(name, dns.gone, newPin);
    const entry = entryOf(record, answer, dns, { parent, left, now });
    if (!entry.txtMatches) log.warn('directory.txt_differs', { domain: name });
    for (const { by, created } of steps)
      log.warn('directory.identity_changed', { domain: name, by, created });
    if (!saysTheSame(pin, newPin)) await shelves.domainPins.put(name, newPin);
    await shelves.domainEntries.put(name, entry);
    return peerOf(record, entry, newPin, pin !== undefined, now);
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
