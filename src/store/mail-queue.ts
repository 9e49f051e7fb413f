/**
 * The mail queue: a row for each mail, and an index of when something is to be done with it. The sealed part and the payload stay until all
 * recipients are done with, or, where some failed, for as long as they can be tried again; the row stays longer, to say what became of it.
 */
import type { Clock } from '../clock.ts';
import { BeckonError } from '../errors.ts';
import { mailIdSize, type MailQueueStore, type NewMail, type QueuedMail } from './api/mail-queue.ts';
import type { Owner } from './api/terms.ts';
import type { UsageLimits } from './api/transit.ts';
import type { BlobRefs } from './blobs.ts';
import { equal } from './digest.ts';
import { emptyCodec, schemaCodec, type Engine } from './engine.ts';
import { after, behind, checkCursor, joined, name, ordered, ownerKey, readOrdered } from './keys.ts';
import {
  canRenew,
  dueOf,
  isSpent,
  mailRow,
  maxMailRow,
  noted,
  queuedMail,
  renewed,
  withoutQueued,
  type MailRow,
} from './mail-rows.ts';
import type { CompleteUpload, UploadTables } from './uploads.ts';
import type { UsageCounts } from './usage.ts';

const timeSize = 6;
const ownerSize = 32;
/** All that a user can have by far: those of one user go in one write. */
const maxOfOwner = 1_000_000;
/** Rows read at once where all are looked through. */
const step = 256;

export interface MailQueueTables {
  readonly store: MailQueueStore;
  /** Inside a write: they go with their user. */
  removeAll(owner: Owner): void;
}

export interface MailQueueParts {
  readonly engine: Engine;
  readonly blobs: BlobRefs;
  readonly uploads: UploadTables;
  readonly usage: UsageCounts;
  readonly clock: Clock;
}

export function createMailQueue(parts: MailQueueParts): MailQueueTables {
  const { engine, blobs, uploads, usage, clock } = parts;
  const mails = engine.table('mail_queue', schemaCodec(mailRow, maxMailRow));
  const schedule = engine.table('mail_schedule', emptyCodec);
  const ends = engine.table('mail_ends', emptyCodec);
  const listeners = new Set<() => void>();

  function keyOf(owner: Owner, id: Uint8Array): Uint8Array {
    if (id.length !== mailIdSize) throw new BeckonError('request_invalid', 'the id of a mail has 10 bytes');
    return joined(ownerKey(owner), id);
  }

  /** Where it stands until something is to be done with it: what is still open is apart from what only waits for its end. */
  function indexOf(key: Uint8Array, row: MailRow) {
    const place = joined(ordered(dueOf(row)), key);
    const index = row.ended === undefined ? schedule : ends;
    return { put: () => index.put(place, undefined), remove: () => index.remove(place) };
  }

  function put(key: Uint8Array, before: MailRow | undefined, row: MailRow): MailRow {
    const next = isSpent(row, clock.seconds()) ? withoutContent(ownerOf(key), row) : row;
    if (before !== undefined) indexOf(key, before).remove();
    mails.put(key, next);
    indexOf(key, next).put();
    return next;
  }

  function withoutContent(owner: Owner, row: MailRow): MailRow {
    const { blob, sealed, ...rest } = row;
    if (blob !== undefined) blobs.release(blob);
    if (sealed !== undefined) usage.change(owner, { messages: -1, bytes: -sealed.length });
    return rest;
  }

  function removeRow(key: Uint8Array, row: MailRow): void {
    withoutContent(ownerOf(key), row);
    indexOf(key, row).remove();
    mails.remove(key);
  }

  function add(
    owner: Owner,
    upload: CompleteUpload | undefined,
    mail: NewMail,
    limits: UsageLimits | undefined,
  ): MailRow {
    if (upload === undefined) throw new BeckonError('conflict', 'the upload is not complete');
    if (!equal(upload.hash, mail.hash))
      throw new BeckonError('payload_mismatch', 'the upload has another hash');
    if (!uploads.consume(owner, mail.upload, upload.blob))
      throw new BeckonError('conflict', 'the upload was used meanwhile');
    usage.change(owner, { messages: 1, bytes: mail.sealed.length }, limits);
    const now = clock.seconds();
    const fresh = { state: 0, attempts: 0, next: now, told: 0 };
    const { hash, keyId, sealed } = mail;
    const recipients = Array.from({ length: mail.recipients }, () => fresh);
    const { blob, size } = upload;
    return { blob, size, hash, keyId, sealed, created: now, since: now, recipients };
  }

  /** Changes a row that is there, and gives it as it is then. */
  async function change(
    owner: Owner,
    id: Uint8Array,
    next: (row: MailRow) => MailRow,
  ): Promise<QueuedMail | undefined> {
    const key = keyOf(owner, id);
    const row = await engine.write(() => {
      const before = mails.get(key);
      if (before === undefined) return undefined;
      const changed = next(before);
      return changed === before ? before : put(key, before, changed);
    });
    return row && queuedMail(owner, id, row);
  }

  function* everything(): Generator<QueuedMail> {
    let from: Uint8Array | undefined;
    for (;;) {
      const rows = mails.range({ from, limit: step });
      for (const { key, value } of rows) yield queuedMail(ownerOf(key), idOf(key), value);
      const last = rows.at(-1);
      if (last === undefined || rows.length < step) return;
      from = after(last.key);
    }
  }

  const wake = (): void => listeners.forEach((listener) => queueMicrotask(listener));

  const store: MailQueueStore = {
    async add(owner, mail, limits) {
      const key = keyOf(owner, mail.id);
      const upload = await uploads.complete(owner, mail.upload);
      const row = await engine.write(() => {
        const before = mails.get(key);
        if (before === undefined) return put(key, undefined, add(owner, upload, mail, limits));
        if (!equal(before.hash, mail.hash) || before.recipients.length !== mail.recipients)
          throw new BeckonError('conflict', 'another mail has this id');
        return before;
      });
      wake();
      return queuedMail(owner, mail.id, row);
    },
    async get(owner, id) {
      const row = mails.get(keyOf(owner, id));
      return row && queuedMail(owner, id, row);
    },
    async list(owner, { after: cursor, limit }) {
      const prefix = ownerKey(owner);
      const place = checkCursor(cursor, mailIdSize);
      const from = place === undefined ? prefix : after(joined(prefix, place));
      const rows = mails.range({ from, to: behind(prefix), limit });
      const items = rows.map(({ key, value }) => queuedMail(owner, idOf(key), value));
      const last = rows.length === limit ? rows.at(-1) : undefined;
      return last === undefined ? { items } : { items, next: idOf(last.key) };
    },
    async all(limit) {
      const found: QueuedMail[] = [];
      for (const mail of everything()) {
        if (found.length >= limit) break;
        if (mail.content !== undefined) found.push(mail);
      }
      return found;
    },
    async find(id) {
      const found = [...everything()].filter((mail) => equal(mail.id, id));
      return found.length === 1 ? found[0] : undefined;
    },
    async due(now, limit) {
      const keys = schedule.keys({ to: ordered(now + 1), limit });
      return keys.flatMap((scheduled) => {
        const key = scheduled.slice(timeSize);
        const row = mails.get(key);
        return row === undefined ? [] : [queuedMail(ownerOf(key), idOf(key), row)];
      });
    },
    async nextDue() {
      const [first] = schedule.keys({ limit: 1 });
      return first && readOrdered(first);
    },
    note: (owner, id, changes, now) => change(owner, id, (row) => noted(row, changes, now)),
    drop: (owner, id, now) => change(owner, id, (row) => withoutQueued(row, now)),
    async retry(owner, id, now) {
      const row = await change(owner, id, (before) => (canRenew(before) ? renewed(before, now) : before));
      wake();
      return row;
    },
    async sealedTo(domain, keyId) {
      const found: { owner: Owner; id: Uint8Array }[] = [];
      for (const { owner, id, content, keyId: key } of everything())
        if (content !== undefined && owner.domain === domain && equal(key, keyId)) found.push({ owner, id });
      return found;
    },
    async reseal(owner, id, from, { keyId, sealed }) {
      await change(owner, id, (row) => {
        if (row.sealed === undefined || !equal(row.keyId, from)) return row;
        usage.change(owner, { messages: 0, bytes: sealed.length - row.sealed.length });
        return { ...row, keyId, sealed };
      });
    },
    expire: (now, limit) =>
      engine.write(() => {
        const due = ends.keys({ to: ordered(now + 1), limit });
        for (const ended of due) expireOne(ended.slice(timeSize));
        return due.length;
      }),
    count: () => schedule.count(),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };

  /** First its content ends, later all of it. */
  function expireOne(key: Uint8Array): void {
    const row = mails.get(key);
    if (row === undefined) return;
    if (row.blob === undefined) removeRow(key, row);
    else put(key, row, withoutContent(ownerOf(key), row));
  }

  return {
    store,
    removeAll(owner) {
      const prefix = ownerKey(owner);
      for (const { key, value } of mails.range({ from: prefix, to: behind(prefix), limit: maxOfOwner }))
        removeRow(key, value);
    },
  };
}

/** Domain, a zero byte, address hash, id. */
export function ownerOf(key: Uint8Array): Owner {
  const end = key.length - mailIdSize - ownerSize;
  const domain = new TextDecoder().decode(key.subarray(0, end - name('').length));
  return { domain, user: key.slice(end, end + ownerSize) };
}

function idOf(key: Uint8Array): Uint8Array {
  return key.slice(-mailIdSize);
}
