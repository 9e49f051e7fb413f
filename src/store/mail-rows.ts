/** Rows of the mail queue, and when something is to be done with each. Pure. */
import { hash, keyId, length, time } from '../wire/items.ts';
import { counts, sizes } from '../wire/registry.ts';
import { bytes, field, list, optional, record, text, uint, type ValueOf } from '../wire/schema.ts';
import {
  allTold,
  deadLetterLife,
  mailMemory,
  mailStates,
  type QueuedMail,
  type QueuedRecipient,
  type RecipientChanges,
} from './api/mail-queue.ts';
import type { Owner } from './api/terms.ts';
import { blobId } from './blobs.ts';

const recipientItem = record('queued-recipient', {
  state: field(1, uint(mailStates.length - 1)),
  attempts: field(2, uint()),
  next: field(3, time),
  code: optional(4, text(16)),
  told: field(5, uint(255)),
});

export const mailRow = record('mail-queue', {
  blob: optional(1, blobId),
  size: field(2, length),
  hash: field(3, hash),
  keyId: field(4, keyId),
  sealed: optional(5, bytes(sizes.mailUnit, sizes.mailUnit * sizes.mailMaxUnits)),
  created: field(6, time),
  since: field(7, time),
  recipients: field(8, list(recipientItem, { max: counts.mailRecipients, min: 1 })),
  ended: optional(9, time),
});
export type MailRow = ValueOf<typeof mailRow>;
type RecipientItem = ValueOf<typeof recipientItem>;

/** Most bytes of an encoded row. */
export const maxMailRow = 256 * 1024;

const queued = mailStates.indexOf('queued');
const failed = mailStates.indexOf('failed');
const dropped = mailStates.indexOf('dropped');

/** When something is to be done with it next: a try or something to tell, the end of its content, the end of all. */
export function dueOf(row: MailRow): number {
  if (row.ended !== undefined) return row.ended + (row.blob === undefined ? mailMemory : deadLetterLife);
  return Math.min(...row.recipients.filter(isOpen).map(({ next }) => next));
}

/** It is tried again, or its sender is still to be told what became of it. */
function isOpen({ state, told }: RecipientItem): boolean {
  return state === queued || told < allTold;
}

/** The row once these things happened. Of what is not queued any more only what was told, and when to tell it, changes. */
export function noted(row: MailRow, changes: RecipientChanges, now: number): MailRow {
  const recipients = row.recipients.map((recipient, index) => {
    const change = changes.get(index);
    return change === undefined ? recipient : changed(recipient, change);
  });
  return endedIf({ ...row, recipients }, now);
}

function changed(
  recipient: RecipientItem,
  { state, told, ...rest }: Partial<QueuedRecipient>,
): RecipientItem {
  const toldNow = told === undefined ? recipient.told : Math.max(recipient.told, told);
  if (recipient.state !== queued) return { ...recipient, next: rest.next ?? recipient.next, told: toldNow };
  return {
    ...recipient,
    ...rest,
    ...(state === undefined ? {} : { state: mailStates.indexOf(state) }),
    told: toldNow,
  };
}

/** Whose last recipient is done with and told of has ended. */
function endedIf(row: MailRow, now: number): MailRow {
  return row.ended !== undefined || row.recipients.some(isOpen) ? row : { ...row, ended: now };
}

/** Whether its content serves nothing any more: nothing is queued, and nothing failed that could be tried again. */
export function isSpent(row: MailRow, now: number): boolean {
  if (row.ended === undefined) return false;
  return row.ended + deadLetterLife <= now || !row.recipients.some(({ state }) => state === failed);
}

/** Taken back: what was dropped is no news to whoever dropped it. */
export function withoutQueued(row: MailRow, now: number): MailRow {
  const recipients = row.recipients.map((recipient) =>
    recipient.state === queued || (row.ended !== undefined && recipient.state === failed)
      ? { ...recipient, state: dropped, told: allTold }
      : recipient,
  );
  return endedIf({ ...row, recipients }, now);
}

/** From the beginning, for all that did not get through. */
export function renewed({ ended: _, ...row }: MailRow, now: number): MailRow {
  const recipients = row.recipients.map((recipient) => {
    if (recipient.state !== queued && recipient.state !== failed) return recipient;
    const { code: __, ...known } = recipient;
    return { ...known, state: queued, attempts: 0, next: now, told: 0 };
  });
  return { ...row, since: now, recipients };
}

/** What failed can be tried again, what is queued at once. */
export function canRenew(row: MailRow): boolean {
  return row.blob !== undefined && row.recipients.some(({ state }) => state === queued || state === failed);
}

/** The row as the rest of the daemon sees it. */
export function queuedMail(owner: Owner, id: Uint8Array, row: MailRow): QueuedMail {
  const { blob, sealed, size, hash: sha256, recipients, ended, keyId: key, created, since } = row;
  const content =
    blob === undefined || sealed === undefined
      ? {}
      : { content: { sealed, blob: { id: blob, size, hash: sha256 } } };
  return {
    owner,
    id,
    keyId: key,
    hash: sha256,
    size,
    created,
    since,
    recipients: recipients.map(({ state, unknown: _, ...rest }) => ({
      ...rest,
      state: mailStates[state] ?? 'failed',
    })),
    ...(ended === undefined ? {} : { ended }),
    ...content,
  };
}
