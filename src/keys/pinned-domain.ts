/** What a domain shows, against what is pinned of it: wire-spec/identity.md section 1. */
import { constantTimeEqual } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { domainAnswer, domainRecord, mandate, type Attachments } from '../wire/keys.ts';
import { decode } from '../wire/schema.ts';
import { decodeSign1 } from '../wire/sign1.ts';
import { verifyDomainRecord, type SeenDomain, type VerifiedDomain } from './domain-record.ts';
import { domainFingerprint } from './fingerprints.ts';
import {
  attachedChanges,
  followIdentityChanges,
  type DomainStanding,
  type FollowedChange,
} from './identity-change.ts';

export interface PinnedDomain extends DomainStanding {
  /** Fingerprints that were pinned before this one. */
  readonly left: readonly Uint8Array[];
  readonly seen?: SeenDomain | undefined;
}

export interface ExpectedPinned {
  readonly domain: string;
  readonly pinned: PinnedDomain;
  /** The ids in TXT: a new identity must be one of them. */
  readonly txt: readonly Uint8Array[];
  readonly now: number;
}

export interface VerifiedPinned {
  readonly record: VerifiedDomain & { readonly attachments: Attachments };
  /** The changes that led from the pin to this record; none: it is as pinned. */
  readonly steps: readonly FollowedChange[];
}

/**
 * Verifies the answer of a domain that is pinned. Throws as `verifyDomainAnswer`: `fingerprint_mismatch` also for an identity that no
 * change leads to, or that TXT does not name; `record_rollback` also for an identity that the domain has left; `trust_changed` also
 * for another recovery key that the one before did not sign.
 */
export function verifyPinnedAnswer(
  answer: Uint8Array,
  { domain, pinned, txt, now }: ExpectedPinned,
): VerifiedPinned {
  const { record, attachments } = decode(domainAnswer, answer);
  const { standing, steps } = followIdentityChanges(pinned, attachedChanges(attachments, domain, now));
  const same = constantTimeEqual(standing.fingerprint, pinned.fingerprint);
  const previous = same ? pinned.seen : undefined;
  refuseLeft(record, standing, pinned.left);
  const verified = verifyDomainRecord(record, {
    domain,
    fingerprints: [standing.fingerprint],
    now,
    previous,
  });
  if (!same && !includes(txt, verified.fingerprint))
    throw new BeckonError('fingerprint_mismatch', 'TXT does not name the new identity of the domain yet');
  if (standing.recoveryHash !== undefined && !constantTimeEqual(verified.recoveryHash, standing.recoveryHash))
    throw new BeckonError('trust_changed', 'another recovery key than the pinned one');
  return { record: { ...verified, attachments }, steps };
}

/** What a thief of a former identity key shows is no change that anybody should be asked about. */
function refuseLeft(record: Uint8Array, standing: DomainStanding, left: readonly Uint8Array[]): void {
  const content = decode(domainRecord, decodeSign1(record).payload);
  const { identityKey } = decode(mandate, decodeSign1(content.mandate).payload);
  const shown = domainFingerprint(identityKey);
  if (!constantTimeEqual(shown, standing.fingerprint) && includes(left, shown))
    throw new BeckonError('record_rollback', 'an identity that the domain has left');
}

function includes(fingerprints: readonly Uint8Array[], one: Uint8Array): boolean {
  return fingerprints.some((other) => constantTimeEqual(other, one));
}
