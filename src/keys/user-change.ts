/** What a user's newest record changes for who pinned an earlier one. wire-spec/keys.md section 9. */
import { constantTimeEqual } from '../crypto/secret.ts';
import { suiteRanks, suites, userFlags, type SuiteName } from '../wire/registry.ts';
import { checkProgress } from './serial.ts';
import type { VerifiedRecord } from './user-record.ts';

/** What was pinned of a user: as much of it as an earlier record told. */
export interface PinnedRecord {
  readonly identityFingerprint: Uint8Array;
  /** Absent until a record of this identity was seen. */
  readonly recordFingerprint?: Uint8Array | undefined;
  readonly serial: number;
  /** Rank of the best sealing suite: 0 or absent where none was seen. */
  readonly sealingRank?: number | undefined;
  /** Drops handed out before this time are void. */
  readonly voidBefore?: number | undefined;
  readonly bridged?: boolean | undefined;
  readonly escrow?: boolean | undefined;
  /** Inner hashes of what earlier records named. */
  readonly movedTo?: Uint8Array | undefined;
  readonly movedFrom?: Uint8Array | undefined;
  /** They answered, or the fingerprints were compared: there is a person behind the identity. */
  readonly confirmed: boolean;
}

/** A record as its domain lists it. */
export type ListedRecord = Pick<
  VerifiedRecord,
  | 'identityFingerprint'
  | 'recordFingerprint'
  | 'serial'
  | 'previous'
  | 'keys'
  | 'dropsSince'
  | 'created'
  | 'flags'
  | 'movedTo'
  | 'movedFrom'
> & { readonly escrow?: boolean };

/** What is worth telling of a record that takes the place of an earlier one. */
export type RecordNews =
  | 'rotated'
  | 'replaced'
  | 'drops_void'
  | 'escrow_began'
  | 'escrow_ended'
  | 'bridged_began'
  | 'bridged_ended'
  | 'moved_to'
  | 'moved_from';

/**
 * `first`: nothing was pinned. `same`: the pinned record. `orderly`: a later one of the same identity. `replaced`: another identity
 * where the pinned one was never confirmed: as good as a first sight. `changed`: waits for the user's word.
 */
export type RecordChange =
  | { readonly kind: 'first' | 'same' }
  | {
      readonly kind: 'orderly';
      /** Whether it names the pinned record as the one before: else some in between were not seen. */
      readonly linked: boolean;
      readonly news: readonly RecordNews[];
    }
  | { readonly kind: 'replaced'; readonly news: readonly RecordNews[] }
  | { readonly kind: 'changed'; readonly what: 'identity' | 'suite' };

/**
 * Weighs a record against the pinned one. Throws `record_rollback` for an older one, and `trust_changed` for another one of the
 * same serial: a fork, which no word of the user's makes good.
 */
export function judgeRecord(pinned: PinnedRecord | undefined, record: ListedRecord): RecordChange {
  if (pinned === undefined) return { kind: 'first' };
  const { serial, recordFingerprint } = record;
  checkProgress(serial, recordFingerprint, { serial: pinned.serial, hash: pinned.recordFingerprint });
  const seen = pinned.recordFingerprint;
  if (!constantTimeEqual(record.identityFingerprint, pinned.identityFingerprint))
    return pinned.confirmed
      ? { kind: 'changed', what: 'identity' }
      : { kind: 'replaced', news: ['replaced', ...newsOf(pinned, record)] };
  if (isWeaker(pinned, record)) return { kind: 'changed', what: 'suite' };
  if (seen === undefined) return { kind: 'first' };
  const news = newsOf(pinned, record);
  if (constantTimeEqual(seen, recordFingerprint) && news.length === 0) return { kind: 'same' };
  if (constantTimeEqual(seen, recordFingerprint)) return { kind: 'orderly', linked: true, news };
  const linked = record.previous !== undefined && constantTimeEqual(record.previous, seen);
  return { kind: 'orderly', linked, news: ['rotated', ...news] };
}

/** Rank of the best sealing suite of a record, wire-spec/README.md section 6: 0 where it has none. */
export function sealingRank(
  record: Pick<ListedRecord, 'keys'>,
  rankOf: (suite: SuiteName) => number = registered,
): number {
  const sealing = record.keys.filter(({ use, status }) => use === 'sealing' && status !== 'revoked');
  return Math.max(0, ...sealing.map(({ suite }) => rankOf(suite)));
}

function registered(suite: SuiteName): number {
  return suiteRanks.get(suites[suite]) ?? 0;
}

/** A record without any sealing key is not weaker: nothing can be sealed to it at all. */
function isWeaker(pinned: PinnedRecord, record: ListedRecord): boolean {
  const rank = sealingRank(record);
  return pinned.confirmed && rank > 0 && rank < (pinned.sealingRank ?? 0);
}

/**
 * Before which time drops that the user handed out are void: their *dropsSince*, or when one of their keys was revoked, whichever is
 * later. Undefined where the record voids none.
 */
export function dropsVoidBefore(
  record: Pick<ListedRecord, 'keys' | 'dropsSince' | 'created'>,
): number | undefined {
  const revocations = record.keys
    .filter(({ status }) => status === 'revoked')
    .map(({ revokedAt = record.created }) => revokedAt);
  const last = Math.max(record.dropsSince ?? 0, ...revocations);
  return last === 0 ? undefined : last;
}

export function isBridged(record: Pick<ListedRecord, 'flags'>): boolean {
  return (record.flags & userFlags.bridged) !== 0;
}

function newsOf(pinned: PinnedRecord, record: ListedRecord): readonly RecordNews[] {
  const began = (was: boolean | undefined, is: boolean, name: 'escrow' | 'bridged'): readonly RecordNews[] =>
    was === undefined || was === is ? [] : [`${name}_${is ? 'began' : 'ended'}`];
  const named = (
    was: Uint8Array | undefined,
    is: ListedRecord['movedTo'],
    name: 'moved_to' | 'moved_from',
  ): readonly RecordNews[] =>
    is === undefined || (was !== undefined && constantTimeEqual(was, is[2])) ? [] : [name];
  return [
    ...((dropsVoidBefore(record) ?? 0) > (pinned.voidBefore ?? 0) ? (['drops_void'] as const) : []),
    ...began(pinned.escrow, record.escrow ?? false, 'escrow'),
    ...began(pinned.bridged, isBridged(record), 'bridged'),
    ...named(pinned.movedTo, record.movedTo, 'moved_to'),
    ...named(pinned.movedFrom, record.movedFrom, 'moved_from'),
  ];
}

/** A record that says where its user went or came from. */
export interface MovingRecord extends Pick<
  VerifiedRecord,
  'domain' | 'recordFingerprint' | 'previous' | 'movedTo' | 'movedFrom'
> {
  /** Canonical `local@domain`. */
  readonly address: string;
}

/**
 * Whether the record of an old address and that of a new one name each other: domain and address, and as inner hash the other's
 * record or the one before it, because whichever was signed first cannot know the other's hash of later.
 */
export function movesAgree(old: MovingRecord, next: MovingRecord): boolean {
  return names(old.movedTo, next) && names(next.movedFrom, old);
}

function names(move: VerifiedRecord['movedTo'], record: MovingRecord): boolean {
  if (move === undefined) return false;
  const [domain, address, hash] = move;
  const known = [record.recordFingerprint, record.previous];
  return (
    domain === record.domain &&
    address === record.address &&
    known.some((fingerprint) => fingerprint !== undefined && constantTimeEqual(fingerprint, hash))
  );
}
