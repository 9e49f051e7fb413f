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
import { preferencesRequest, type PreferencesRequest } from '../wire/preferences.ts';
import { mediaTypes, type GatewayKind } from '../wire/registry.ts';
import { decode, encode } from '../wire/schema.ts';
import type { Submission } from '../wire/submission.ts';
import { feedQuery, type FeedPlace } from './feed-place.ts';
import type { Reader } from './json.ts';
import {
  committed,
  enrolled,
  maxBatch,
  ownDevice,
  ownGateways,
  ownKept,
  ownKeptPage,
  ownUser,
  paired,
  progress,
  pullStates,
  reserved,
  retracted,
  sentPage,
  type RetractOutcome,
  type SentPage,
  type OwnDevice,
  type OwnUser,
  type PullState,
  type OwnGateways,
  type OwnKept,
  type OwnKeptPage,
} from './own-answers.ts';
export { maxBatch } from './own-answers.ts';
export type {
  RetractOutcome,
  SentMessage,
  SentPage,
  OwnDevice,
  OwnUser,
  PullState,
  OwnGateways,
  OwnKept,
  OwnKeptPage,
} from './own-answers.ts';
import { ownMailCalls, type OwnMails } from './own-mail.ts';
import { foreign, type AskOwn, type OwnAnswer, type OwnRequest } from './own-request.ts';

export interface UploadProgress {
  readonly size: number;
  readonly received: number;
}

/** Every call throws the code that the domain answers, `unavailable` and network codes. */
export interface OwnDomain extends OwnMails {
  /** The address hash. Throws `invitation_invalid`, `record_invalid`. */
  enroll(enrolment: {
    readonly token: Uint8Array;
    readonly record: Uint8Array;
    readonly device: Uint8Array;
    /** The user's word for the device. */
    readonly name?: string;
    /** Public key derived from the recovery phrase. */
    readonly recovery?: Uint8Array;
  }): Promise<Uint8Array>;
  /** As many message ids as asked for. */
  reserve(wanted: number): Promise<readonly Uint8Array[]>;
  openUpload(upload: Uint8Array, size: number): Promise<UploadProgress>;
  uploadProgress(upload: Uint8Array): Promise<UploadProgress>;
  /** On disk when it resolves. Throws `conflict` unless offset is what was received. */
  writePart(upload: Uint8Array, offset: number, bytes: Uint8Array): Promise<UploadProgress>;
  /** Gives up what is not committed: it counts no more. */
  abandonUpload(upload: Uint8Array): Promise<void>;
  /** The trace handles, in order. */
  commit(submission: Submission): Promise<readonly string[]>;
  /** A page of sent messages, newest first. */
  sent(after?: string): Promise<SentPage>;
  /** Throws `not_found`. */
  retract(handle: string): Promise<RetractOutcome>;
  /** What the domain knows of the user. */
  user(): Promise<OwnUser>;
  /** Again with the same key it is the same device. Throws `conflict`, `quota_exceeded`, `unauthorized`. */
  addDevice(device: { readonly device: Uint8Array; readonly name: string }): Promise<OwnDevice>;
  /** Throws `conflict` for the last one. */
  removeDevice(device: Uint8Array): Promise<void>;
  /** The public key of a new recovery phrase, in the place of the one before. */
  setRecovery(recovery: Uint8Array): Promise<void>;
  /** Lets a key read the state and add one device, an hour at most. When that ends. */
  openPairing(pairing: { readonly pairing: Uint8Array; readonly expires: number }): Promise<number>;
  /**
   * The next record of the user's address, or of an alias, in the place of the one that it names as *previous*; again with the
   * same bytes it is done. Throws `conflict`, `record_rollback`, `record_invalid`, `not_found`.
   */
  putRecord(record: Uint8Array): Promise<void>;
  /** undefined where none was written yet. */
  state(): Promise<OwnState | undefined>;
  /**
   * Writes the state in the place of the one with `tag`, or the first one without. On disk when it resolves to its tag.
   * Throws `precondition_failed` where another device was faster, `conflict` while it still is at it, `too_large`.
   */
  putState(state: Uint8Array, tag?: string): Promise<string>;
  /**
   * Keeps an upload, at least 4096 bytes, under a name of 32 bytes; again with the same content it is kept until the later of both
   * ends. Throws `unsupported` where the domain keeps nothing, `conflict`, `payload_mismatch`.
   */
  keep(request: {
    readonly name: Uint8Array;
    readonly upload: Uint8Array;
    readonly payloadHash: Uint8Array;
    readonly expires?: number;
  }): Promise<OwnKept>;
  /**
   * The bytes from `start` on, at most `maxKeptPart` of them, and the size of the whole. Throws `not_found`, `range_invalid` where
   * `start` is not below the size.
   */
  keptPart(name: Uint8Array, start: number): Promise<{ readonly bytes: Uint8Array; readonly size: number }>;
  /** A page of what is kept, in the order of the names. */
  kept(after?: string): Promise<OwnKeptPage>;
  removeKept(name: Uint8Array): Promise<void>;
  /** Has the domain serve a sealed contact card until it ends. Throws `conflict`, `quota_exceeded`, `request_invalid`. */
  putCard(card: {
    readonly id: Uint8Array;
    readonly sealed: Uint8Array;
    readonly expires: number;
  }): Promise<void>;
  removeCard(id: Uint8Array): Promise<void>;
  /** What the domain's gateways have of the user, and which there are. */
  gateways(): Promise<OwnGateways>;
  /** Throws `unsupported`, `key_invalid`, `conflict`, `open_failed`, `key_unknown`. */
  putGateway(gateway: {
    readonly kind: GatewayKind;
    readonly device: Uint8Array;
    readonly name: string;
    readonly sealed: Uint8Array;
  }): Promise<void>;
  removeGateway(kind: GatewayKind): Promise<void>;
  /** Has the domain pull, each encoded pull-entry with its proof. Throws `unsupported`, `quota_exceeded`, and as `poll`. */
  setPulls(request: {
    readonly time: number;
    readonly nonce: Uint8Array;
    readonly keyId: Uint8Array;
    readonly entries: readonly Uint8Array[];
  }): Promise<readonly PullState[]>;
  feed(place: FeedPlace): Promise<FeedResponse>;
  /** Throws `key_unknown`, `key_not_active`, `proof_stale`. */
  poll(request: PollRequest): Promise<PollResponse>;
  /** Throws as `poll`, and `storage_full`, `unsupported` where the domain knows no preferences. */
  setPreferences(request: PreferencesRequest): Promise<void>;
}

const maxSmall = 16 * 1024;
const maxPage = 256 * 1024;
/** Of an answer about a user: the record, and that of each alias. */
const maxUser = 4 * 1024 * 1024;
/** The largest state, bytes. */
export const maxState = 16 * 1024 * 1024;
const json = 'application/json';
const octets = 'application/octet-stream';

/** The most bytes that are read at once of what is kept. */
export const maxKeptPart = 4 * 1024 * 1024;

export interface OwnState {
  readonly bytes: Uint8Array;
  /** To be given back with what is written in its place. */
  readonly tag: string;
}

export function createOwnDomain(ask: AskOwn): OwnDomain {
  async function call<T>(
    method: OwnRequest['method'],
    path: string,
    reader: Reader<T>,
    value?: unknown,
    maxBytes = maxSmall,
  ): Promise<T> {
    const body = value === undefined ? {} : { body: { type: json, bytes: jsonBytes(value) } };
    const answer = await ask({ method, path: `account/${path}`, ...body, answer: json, maxBytes });
    return readJson(answer.body, reader);
  }

  /** What is answered with nothing. */
  async function tell(method: OwnRequest['method'], path: string, value?: unknown): Promise<void> {
    const body = value === undefined ? {} : { body: { type: json, bytes: jsonBytes(value) } };
    await ask({ method, path: `account/${path}`, ...body, maxBytes: maxSmall });
  }

  async function reserve(wanted: number): Promise<readonly Uint8Array[]> {
    const batch = Math.min(wanted, maxBatch);
    const { ids } = await call('POST', 'reservations', reserved, { count: batch });
    if (ids.length !== batch) throw foreign();
    return wanted > batch ? [...ids, ...(await reserve(wanted - batch))] : ids;
  }

  return {
    reserve,
    async enroll({ token, record, device, name, recovery }) {
      const value = {
        token: bytesToJson(token),
        record: bytesToJson(record),
        device: bytesToJson(device),
        ...(name === undefined ? {} : { name }),
        ...(recovery === undefined ? {} : { recovery: bytesToJson(recovery) }),
      };
      return (await call('POST', 'enroll', enrolled, value)).addressHash;
    },
    openUpload: (upload, size) => call('PUT', `uploads/${bytesToJson(upload)}`, progress, { size }),
    uploadProgress: (upload) => call('GET', `uploads/${bytesToJson(upload)}`, progress),
    abandonUpload: (upload) => tell('DELETE', `uploads/${bytesToJson(upload)}`),
    async writePart(upload, offset, bytes) {
      const path = `account/uploads/${bytesToJson(upload)}/parts/${offset}`;
      const body = { type: octets, bytes };
      const answer = await ask({ method: 'PUT', path, body, answer: json, maxBytes: maxSmall });
      return readJson(answer.body, progress);
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
    user: () => call('GET', 'user', ownUser, undefined, maxUser),
    addDevice: ({ device, name }) =>
      call('POST', 'devices', ownDevice, { device: bytesToJson(device), name }),
    removeDevice: (device) => tell('DELETE', `devices/${bytesToJson(device)}`),
    setRecovery: (recovery) => tell('PUT', 'recovery', { recovery: bytesToJson(recovery) }),
    async openPairing({ pairing, expires }) {
      const value = { pairing: bytesToJson(pairing), expires };
      return (await call('POST', 'pairings', paired, value)).expires;
    },
    putRecord: (record) => tell('PUT', 'record', { record: bytesToJson(record) }),
    async state() {
      const answer = await ask({ method: 'GET', path: 'account/state', answer: octets, maxBytes: maxState });
      return answer.body.length === 0 ? undefined : { bytes: answer.body, tag: expectTag(answer) };
    },
    async putState(bytes, tag) {
      const conditions = tag === undefined ? { 'if-none-match': '*' } : { 'if-match': tag };
      const body = { type: octets, bytes };
      return expectTag(
        await ask({ method: 'PUT', path: 'account/state', body, conditions, maxBytes: maxSmall }),
      );
    },
    keep: ({ name, upload, payloadHash, expires }) =>
      call('POST', 'kept', ownKept, {
        name: bytesToJson(name),
        upload: bytesToJson(upload),
        payloadHash: bytesToJson(payloadHash),
        ...(expires === undefined ? {} : { expires }),
      }),
    async keptPart(name, start) {
      const { body: bytes, wholeSize } = await ask({
        method: 'GET',
        path: `account/kept/${bytesToJson(name)}`,
        headers: { range: `bytes=${start}-${start + maxKeptPart - 1}` },
        answer: octets,
        maxBytes: maxKeptPart,
      });
      if (wholeSize === undefined || bytes.length !== Math.min(maxKeptPart, wholeSize - start))
        throw foreign();
      return { bytes, size: wholeSize };
    },
    kept: (after) => {
      const query = after === undefined ? '' : `?after=${encodeURIComponent(after)}`;
      return call('GET', `kept${query}`, ownKeptPage, undefined, maxPage);
    },
    removeKept: (name) => tell('DELETE', `kept/${bytesToJson(name)}`),
    putCard: ({ id, sealed, expires }) =>
      tell('PUT', `cards/${bytesToJson(id)}`, { sealed: bytesToJson(sealed), expires }),
    removeCard: (id) => tell('DELETE', `cards/${bytesToJson(id)}`),
    ...ownMailCalls(call),
    gateways: () => call('GET', 'gateway', ownGateways),
    putGateway: ({ kind, device, name, sealed }) =>
      tell('PUT', `gateway/${kind}`, { device: bytesToJson(device), name, sealed: bytesToJson(sealed) }),
    removeGateway: (kind) => tell('DELETE', `gateway/${kind}`),
    async setPulls({ time, nonce, keyId, entries }) {
      const { states } = await call('POST', 'pulls', pullStates, {
        time,
        nonce: bytesToJson(nonce),
        keyId: bytesToJson(keyId),
        entries: entries.map(bytesToJson),
      });
      if (states.length !== entries.length) throw foreign();
      return states;
    },
    async feed(place) {
      const { body: bytes } = await ask({
        method: 'GET',
        path: `introductions${feedQuery(place)}`,
        answer: mediaTypes.beckon,
        maxBytes: maxFeedResponse,
      });
      return readCbor(() => decode(feedResponse, bytes, maxFeedResponse));
    },
    async poll(request) {
      const body = { type: mediaTypes.beckon, bytes: encode(pollRequest, request) };
      const { body: bytes } = await ask({
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
    async setPreferences(request) {
      const body = { type: mediaTypes.beckon, bytes: encode(preferencesRequest, request) };
      await ask({ method: 'POST', path: 'preferences', body, maxBytes: maxSmall });
    },
  };
}

function expectTag({ etag }: OwnAnswer): string {
  if (etag === undefined || !/^"[A-Za-z0-9_-]{43}"$/.test(etag)) throw foreign();
  return etag;
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

function submissionJson({ payloadHash, messages, ...source }: Submission): unknown {
  return {
    ...('upload' in source
      ? { upload: bytesToJson(source.upload) }
      : { payload: bytesToJson(source.payload) }),
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
