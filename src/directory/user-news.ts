/** What a record that was taken, or that waits, adds to a pin and its history. */
import { constantTimeEqual } from '../crypto/secret.ts';
import type { VerifiedUser } from '../keys/user-answer.ts';
import type { RecordChange } from '../keys/user-change.ts';
import {
  unseenNotices,
  unseenPin,
  withNotices,
  withRecord,
  type UserNotice,
  type UserPin,
} from './user-pins.ts';

/** The same pin where there is nothing new. */
export function pinAfter(
  pin: UserPin | undefined,
  user: VerifiedUser,
  change: RecordChange,
  now: number,
): UserPin {
  if (pin === undefined) return withRecord(unseenPin(user.identityFingerprint, now), user);
  const complete = pin.sealingRank !== undefined && !pin.mailAccepted && pin.offered === undefined;
  if (change.kind === 'same' && complete) return pin;
  const news = 'news' in change ? change.news : [];
  const notices = news.map((kind) => ({
    ...noticeOf(kind, now, user, pin),
    ...(kind === 'rotated' && change.kind === 'orderly' ? { linked: change.linked } : {}),
  }));
  const base =
    change.kind === 'replaced'
      ? { ...unseenPin(user.identityFingerprint, now), history: pin.history ?? [] }
      : pin;
  return withRecord(withNotices(base, notices), user);
}

/** The pin with what waits for the user's word, told once; the same pin where it was told and is kept already. */
export function pinWithOffer(
  pin: UserPin,
  user: VerifiedUser,
  what: 'identity' | 'suite',
  now: number,
): UserPin {
  const offered = user.identityFingerprint;
  const kind = what === 'identity' ? 'identity_offered' : 'suite_offered';
  const notice = noticeOf(kind, now, user, pin);
  const told = unseenNotices(pin).some((known) => isSame(known, notice));
  if (told && pin.offered !== undefined && constantTimeEqual(pin.offered, offered)) return pin;
  return { ...withNotices(pin, told ? [] : [notice]), offered };
}

function noticeOf(kind: UserNotice['kind'], at: number, to: VerifiedUser, from: UserPin): UserNotice {
  const same = constantTimeEqual(to.identityFingerprint, from.fingerprint);
  return {
    at,
    kind,
    seen: false,
    ...(from.recordFingerprint === undefined ? {} : { fromRecord: from.recordFingerprint }),
    toRecord: to.recordFingerprint,
    ...(same ? {} : { fromIdentity: from.fingerprint, toIdentity: to.identityFingerprint }),
  };
}

/** Two tellings of one thing: a domain that goes to and fro must not push other entries out of the history. */
function isSame(known: UserNotice, notice: UserNotice): boolean {
  const equal = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
    a === undefined || b === undefined ? a === b : constantTimeEqual(a, b);
  return known.kind === notice.kind && equal(known.toIdentity, notice.toIdentity);
}
