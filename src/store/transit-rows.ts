/** Rows of the transit table: what stays of a message, and its copy (header and envelope), which goes first. */
import type { Owner } from './api/terms.ts';
import type { LivePayload, NewMessage, SentMessage } from './api/transit.ts';
import { BeckonError } from '../errors.ts';
import { domainName, hash, length, time } from '../wire/items.ts';
import { sizes, takedownReasonNames, takedownReasons, type TakedownReason } from '../wire/registry.ts';
import { bytes, encode, field, list, optional, record, tuple, uint, type ValueOf } from '../wire/schema.ts';
import { blobId } from './blobs.ts';
import { sha256 } from './digest.ts';
import { wakeAt, type Life } from './life.ts';
import type { NewRef } from './outbox.ts';
import type { CompleteUpload } from './uploads.ts';

/** Part of the format on disk: the position is the number. */
const states = ['reserved', 'stored', 'accepted', 'withdrawn', 'expired'] as const;

/** What a row holds from the commit on. */
const contentItem = record('transit-content', {
  destination: field(1, domainName),
  recipientHash: field(2, hash),
  acceptTokenHash: field(3, hash),
  traceHandle: field(4, bytes(sizes.traceHandle)),
  blob: field(5, blobId),
  blobSize: field(6, length),
  blobHash: field(7, hash),
  /** Hash over all that was committed: tells a repetition from a conflict. */
  digest: field(8, hash),
  copySize: field(9, length),
  /** It counts for its recipient, too. */
  received: optional(10, uint(1)),
});
export type Content = ValueOf<typeof contentItem>;

export const transitRow = record('transit', {
  domain: field(1, domainName),
  user: field(2, hash),
  created: field(3, time),
  state: field(4, uint(states.length - 1)),
  expires: field(5, time),
  firstFetch: optional(6, time),
  /** 1 where the payload was fetched to its end; programs before counted on. */
  fetched: field(7, uint()),
  ended: optional(8, time),
  /** When it is looked at again: its key in the index of times. */
  wake: field(9, uint(2 ** 48 - 1)),
  content: optional(10, contentItem),
  /** Withdrawn by the hoster: the number of the reason. */
  takedown: optional(11, uint(255)),
});
export type TransitRow = ValueOf<typeof transitRow>;

export const copyRow = record('transit-copy', {
  header: field(1, bytes(0, 128 * 1024)),
  envelope: field(2, bytes(0, 64 * 1024)),
});
/** The most bytes of an encoded copy. */
export const maxCopy = 256 * 1024;

const digestItem = tuple(list(bytes(0, 128 * 1024), { max: 16 }), domainName, list(uint(), { max: 4 }));

export function lifeOf(row: TransitRow): Life {
  return {
    state: states[row.state] as Life['state'],
    expires: row.expires,
    firstFetch: row.firstFetch,
    fetched: row.fetched > 0,
    ended: row.ended,
    takedown: reasonOf(row),
  };
}

/** The row with another life, looked at until `at`. */
export function withLife(row: TransitRow, life: Life, at: number): TransitRow {
  const { firstFetch: _, ended: __, takedown: ___, ...rest } = row;
  return {
    ...rest,
    state: states.indexOf(life.state),
    expires: life.expires,
    fetched: life.fetched ? Math.max(row.fetched, 1) : 0,
    wake: wakeAt(life, at),
    ...(life.firstFetch === undefined ? {} : { firstFetch: life.firstFetch }),
    ...(life.ended === undefined ? {} : { ended: life.ended }),
    ...(life.takedown === undefined ? {} : { takedown: takedownReasons[life.takedown] }),
  };
}

/** A number that a later version added is `policy`, the reason that says least. */
function reasonOf({ takedown }: TransitRow): TakedownReason | undefined {
  if (takedown === undefined) return undefined;
  return takedownReasonNames.find((name) => takedownReasons[name] === takedown) ?? 'policy';
}

export function ownerOf(row: TransitRow): Owner {
  return { domain: row.domain, user: row.user };
}

export function reservation(owner: Owner, created: number, expires: number): TransitRow {
  return { domain: owner.domain, user: owner.user, created, state: 0, expires, fetched: 0, wake: expires };
}

/** Over everything that a commit says about a message. */
export function digestOf(message: NewMessage, blobHash: Uint8Array): Uint8Array {
  const { header, envelope, acceptTokenHash, recipientHash, traceHandle, introduction } = message;
  return sha256(
    encode(digestItem, [
      [
        message.id,
        blobHash,
        header,
        envelope,
        acceptTokenHash,
        recipientHash,
        traceHandle,
        introduction ?? new Uint8Array(),
      ],
      message.destination,
      [message.sizeClass, message.expires],
    ]),
  );
}

export function sentMessage(idHash: Uint8Array, row: TransitRow, content: Content): SentMessage {
  const takedown = reasonOf(row);
  return {
    idHash,
    traceHandle: content.traceHandle,
    state: states[row.state] as SentMessage['state'],
    destination: content.destination,
    created: row.created,
    expires: row.expires,
    size: content.blobSize,
    ...(row.firstFetch === undefined ? {} : { firstFetch: row.firstFetch }),
    ...(row.ended === undefined ? {} : { ended: row.ended }),
    ...(takedown === undefined ? {} : { takedown }),
  };
}

/** Throws `state_invalid` for a row that was never committed. */
export function contentOf(row: TransitRow): Content {
  if (row.content === undefined) throw new BeckonError('state_invalid', 'a stored message lacks its content');
  return row.content;
}

export function contentOfNew(message: NewMessage, upload: CompleteUpload): Content {
  return {
    destination: message.destination,
    recipientHash: message.recipientHash,
    acceptTokenHash: message.acceptTokenHash,
    traceHandle: message.traceHandle,
    blob: upload.blob,
    blobSize: upload.size,
    blobHash: upload.hash,
    digest: digestOf(message, upload.hash),
    copySize: copySize(message),
    ...(message.received === true ? { received: 1 } : {}),
  };
}

export function copySize(message: NewMessage): number {
  return message.header.length + message.envelope.length;
}

/** Whom a message counts for that a bridge brought to a user here: nobody but who has the keys can say who that is. */
export function recipientOf({ destination, recipientHash }: Content): Owner {
  return { domain: destination, user: recipientHash };
}

export function refOf(owner: Owner, message: NewMessage, created: number): NewRef {
  return {
    messageId: message.id,
    sender: owner.domain,
    destination: message.destination,
    recipientHash: message.recipientHash,
    expires: message.expires,
    sizeClass: message.sizeClass,
    created,
    ...(message.introduction === undefined ? {} : { labels: { introduction: message.introduction } }),
  };
}

export function livePayload(row: TransitRow, content: Content): LivePayload {
  return {
    owner: ownerOf(row),
    destination: content.destination,
    recipientHash: content.recipientHash,
    blob: { id: content.blob, size: content.blobSize, hash: content.blobHash },
    expires: row.expires,
    traceHandle: content.traceHandle,
    fetched: row.fetched > 0,
  };
}
