/**
 * Before "legacy" is believed, the domain itself is asked: whoever forges DNS answers at first contact would have clear text
 * else. wire-spec/discovery.md section 5.
 *
 *  1. an absence that DNSSEC proves needs nothing more
 *  2. no address of `beckon.<domain>`, for certain: legacy
 *  3. its domain record is asked for there, port 443, under a valid certificate alone; silence is asked again
 *  4. a record that verifies, by the TXT record where there is one, contradicts; silence leaves it open; anything else lets
 *     legacy stand
 */
import type { Clock } from '../clock.ts';
import type { LegacyDomain } from '../dns/discover.ts';
import { readDomainTxt, type DomainTxt } from '../dns/domain-txt.ts';
import type { Resolver } from '../dns/resolver.ts';
import { BeckonError } from '../errors.ts';
import { claimedFingerprint } from '../keys/claimed-identity.ts';
import { verifyDomainAnswer, type VerifiedDomain } from '../keys/domain-record.ts';
import { verifyGone } from '../keys/gone.ts';
import type { Log } from '../log.ts';
import type { Https } from '../outbound/https.ts';
import { authorityOf } from '../wire/domain-name.ts';
import { createFlights } from './flights.ts';
import { createHeldBack } from './held-back.ts';
import { createRemote, type Fetched, type Later } from './remote.ts';

/**
 * `legacy_contradicted`: DNS says that the domain has no Beckon, and the domain's own server says that it has.
 * `legacy_unconfirmed`: it did not answer, so nobody knows.
 */
export type LegacyVerdict =
  | { readonly kind: 'legacy' }
  | { readonly kind: 'later'; readonly reason: 'legacy_contradicted' | 'legacy_unconfirmed' };

/** Whether what DNS says of a canonical domain holds. Does not throw for what the network does. */
export type ConfirmLegacy = (domain: string, legacy: LegacyDomain) => Promise<LegacyVerdict>;

export interface ConfirmLegacyOptions {
  readonly resolver: Pick<Resolver, 'address' | 'txt'>;
  readonly https: Https;
  readonly clock: Clock;
  readonly log: Log;
  /** Where the domain is asked: the port of HTTPS unless a test has none. */
  readonly port?: number;
  /** For each of the tries, in milliseconds. */
  readonly patienceMs?: number;
}

const httpsPort = 443;
const tries = 2;
/** How long a confirmed "legacy" is believed, in seconds: as long as DNS is. */
const legacySeconds = 300;

export function createConfirmLegacy(options: ConfirmLegacyOptions): ConfirmLegacy {
  const { resolver, https, clock, log, port = httpsPort, patienceMs = 10_000 } = options;
  const remote = createRemote({ https });
  const heldBack = createHeldBack<LegacyVerdict>(clock);
  const shared = createFlights<LegacyVerdict>();

  async function ask(domain: string): Promise<LegacyVerdict> {
    const address = await resolver.address(authorityOf(domain));
    if (address.kind === 'absent') return stands;
    if (address.kind === 'later') return unconfirmed;
    const fetched = await fetchRecord(domain);
    if (fetched.kind === 'gone') return stands;
    if (fetched.kind === 'later') return isOpen(fetched) ? unconfirmed : stands;
    return (await isRecordOf(domain, fetched.bytes)) ? contradicted : stands;
  }

  async function fetchRecord(domain: string): Promise<Fetched> {
    const peer = { domain, targets: [{ host: authorityOf(domain), port }] };
    for (let attempt = 1; ; attempt++) {
      const fetched = await remote.getDomainAnswer(peer, { signal: AbortSignal.timeout(patienceMs) });
      if (fetched.kind !== 'later' || !fetched.silent || attempt >= tries) return fetched;
    }
  }

  async function isRecordOf(domain: string, answer: Uint8Array): Promise<boolean> {
    const answered = await resolver.txt(`_beckon.${domain}`);
    const read = readDomainTxt(answered.kind === 'found' ? answered.records : []);
    const { fingerprints, gone } = read.kind === 'found' ? read.txt : noTxt;
    const now = clock.seconds();
    try {
      const named = fingerprints.length > 0 ? fingerprints : [claimedFingerprint(answer)];
      const record = verifyDomainAnswer(answer, { domain, fingerprints: named, now });
      return gone === null || !hasLeft(gone, record, now);
    } catch (error) {
      if (error instanceof BeckonError) return false;
      throw error;
    }
  }

  async function confirm(domain: string): Promise<LegacyVerdict> {
    const verdict = await ask(domain);
    if (verdict.kind === 'legacy') {
      heldBack.hold(domain, verdict, legacySeconds);
      return verdict;
    }
    heldBack.fail(domain, verdict);
    const level = verdict === contradicted ? 'error' : 'warn';
    log[level](`directory.${verdict.reason}`, { domain });
    return verdict;
  }

  return async (domain, legacy) => {
    if (legacy.dnssec) return stands;
    return heldBack.get(domain) ?? shared(domain, () => confirm(domain));
  };
}

const noTxt: DomainTxt = { fingerprints: [], gone: null };

/** A domain that signed that it leaves is legacy, though its server may answer for a while. */
function hasLeft(gone: Uint8Array, record: VerifiedDomain, now: number): boolean {
  try {
    verifyGone(gone, { ...record, now });
    return true;
  } catch (error) {
    if (error instanceof BeckonError) return false;
    throw error;
  }
}

const stands: LegacyVerdict = { kind: 'legacy' };
const contradicted: LegacyVerdict = { kind: 'later', reason: 'legacy_contradicted' };
const unconfirmed: LegacyVerdict = { kind: 'later', reason: 'legacy_unconfirmed' };

/** Silence, or a server of this protocol that does not answer now: both may be a native domain's. */
function isOpen({ silent, reason }: Later): boolean {
  return silent === true || !(foreign.includes(reason) || reason.startsWith('http_'));
}

/** Refused, no valid certificate, or something else lives there. */
const foreign: readonly string[] = [
  'network_failed',
  'network_refused',
  'tls_failed',
  'too_large',
  'foreign_answer',
];
