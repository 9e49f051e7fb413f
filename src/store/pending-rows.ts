/** Rows of the pending table, and how many of them each registrable domain has. */
import { createInput, enterMap, maxMapEntries, readLabel } from '../wire/cbor.ts';
import { domainName, messageId, time } from '../wire/items.ts';
import { refLabels, type Ref } from '../wire/notification.ts';
import { bool, field, optional, record, text, uint, type ValueOf } from '../wire/schema.ts';
import type { PendingRef } from './api/pending.ts';
import { schemaCodec, type Engine } from './engine.ts';
import { name } from './keys.ts';

export const pendingRow = record('pending', {
  messageId: field(1, messageId),
  sender: field(2, domainName),
  expires: field(3, time),
  firstSeen: field(4, time),
  sizeClass: field(5, uint(63)),
  labels: optional(6, refLabels),
  /** Whose quota it counts in, where that is not the sender itself. */
  quotaKey: optional(7, text(253)),
  /** A tombstone: collected, but kept until it expires so that a repetition does not rise again. */
  done: optional(8, bool),
  /** Until then the copy is here that was pulled for its recipient (`copies.ts`): it lives so long. */
  blind: optional(9, time),
});
export type PendingRow = ValueOf<typeof pendingRow>;

/** What is stored of a ref's labels: the introduction stands in the feed alone, so that refs of all phases are alike here. */
export function storedLabels(labels: Ref['labels']): Ref['labels'] {
  if (labels === undefined) return undefined;
  const { introduction: _, ...rest } = labels;
  const { unknown, ...named } = rest;
  return Object.keys(named).length === 0 && (unknown === undefined || unknown.size === 0) ? undefined : rest;
}

export function rowOf(ref: Ref, sender: string, quotaKey: string, firstSeen: number): PendingRow {
  const labels = storedLabels(ref.labels);
  return {
    messageId: ref.messageId,
    sender,
    expires: ref.expires,
    firstSeen,
    sizeClass: ref.sizeClass,
    ...(labels === undefined ? {} : { labels }),
    ...(quotaKey === sender ? {} : { quotaKey }),
  };
}

/** The message id of an encoded row, its first field: whoever looks for few rows among many need not decode them all. */
export function messageIdIn(encoded: Uint8Array): Uint8Array {
  const input = createInput(encoded);
  enterMap(input, maxMapEntries);
  readLabel(input);
  return messageId.read(input);
}

/** When a row ends: with the message at its sender's domain, or with the copy here. */
export function endOf({ expires, blind = 0 }: PendingRow): number {
  return Math.max(expires, blind);
}

export function tombstone(row: PendingRow): PendingRow {
  const { labels: _, blind: __, ...rest } = row;
  return { ...rest, done: true };
}

export function pendingRef(row: PendingRow): PendingRef {
  const { messageId: id, sender, expires, firstSeen, sizeClass, labels, blind } = row;
  return {
    messageId: id,
    sender,
    expires,
    firstSeen,
    sizeClass,
    ...(labels === undefined ? {} : { labels }),
    ...(blind === undefined ? {} : { blind }),
  };
}

export function quotaKeyOf(row: PendingRow): string {
  return row.quotaKey ?? row.sender;
}

export const countRow = record('pending-count', { refs: field(1, uint()) });

/** Counts of rows by quota key. */
export interface Counts {
  of(quotaKey: string): number;
  add(quotaKey: string, change: number): void;
}

/** Gives `work` the counts and stores, once each, those that it changed; inside a write. */
export type WithCounts = <T>(work: (counts: Counts) => T) => T;

export function createCounts(engine: Engine): WithCounts {
  const table = engine.table('pending_counts', schemaCodec(countRow));
  return (work) => {
    const known = new Map<string, { readonly before: number; refs: number }>();
    const entry = (quotaKey: string) => {
      const cached = known.get(quotaKey);
      if (cached !== undefined) return cached;
      const before = table.get(name(quotaKey))?.refs ?? 0;
      const fresh = { before, refs: before };
      known.set(quotaKey, fresh);
      return fresh;
    };
    const result = work({
      of: (quotaKey) => entry(quotaKey).refs,
      add: (quotaKey, change) => (entry(quotaKey).refs += change),
    });
    for (const [quotaKey, { before, refs }] of known) {
      if (refs > 0 && refs !== before) table.put(name(quotaKey), { refs });
      if (refs <= 0 && before > 0) table.remove(name(quotaKey));
    }
    return result;
  };
}
