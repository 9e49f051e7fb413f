/** What is pinned of users, for years, and the history of it: this implementation's own form, which never travels. */
import { dropsVoidBefore, isBridged, sealingRank, type PinnedRecord } from '../keys/user-change.ts';
import type { VerifiedUser } from '../keys/user-answer.ts';
import { hash, serial, time } from '../wire/items.ts';
import { bool, field, list, optional, record, uint, type ValueOf } from '../wire/schema.ts';

/** What happened to the pin of a user; the numbers are what is saved. */
export const noticeKinds = {
  /** A later record of the same identity. */
  rotated: 1,
  /** Another identity took the place of one that had never answered. */
  replaced: 2,
  /** Drops that were handed over before are void: a key was revoked, or the user said so. */
  drops_void: 3,
  /** Another identity is listed: it waits for the user's word. */
  identity_offered: 4,
  identity_accepted: 5,
  /** Weaker sealing keys are listed: they wait for the user's word. */
  suite_offered: 6,
  suite_accepted: 7,
  escrow_began: 8,
  escrow_ended: 9,
  bridged_began: 10,
  bridged_ended: 11,
  moved_to: 12,
  moved_from: 13,
  /** The domain or DNS says that the address takes mail only now. */
  mail_offered: 14,
  mail_accepted: 15,
  /** The first message of theirs was verified. */
  answered: 16,
  compared: 17,
  /** A contact card that this identity signed was used. */
  card: 18,
} as const;
export type NoticeKind = keyof typeof noticeKinds;

export const storedNotice = record('user-notice', {
  at: field(1, time),
  kind: field(2, uint(255)),
  /** The user saw it. */
  seen: field(3, bool),
  fromRecord: optional(4, hash),
  toRecord: optional(5, hash),
  fromIdentity: optional(6, hash),
  toIdentity: optional(7, hash),
  /** Of an orderly rotation: whether it names the record before. */
  linked: optional(8, bool),
});
export type StoredNotice = ValueOf<typeof storedNotice>;

/** One entry of the history of a pin. */
export interface UserNotice extends Omit<StoredNotice, 'kind' | 'unknown'> {
  readonly kind: NoticeKind;
}

/** The newest that are kept; of more, orderly rotations are forgotten first. */
export const maxHistory = 64;

/** An address that was native once: its identity, and the newest record seen. From `confirmed` on not in pins of version 0.1.0. */
export const userPin = record('user-pin', {
  fingerprint: field(1, hash),
  /** When the address was first seen, or its present identity taken. */
  since: field(2, time),
  compared: field(3, bool),
  /** 0 until a record of this identity was seen. */
  serial: field(4, serial),
  recordFingerprint: optional(5, hash),
  /** When the newest record seen was made: an older "by mail" proves nothing. */
  created: field(6, time),
  /** The user's word that clear text will do, should the address not be native any more. */
  mailAccepted: field(7, bool),
  /** When their first message was verified; 0: not yet. */
  confirmed: optional(8, time),
  voidBefore: optional(9, time),
  sealingRank: optional(10, uint(255)),
  escrow: optional(11, bool),
  bridged: optional(12, bool),
  movedTo: optional(13, hash),
  movedFrom: optional(14, hash),
  /** The identity that waits for the user's word. */
  offered: optional(15, hash),
  history: optional(16, list(storedNotice, { max: 2 * maxHistory })),
  /** When the user's word took this identity in the place of another. */
  accepted: optional(17, time),
  /** What happened to their domain until then was seen. */
  domainSeen: optional(18, time),
  /** When a contact card that this identity signed was first used. */
  card: optional(19, time),
});
export type UserPin = ValueOf<typeof userPin>;

/** A pin for an identity of which no record was seen yet. */
export function unseenPin(fingerprint: Uint8Array, since: number): UserPin {
  return {
    fingerprint,
    since,
    compared: false,
    serial: 0,
    created: 0,
    mailAccepted: false,
    confirmed: 0,
  };
}

/**
 * Whether another identity waits for the user's word, because something speaks for the pinned one: an answer, a contact card, or the user's own word.
 * Pins of version 0.1.0 did not tell, and hold.
 */
export function holds({ confirmed, compared, accepted, card }: UserPin): boolean {
  return confirmed !== 0 || compared || accepted !== undefined || card !== undefined;
}

/** The pin as `judgeRecord` takes it. */
export function pinnedRecord(pin: UserPin): PinnedRecord {
  return { ...pin, identityFingerprint: pin.fingerprint, confirmed: holds(pin) };
}

/** The pin once a record of its identity was taken. */
export function withRecord(pin: UserPin, user: VerifiedUser): UserPin {
  const { offered: _, ...kept } = pin;
  const { movedTo, movedFrom } = user;
  const voidBefore = Math.max(dropsVoidBefore(user) ?? 0, pin.voidBefore ?? 0);
  return {
    ...kept,
    recordFingerprint: user.recordFingerprint,
    serial: user.serial,
    created: user.created,
    mailAccepted: false,
    sealingRank: holds(pin) ? Math.max(sealingRank(user), pin.sealingRank ?? 0) : sealingRank(user),
    escrow: user.escrow,
    bridged: isBridged(user),
    ...(voidBefore === 0 ? {} : { voidBefore }),
    ...(movedTo === undefined ? {} : { movedTo: movedTo[2] }),
    ...(movedFrom === undefined ? {} : { movedFrom: movedFrom[2] }),
  };
}

/** The pin with something added to its history. */
export function withNotices(pin: UserPin, notices: readonly UserNotice[]): UserPin {
  if (notices.length === 0) return pin;
  const all = [...(pin.history ?? []), ...notices.map(stored)];
  const excess = forgotten(all);
  return { ...pin, history: all.filter((_, index) => !excess.has(index)) };
}

function forgotten(all: readonly StoredNotice[]): ReadonlySet<number> {
  const excess = Math.max(0, all.length - maxHistory);
  const indices = all.map((_, index) => index);
  const rotations = indices.filter((index) => all[index]?.kind === noticeKinds.rotated);
  return new Set([...rotations, ...indices.filter((index) => !rotations.includes(index))].slice(0, excess));
}

function stored({ kind, ...notice }: UserNotice): StoredNotice {
  return { ...notice, kind: noticeKinds[kind] };
}

/** The history of a pin, oldest first. Kinds of later versions are left out. */
export function noticesOf(pin: UserPin | undefined): readonly UserNotice[] {
  const names = Object.keys(noticeKinds) as NoticeKind[];
  return (pin?.history ?? []).flatMap(({ kind, unknown: _, ...notice }) => {
    const name = names.find((known) => noticeKinds[known] === kind);
    return name === undefined ? [] : [{ ...notice, kind: name }];
  });
}

/** What the user has not seen of it yet. */
export function unseenNotices(pin: UserPin | undefined): readonly UserNotice[] {
  return noticesOf(pin).filter(({ seen }) => !seen);
}

/** The pin, all of its history seen, or what is of the given kinds; the same pin where nothing is new. */
export function allSeen(pin: UserPin, kinds?: readonly NoticeKind[]): UserPin {
  const numbers: readonly number[] | undefined = kinds?.map((kind) => noticeKinds[kind]);
  const isNew = ({ kind, seen }: StoredNotice): boolean => !seen && (numbers?.includes(kind) ?? true);
  if (pin.history === undefined || !pin.history.some(isNew)) return pin;
  return {
    ...pin,
    history: pin.history.map((notice) => (isNew(notice) ? { ...notice, seen: true } : notice)),
  };
}
