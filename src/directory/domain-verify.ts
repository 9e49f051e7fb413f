/** The answer of a domain against its pin, or against TXT at first sight, and the pin that follows; wire-spec/identity.md. */
import { domainFingerprint } from '../keys/fingerprints.ts';
import { constantTimeEqual } from '../crypto/secret.ts';
import { codeOf, type ErrorCode } from '../errors.ts';
import { verifyDomainAnswer, type SeenDomain, type VerifiedDomain } from '../keys/domain-record.ts';
import { verifyGone } from '../keys/gone.ts';
import type { FollowedChange } from '../keys/identity-change.ts';
import { verifyPinnedAnswer } from '../keys/pinned-domain.ts';
import { domainAnswer, domainRecord, mandate, type Attachments } from '../wire/keys.ts';
import { decode } from '../wire/schema.ts';
import { decodeSign1 } from '../wire/sign1.ts';
import { continued, leftIdentities } from './domain-history.ts';
import type { DomainEntry, DomainPin } from './pins.ts';

export interface VerifiedAnswer {
  readonly record: VerifiedDomain & { readonly attachments: Attachments };
  /** The orderly changes since the pin. */
  readonly steps: readonly FollowedChange[];
}

/** Throws as `verifyPinnedAnswer` where there is a pin, else as `verifyDomainAnswer`. */
export function verifyAnswer(
  answer: Uint8Array,
  expected: {
    readonly domain: string;
    readonly pin: DomainPin | undefined;
    readonly txt: readonly Uint8Array[];
    readonly now: number;
  },
): VerifiedAnswer {
  const { domain, pin, txt, now } = expected;
  if (pin === undefined)
    return { record: verifyDomainAnswer(answer, { domain, fingerprints: txt, now }), steps: [] };
  const { fingerprint, recoveryHash } = pin;
  const pinned = { fingerprint, recoveryHash, left: leftIdentities(pin), seen: seenOf(pin) };
  return verifyPinnedAnswer(answer, { domain, pinned, txt, now });
}

/** Undefined for a pin that someone's word set: no record of that identity was seen yet. */
export function seenOf(pin: DomainPin): SeenDomain | undefined {
  if (pin.recordSerial === 0) return undefined;
  const { recordSerial, recordHash, mandateSerial, mandateHash } = pin;
  return { serial: recordSerial, recordHash, mandateSerial, mandateHash };
}

/** The pin that a verified answer leaves. What was compared stays so through an orderly change. */
export function pinAfter(
  pin: DomainPin | undefined,
  { record, steps }: VerifiedAnswer,
  now: number,
): DomainPin {
  const history = pin === undefined ? [] : continued(pin, record, steps, now);
  return {
    ...(pin ?? { since: now, compared: false }),
    fingerprint: record.fingerprint,
    mandateSerial: record.mandateSerial,
    mandateHash: record.mandateHash,
    recordSerial: record.serial,
    recordHash: record.recordHash,
    identityKey: record.identityKey,
    recoveryHash: record.recoveryHash,
    escrow: record.escrow,
    ...(history.length === 0 ? {} : { history }),
  };
}

/** Whether a pin says all that the next one says. */
export function saysTheSame(pin: DomainPin | undefined, next: DomainPin): boolean {
  return (
    pin !== undefined &&
    pin.recordSerial === next.recordSerial &&
    pin.mandateSerial === next.mandateSerial &&
    pin.recoveryHash !== undefined &&
    constantTimeEqual(pin.fingerprint, next.fingerprint)
  );
}

export type GoneOutcome = { readonly serial: number } | { readonly refused: ErrorCode };

/** What the `gone` of TXT means for a pinned domain whose last record may have expired long ago. */
export function judgeGone(
  gone: Uint8Array,
  domain: string,
  pin: DomainPin,
  entry: DomainEntry | undefined,
  now: number,
): GoneOutcome {
  try {
    const identityKey = pin.identityKey ?? (entry && identityKeyIn(entry.answer));
    if (identityKey === undefined || !constantTimeEqual(domainFingerprint(identityKey), pin.fingerprint))
      return { refused: 'key_unknown' };
    return { serial: verifyGone(gone, { domain, identityKey, mandateSerial: pin.mandateSerial, now }) };
  } catch (error) {
    const code = codeOf(error);
    if (code === 'internal') throw error;
    return { refused: code };
  }
}

/** Of an answer that was verified when it was written down, before pins had the key. */
function identityKeyIn(answer: Uint8Array): Uint8Array {
  const record = decode(domainRecord, decodeSign1(decode(domainAnswer, answer).record).payload);
  return decode(mandate, decodeSign1(record.mandate).payload).identityKey;
}
