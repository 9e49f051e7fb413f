/** The routes of the account interface as data, wire-spec/account.md: what the routes check and the OpenAPI document says. */
import { maxDomainLength } from '../wire/domain-name.ts';
import { sizes } from '../wire/registry.ts';
import { retractOutcomes, sentStates } from './account-handlers.ts';
import {
  binary,
  byteCount,
  digits,
  integer,
  list,
  object,
  oneOf,
  text,
  time,
  type JsonSchema,
} from './json-schemas.ts';

export interface AccountRoute {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** Below `account/`. */
  readonly path: string;
  readonly summary: string;
  readonly params?: JsonSchema;
  readonly query?: JsonSchema;
  readonly body?: JsonSchema | 'octets';
  /** In bytes. */
  readonly bodyLimit?: number;
  readonly status: 200 | 201;
  readonly answer: JsonSchema;
}

/** The most bytes of one part of an upload. */
export const maxPart = 32 * 1024 * 1024;
/** Most sent messages of one page, and how many where the client does not say. */
export const maxPage = 256;
export const usualPage = 100;

const maxMessages = 64;
const maxRecord = 24 * 1024;
const maxEnvelope = 20 * 1024;
/** 64 messages with the largest header and envelope, in base64url, and a little. */
const maxCommit = 8 * 1024 * 1024;
const uploadId = binary(16);
const handle = text(16, '^[a-z2-7]{16}$');
const uploadParams = object({ upload: uploadId });
const progress = object({ size: byteCount, received: byteCount });
const destination = text(maxDomainLength);

const submittedMessage = object({
  id: binary(sizes.messageId),
  destination,
  recipientHash: binary(sizes.hash),
  header: binary(sizes.privateHeaderUnit, sizes.privateHeaderUnit * sizes.privateHeaderMaxUnits),
  envelope: binary(1, maxEnvelope),
  acceptTokenHash: binary(sizes.hash),
  expires: time,
  'introduction?': binary(sizes.introduction),
});

const sentMessage = object({
  handle,
  destination,
  state: oneOf(sentStates),
  created: time,
  expires: time,
  size: byteCount,
  'fetched?': time,
  'accepted?': time,
});

export const accountOperations = {
  enroll: {
    method: 'POST',
    path: 'enroll',
    summary: 'Enrol with an invitation; signed by the device key in the body',
    body: object({ token: binary(16), record: binary(1, maxRecord), device: binary(sizes.ed25519Public) }),
    status: 201,
    answer: object({ addressHash: binary(sizes.hash) }),
  },
  reserve: {
    method: 'POST',
    path: 'reservations',
    summary: 'Reserve message ids for a day',
    body: object({ count: integer(1, maxMessages) }),
    status: 201,
    answer: object({ ids: list(binary(sizes.messageId), 1, maxMessages), expires: time }),
  },
  openUpload: {
    method: 'PUT',
    path: 'uploads/:upload',
    summary: 'Open an upload, or find it again',
    params: uploadParams,
    body: object({ size: integer(1, 2 ** 50) }),
    status: 200,
    answer: progress,
  },
  uploadProgress: {
    method: 'GET',
    path: 'uploads/:upload',
    summary: 'How much of an upload has arrived',
    params: uploadParams,
    status: 200,
    answer: progress,
  },
  writePart: {
    method: 'PUT',
    path: 'uploads/:upload/parts/:offset',
    summary: 'The next bytes of an upload, at most 32 MiB; answered when they are on disk',
    params: object({ upload: uploadId, offset: digits }),
    body: 'octets',
    bodyLimit: maxPart,
    status: 200,
    answer: progress,
  },
  commit: {
    method: 'POST',
    path: 'messages',
    summary: 'Commit messages that share one payload, all or none; answered when everything is on disk',
    body: object({
      upload: uploadId,
      payloadHash: binary(sizes.hash),
      messages: list(submittedMessage, 1, maxMessages),
    }),
    bodyLimit: maxCommit,
    status: 201,
    answer: object({ messages: list(object({ handle }), 1, maxMessages) }),
  },
  sent: {
    method: 'GET',
    path: 'messages',
    summary: 'What became of the messages sent',
    query: object({ 'after?': binary(1, 64), 'limit?': digits }),
    status: 200,
    answer: object({ messages: list(sentMessage, 0, maxPage), 'next?': binary(1, 64) }),
  },
  sentMessage: {
    method: 'GET',
    path: 'messages/:handle',
    summary: 'What became of one message',
    params: object({ handle }),
    status: 200,
    answer: sentMessage,
  },
  retract: {
    method: 'POST',
    path: 'messages/:handle/retract',
    summary: 'Take a message back, as far as that is still possible',
    params: object({ handle }),
    status: 200,
    answer: object({ outcome: oneOf(retractOutcomes) }),
  },
} as const satisfies Record<string, AccountRoute>;

export type AccountOperation = keyof typeof accountOperations;
