/** A verified domain as it is written down, and as callers see it. */
import { constantTimeEqual } from '../crypto/secret.ts';
import type { NativeDomain } from '../dns/discover.ts';
import type { VerifiedDomain } from '../keys/domain-record.ts';
import { eventsOf } from './domain-history.ts';
import type { ParentEvidence } from './parents.ts';
import type { DomainEntry, DomainPin } from './pins.ts';
import { domainTrust } from './trust.ts';

const doubts = ['refused', 'unknown'] as const;

function parentFields(parent: ParentEvidence | undefined): Pick<DomainEntry, 'parentUntil' | 'parentDoubt'> {
  if (parent === undefined) return {};
  return parent.kind === 'signed'
    ? { parentUntil: parent.until }
    : { parentDoubt: doubts.indexOf(parent.kind) };
}

/** What is written down of a verified record, with what DNS and the parents said at that time. */
export function entryOf(
  record: VerifiedDomain,
  answer: Uint8Array,
  dns: NativeDomain,
  found: {
    readonly parent: ParentEvidence | undefined;
    /** The serial of a `gone` that counts. */
    readonly left: number | undefined;
    readonly now: number;
  },
): DomainEntry {
  const { parent, left, now } = found;
  return {
    answer,
    fetched: now,
    targets: dns.targets.map(({ host, port }) => [host, port] as const),
    udpTargets: dns.udpTargets.map(({ host, port }) => [host, port] as const),
    txtMatches: dns.fingerprints.some((known) => constantTimeEqual(known, record.fingerprint)),
    dnssec: dns.dnssec,
    ...parentFields(parent),
    ...(left === undefined ? {} : { left }),
    ...(left === undefined && dns.gone !== null ? { goneRefused: true } : {}),
  };
}

/** A signature counts until it expires, and not longer because the record is cached. */
function parentOf(
  { parentUntil, parentDoubt }: DomainEntry,
  now: number,
): 'signed' | 'refused' | 'unknown' | undefined {
  if (parentUntil !== undefined) return now <= parentUntil ? 'signed' : 'refused';
  return parentDoubt === undefined ? undefined : doubts[parentDoubt];
}

/** A domain as callers see it. */
export function peerOf(
  record: VerifiedDomain,
  entry: DomainEntry,
  pin: DomainPin,
  pinnedBefore: boolean,
  now: number,
) {
  const { txtMatches, dnssec, fetched } = entry;
  const { compared } = pin;
  const leaving = entry.left !== undefined;
  return {
    kind: 'native' as const,
    domain: record.domain,
    record,
    targets: entry.targets.map(([host, port]) => ({ host, port })),
    udpTargets: entry.udpTargets.map(([host, port]) => ({ host, port })),
    trust: domainTrust({
      compared,
      txtMatches,
      dnssec,
      pinnedBefore,
      parent: parentOf(entry, now),
      leaving,
      goneRefused: entry.goneRefused === true,
    }),
    fetched,
    stale: false,
    history: eventsOf(pin),
    leaving,
  };
}
