/** What the directory knows of others, as plain values. */
import { constantTimeEqual } from '../crypto/secret.ts';
import { eventsOf, type DomainEvent } from '../directory/domain-history.ts';
import type { DomainOutcome } from '../directory/domain-lookup.ts';
import type { DomainPin } from '../directory/pins.ts';
import { unseenEvents, type NativeUser, type UserOutcome } from '../directory/user-outcome.ts';
import {
  noticesOf,
  unseenNotices,
  type NoticeKind,
  type UserNotice,
  type UserPin,
} from '../directory/user-pins.ts';
import type { ErrorCode } from '../errors.ts';
import { fingerprintDigits, fingerprintWords } from '../keys/fingerprint-forms.ts';
import { bytesToJson } from '../keys/key-file.ts';
import type {
  DomainNoticeReport,
  FingerprintForms,
  KnownRecipient,
  MoveReport,
  NoticeReport,
  PinnedCorrespondent,
  Reader,
} from './trust-api.ts';

/** All forms of a fingerprint (32 bytes). */
export function formsOf(fingerprint: Uint8Array): FingerprintForms {
  return {
    whole: bytesToJson(fingerprint),
    words: fingerprintWords(fingerprint),
    digits: fingerprintDigits(fingerprint),
  };
}

function noticeReport({ at, kind, seen, linked, ...hashes }: UserNotice): NoticeReport {
  const texts = Object.fromEntries(
    Object.entries(hashes).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, bytesToJson(value)] as const],
    ),
  );
  return { at, kind, seen, ...texts, ...(linked === undefined ? {} : { linked }) };
}

function domainNotice({ noticed, ...event }: DomainEvent): DomainNoticeReport {
  if (event.kind !== 'identity') return { at: noticed, ...event };
  return { ...event, at: noticed, from: bytesToJson(event.from), to: bytesToJson(event.to) };
}

/** What happened to a domain, oldest first. */
export function domainHistoryOf(pin: DomainPin | undefined): readonly DomainNoticeReport[] {
  return pin === undefined ? [] : eventsOf(pin).map(domainNotice);
}

/** The history of a pin, oldest first. */
export function historyOf(pin: UserPin | undefined): readonly NoticeReport[] {
  return noticesOf(pin).map(noticeReport);
}

export function readersOf({
  escrow,
  bridged,
}: {
  readonly escrow?: boolean | undefined;
  readonly bridged?: boolean | undefined;
}): readonly Reader[] {
  return [
    'recipient',
    ...(escrow === true ? (['domain'] as const) : []),
    ...(bridged === true ? (['plain_text_store'] as const) : []),
  ];
}

/** What is known of a recipient without asking anybody else. */
export function knownRecipient(outcome: NativeUser): KnownRecipient {
  const { user, domain, since, confirmed, stale, notices, domainNotices } = outcome;
  const { movedTo, movedFrom } = user;
  return {
    since,
    unconfirmed: !confirmed,
    ...(stale || domain.stale ? { stale: true } : {}),
    readers: readersOf(outcome),
    notices: notices.map(noticeReport),
    domainNotices: domainNotices.map(domainNotice),
    ...(movedTo === undefined ? {} : { movedTo: moveOf(movedTo) }),
    ...(movedFrom === undefined ? {} : { movedFrom: moveOf(movedFrom) }),
  };
}

function moveOf([, address]: NonNullable<NativeUser['user']['movedTo']>): MoveReport {
  return { address };
}

/** What is pinned of a correspondent. */
export function pinnedCorrespondent(
  address: string,
  pin: UserPin,
  domain: DomainPin | undefined,
): PinnedCorrespondent {
  return {
    address,
    fingerprint: bytesToJson(pin.fingerprint),
    since: pin.since,
    compared: pin.compared,
    unconfirmed: pin.confirmed === 0,
    waits: pin.offered !== undefined,
    readers: readersOf(pin),
    mailAccepted: pin.mailAccepted,
    notices: unseenNotices(pin).map(noticeReport),
    domainNotices: domain === undefined ? [] : unseenEvents(pin, eventsOf(domain)).map(domainNotice),
  };
}

/** Whether the user saw what waits: this identity, or weaker keys of the pinned one. */
export function isOfferSeen(pin: UserPin, offered: Uint8Array): boolean {
  return noticesOf(pin).some(
    ({ kind, seen, toIdentity = pin.fingerprint }) =>
      seen && offers.includes(kind) && constantTimeEqual(toIdentity, offered),
  );
}

const offers: readonly NoticeKind[] = ['identity_offered', 'suite_offered'];

/** Why an address or domain is what it is: a code for programs, and more for people. Nothing for what is native. */
export function whyNot(outcome: UserOutcome | DomainOutcome): {
  readonly code?: ErrorCode;
  readonly reason?: string;
} {
  switch (outcome.kind) {
    case 'native':
      return {};
    case 'legacy':
      return { code: 'discovery_legacy', ...('reason' in outcome ? { reason: outcome.reason } : {}) };
    case 'later':
      return { code: 'discovery_later', reason: outcome.reason };
    case 'none':
      return { code: 'discovery_none', reason: outcome.reason };
    case 'unknown':
      return { code: 'user_unknown', reason: outcome.reason };
    case 'changed':
      return {
        code: 'trust_changed',
        reason: 'of' in outcome ? `${outcome.of}_${outcome.what}_changed` : 'domain_identity_changed',
      };
  }
}
