/** The user's own domain as typed calls: account interface (wire-spec/account.md), feed and poll (wire-spec/fetch.md). */
import { bytesToJson } from '../keys/key-file.ts';
import {
  feedResponse,
  maxFeedResponse,
  maxPollResponse,
  pollRequest,
  pollResponse,
  type FeedResponse,
  type PollRequest,
  type PollResponse,
} from '../wire/collect.ts';
import { mediaTypes, sizes } from '../wire/registry.ts';
import { decode, encode } from '../wire/schema.ts';
import type { Submission } from '../wire/submission.ts';
import { arrayOf, bytes64, count, objectOf, oneOf, shortText, type Reader, type ReaderOf } from './json.ts';
import { foreign, type AskOwn } from './own-request.ts';

export interface UploadProgress {
  readonly size: number;
  readonly received: number;
}

/** Every call throws the code that the domain answers, `unavailable` and network codes. */
export interface OwnDomain {
  /** The address hash. Throws `invitation_invalid`, `record_invalid`. */
  enroll(enrolment: {
    readonly token: Uint8Array;
    readonly record: Uint8Array;
    readonly device: Uint8Array;
  }): Promise<Uint8Array>;
  /** As many message ids as asked for. */
  reserve(wanted: number): Promise<readonly Uint8Array[]>;
  openUpload(upload: Uint8Array, size: number): Promise<UploadProgress>;
  uploadProgress(upload: Uint8Array): Promise<UploadProgress>;
  /** On disk when it resolves. Throws `conflict` unless offset is what was received. */
  writePart(upload: Uint8Array, offset: number, bytes: Uint8Array): Promise<UploadProgress>;
  /** The trace handles, in order. */
  commit(submission: Submission): Promise<readonly string[]>;
  /** A page of sent messages, newest first. */
  sent(after?: string): Promise<SentPage>;
  /** Throws `not_found`. */
  retract(handle: string): Promise<RetractOutcome>;
  feed(page: { readonly bucket?: number; readonly after?: Uint8Array }): Promise<FeedResponse>;
  /** Throws `key_unknown`, `key_not_active`, `proof_stale`. */
  poll(request: PollRequest): Promise<PollResponse>;
}

/** Most ids of one reservation and messages of one commit. */
export const maxBatch = 64;
const maxSmall = 16 * 1024;
const maxPage = 256 * 1024;
const json = 'application/json';

const progress = objectOf({ size: count, received: count });
const handle = shortText(16);
const retractOutcome = oneOf('withdrawn', 'withdrawn_maybe_read', 'already_accepted');
export type RetractOutcome = ReaderOf<typeof retractOutcome>;

const sentMessage = objectOf(
  {
    handle,
    destination: shortText(255),
    state: oneOf('stored', 'accepted', 'withdrawn', 'expired'),
    created: count,
    expires: count,
    size: count,
  },
  { fetched: count, accepted: count },
);
export type SentMessage = ReaderOf<typeof sentMessage>;
const sentPage = objectOf({ messages: arrayOf(sentMessage, 256) }, { next: shortText(512) });
export type SentPage = ReaderOf<typeof sentPage>;

const enrolled = objectOf({ addressHash: bytes64(sizes.hash) });
const reserved = objectOf({ ids: arrayOf(bytes64(sizes.messageId), maxBatch), expires: count });
const committed = objectOf({ messages: arrayOf(objectOf({ handle }), maxBatch) });
const retracted = objectOf({ outcome: retractOutcome });

export function createOwnDomain(ask: AskOwn): OwnDomain {
  async function call<T>(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    reader: Reader<T>,
    value?: unknown,
    maxBytes = maxSmall,
  ): Promise<T> {
    const body = value === undefined ? {} : { body: { type: json, bytes: jsonBytes(value) } };
    return readJson(await ask({ method, path: `account/${path}`, ...body, answer: json, maxBytes }), reader);
  }

  async function reserve(wanted: number): Promise<readonly Uint8Array[]> {
    const batch = Math.min(wanted, maxBatch);
    const { ids } = await call('POST', 'reservations', reserved, { count: batch });
    if (ids.length !== batch) throw foreign();
    return wanted > batch ? [...ids, ...(await reserve(wanted - batch))] : ids;
  }

  return {
    reserve,
    async enroll({ token, record, device }) {
      const value = { token: bytesToJson(token), record: bytesToJson(record), device: bytesToJson(device) };
      return (await call('POST', 'enroll', enrolled, value)).addressHash;
    },
    openUpload: (upload, size) => call('PUT', `uploads/${bytesToJson(upload)}`, progress, { size }),
    uploadProgress: (upload) => call('GET', `uploads/${bytesToJson(upload)}`, progress),
    async writePart(upload, offset, bytes) {
      const path = `account/uploads/${bytesToJson(upload)}/parts/${offset}`;
      const body = { type: 'application/octet-stream', bytes };
      return readJson(await ask({ method: 'PUT', path, body, answer: json, maxBytes: maxSmall }), progress);
    },
    async commit(submission) {
      const { messages } = await call('POST', 'messages', committed, submissionJson(submission));
      if (messages.length !== submission.messages.length) throw foreign();
      return messages.map((message) => message.handle);
    },
    sent: (after) => {
      const query = after === undefined ? '' : `?after=${encodeURIComponent(after)}`;
      return call('GET', `messages${query}`, sentPage, undefined, maxPage);
    },
    retract: async (of) =>
      (await call('POST', `messages/${encodeURIComponent(of)}/retract`, retracted)).outcome,
    async feed({ bucket, after }) {
      const query = new URLSearchParams({
        ...(bucket === undefined ? {} : { bucket: String(bucket) }),
        ...(after === undefined ? {} : { after: bytesToJson(after) }),
      }).toString();
      const path = query === '' ? 'introductions' : `introductions?${query}`;
      const bytes = await ask({ method: 'GET', path, answer: mediaTypes.beckon, maxBytes: maxFeedResponse });
      return readCbor(() => decode(feedResponse, bytes, maxFeedResponse));
    },
    async poll(request) {
      const body = { type: mediaTypes.beckon, bytes: encode(pollRequest, request) };
      const bytes = await ask({
        method: 'POST',
        path: 'poll',
        body,
        answer: mediaTypes.beckon,
        maxBytes: maxPollResponse,
      });
      const response = readCbor(() => decode(pollResponse, bytes, maxPollResponse));
      if (response.answers.length !== request.entries.length) throw foreign();
      return response;
    },
  };
}

function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function readJson<T>(bytes: Uint8Array, reader: Reader<T>): T {
  try {
    return reader(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
  } catch (cause) {
    throw foreign(cause);
  }
}

function readCbor<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw foreign(cause);
  }
}

function submissionJson({ upload, payloadHash, messages }: Submission): unknown {
  return {
    upload: bytesToJson(upload),
    payloadHash: bytesToJson(payloadHash),
    messages: messages.map((message) => ({
      id: bytesToJson(message.id),
      destination: message.destination,
      recipientHash: bytesToJson(message.recipientHash),
      header: bytesToJson(message.header),
      envelope: bytesToJson(message.envelope),
      acceptTokenHash: bytesToJson(message.acceptTokenHash),
      expires: message.expires,
      ...(message.introduction === undefined ? {} : { introduction: bytesToJson(message.introduction) }),
    })),
  };
}
