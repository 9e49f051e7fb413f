/** The routes of the account interface as data, wire-spec/account.md: what the routes check and the OpenAPI document says. */
import { maxDomainLength } from '../wire/domain-name.ts';
import { maxPullEntry } from '../wire/blind.ts';
import { mailOperations } from './account-mail.ts';
import { uploadOperations } from './account-uploads.ts';
import { counts, gatewayKindNames, sizes, takedownReasonNames } from '../wire/registry.ts';
import { everyday } from './everyday.ts';
import {
  deviceKinds,
  pullStates,
  pushStates,
  retractOutcomes,
  sentStates,
  type SignerKind,
} from './account-handlers.ts';
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
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below `account/`. */
  readonly path: string;
  readonly summary: string;
  readonly params?: JsonSchema;
  readonly query?: JsonSchema;
  readonly body?: JsonSchema | 'octets';
  /** In bytes. */
  readonly bodyLimit?: number;
  /** Which keys may sign it; devices, where it does not say. None: the one that the body brings. */
  readonly signers?: readonly SignerKind[];
  /** Conditions, of which the request has one: they are signed with it. */
  readonly conditions?: readonly ('if-match' | 'if-none-match')[];
  readonly status: 200 | 201 | 204;
  /** `tag`: nothing but an entity tag. */
  readonly answer: JsonSchema | 'octets' | 'tag' | 'nothing';
}

/** Most sent messages of one page, and how many where the client does not say. */
export const maxPage = 256;
export const usualPage = 100;

/** The most bytes of a state. */
export const maxState = 16 * 1024 * 1024;

const maxMessages = 64;
const maxRecord = 24 * 1024;
const maxEnvelope = 20 * 1024;
/** 64 messages with the largest header and envelope, in base64url, and a little. */
const maxCommit = 8 * 1024 * 1024;
const maxAddress = 305;
const maxAliases = 64;
const maxShownDevices = 64;
/** Base64url of 32 bytes always has 43 characters. */
const deviceKey = binary(sizes.ed25519Public);
const deviceName = { type: 'string', maxLength: 64 };
const address = text(maxAddress);
const innerRecord = binary(1, maxRecord);
const uploadId = binary(16);
const handle = text(16, '^[a-z2-7]{16}$');
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
  'takedown?': oneOf(takedownReasonNames),
});

const cardId = binary(sizes.cardId);
const keptName = binary(32);
const kept = object({ name: keptName, size: byteCount, created: time, expires: time });
const device = object({ device: deviceKey, name: deviceName, added: time, kind: oneOf(deviceKinds) });

const gatewayKind = object({ kind: oneOf(gatewayKindNames) });
const port = integer(1, 65_535);
const gateway = object({
  kind: oneOf(gatewayKindNames),
  device: deviceKey,
  created: time,
  'state?': oneOf(pushStates),
  'code?': text(64),
  'next?': time,
  'appended?': byteCount,
});
export const accountOperations = {
  enroll: {
    method: 'POST',
    path: 'enroll',
    summary: 'Enrol with an invitation; signed by the device key in the body',
    body: object({
      token: binary(16),
      record: innerRecord,
      device: deviceKey,
      'name?': deviceName,
      'recovery?': deviceKey,
    }),
    signers: [],
    status: 201,
    answer: object({ addressHash: binary(sizes.hash) }),
  },
  reserve: {
    method: 'POST',
    path: 'reservations',
    summary: 'Reserve message ids for a day',
    signers: everyday,
    body: object({ count: integer(1, maxMessages) }),
    status: 201,
    answer: object({ ids: list(binary(sizes.messageId), 1, maxMessages), expires: time }),
  },
  ...uploadOperations,
  commit: {
    method: 'POST',
    path: 'messages',
    summary: 'Commit messages that share one payload, all or none; answered when everything is on disk',
    signers: everyday,
    body: {
      ...object({
        'upload?': uploadId,
        'payload?': binary(sizes.payloadFloor, sizes.payloadInCommit),
        payloadHash: binary(sizes.hash),
        messages: list(submittedMessage, 1, maxMessages),
      }),
      oneOf: [{ required: ['upload'] }, { required: ['payload'] }],
    },
    bodyLimit: maxCommit,
    status: 201,
    answer: object({ messages: list(object({ handle }), 1, maxMessages) }),
  },
  sent: {
    method: 'GET',
    path: 'messages',
    summary: 'What became of the messages sent',
    signers: everyday,
    query: object({ 'after?': binary(1, 64), 'limit?': digits }),
    status: 200,
    answer: object({ messages: list(sentMessage, 0, maxPage), 'next?': binary(1, 64) }),
  },
  sentMessage: {
    method: 'GET',
    path: 'messages/:handle',
    summary: 'What became of one message',
    signers: everyday,
    params: object({ handle }),
    status: 200,
    answer: sentMessage,
  },
  retract: {
    method: 'POST',
    path: 'messages/:handle/retract',
    summary: 'Take a message back, as far as that is still possible',
    signers: everyday,
    params: object({ handle }),
    status: 200,
    answer: object({ outcome: oneOf(retractOutcomes) }),
  },
  user: {
    method: 'GET',
    path: 'user',
    summary: 'What the domain knows of the user: address, record, aliases, devices',
    signers: everyday,
    status: 200,
    answer: object({
      address,
      local: text(sizes.introductionLocal),
      record: innerRecord,
      aliases: list(object({ address, 'record?': innerRecord }), 0, maxAliases),
      devices: list(device, 0, maxShownDevices),
      'state?': object({ size: byteCount, changed: time }),
      used: byteCount,
      quota: byteCount,
      keep: time,
      'pulled?': object({ used: byteCount, quota: byteCount, keep: time }),
    }),
  },
  addDevice: {
    method: 'POST',
    path: 'devices',
    summary: 'Add a device; signed by another, by the recovery key, or by the key of a pairing',
    body: object({ device: deviceKey, name: deviceName }),
    signers: ['device', 'recovery', 'pairing'],
    status: 201,
    answer: device,
  },
  removeDevice: {
    method: 'DELETE',
    path: 'devices/:device',
    summary: 'Remove a device, with the pairings that it opened',
    params: object({ device: deviceKey }),
    status: 204,
    answer: 'nothing',
  },
  setRecovery: {
    method: 'PUT',
    path: 'recovery',
    summary: 'A new recovery phrase: its key in the place of the one before',
    body: object({ recovery: deviceKey }),
    status: 204,
    answer: 'nothing',
  },
  openPairing: {
    method: 'POST',
    path: 'pairings',
    summary: 'Let a key read the state and add one device, for an hour at most',
    body: object({ pairing: deviceKey, expires: time }),
    status: 201,
    answer: object({ expires: time }),
  },
  putRecord: {
    method: 'PUT',
    path: 'record',
    summary: "The user's next record, for the address or an alias; listed at once",
    signers: everyday,
    body: object({ record: innerRecord }),
    status: 204,
    answer: 'nothing',
  },
  readState: {
    method: 'GET',
    path: 'state',
    summary: "The client's state as it was written last; 204 where there is none",
    signers: ['device', 'recovery', 'pairing', 'gateway'],
    status: 200,
    answer: 'octets',
  },
  writeState: {
    method: 'PUT',
    path: 'state',
    summary: "The client's state, at most 16 MiB, in the place of the one that was read",
    body: 'octets',
    bodyLimit: maxState,
    signers: ['device', 'recovery', 'gateway'],
    conditions: ['if-match', 'if-none-match'],
    status: 204,
    answer: 'tag',
  },
  keep: {
    method: 'POST',
    path: 'kept',
    summary: 'Keep an upload under a name, for as long as the domain keeps anything or less',
    signers: everyday,
    body: object({
      name: keptName,
      upload: uploadId,
      payloadHash: binary(sizes.hash),
      'expires?': time,
    }),
    status: 201,
    answer: kept,
  },
  listKept: {
    method: 'GET',
    path: 'kept',
    summary: 'What is kept',
    signers: everyday,
    query: object({ 'after?': binary(1, 64), 'limit?': digits }),
    status: 200,
    answer: object({ kept: list(kept, 0, maxPage), 'next?': binary(1, 64) }),
  },
  readKept: {
    method: 'GET',
    path: 'kept/:name',
    summary: 'What is kept under a name, or a range of it',
    signers: everyday,
    params: object({ name: keptName }),
    status: 200,
    answer: 'octets',
  },
  removeKept: {
    method: 'DELETE',
    path: 'kept/:name',
    summary: 'Keep it no longer',
    signers: everyday,
    params: object({ name: keptName }),
    status: 204,
    answer: 'nothing',
  },
  putCard: {
    method: 'PUT',
    path: 'cards/:id',
    summary: 'Keep a sealed contact card, and serve it to whoever knows its id',
    signers: everyday,
    params: object({ id: cardId }),
    body: object({ sealed: binary(sizes.cardSealed), expires: time }),
    status: 204,
    answer: 'nothing',
  },
  setPulls: {
    method: 'POST',
    path: 'pulls',
    summary: 'Have what comes over drops pulled, or single messages; each entry with the proof of its owner',
    body: object({
      time,
      nonce: binary(sizes.pollNonce),
      keyId: binary(sizes.keyId),
      entries: list(binary(1, maxPullEntry), 1, counts.pollEntries),
    }),
    status: 200,
    answer: object({ states: list(oneOf(pullStates), 1, counts.pollEntries) }),
  },
  removeCard: {
    method: 'DELETE',
    path: 'cards/:id',
    summary: 'Serve it no longer',
    signers: everyday,
    params: object({ id: cardId }),
    status: 204,
    answer: 'nothing',
  },
  ...mailOperations,
  gateways: {
    method: 'GET',
    path: 'gateway',
    summary: 'What was handed to the gateways of the domain, how it fares, and which there are',
    signers: everyday,
    status: 200,
    answer: object({
      gateways: list(gateway, 0, gatewayKindNames.length),
      'submission?': object({ host: text(255), 'tls?': port, 'starttls?': port }),
      push: { type: 'boolean' },
    }),
  },
  putGateway: {
    method: 'PUT',
    path: 'gateway/:kind',
    summary: 'Hand a device of its own to a gateway, in the place of the one before',
    params: gatewayKind,
    body: object({ device: deviceKey, name: deviceName, sealed: binary(1, sizes.gatewayPushSealed + 64) }),
    status: 204,
    answer: 'nothing',
  },
  removeGateway: {
    method: 'DELETE',
    path: 'gateway/:kind',
    summary: 'Take it back, with its device',
    params: gatewayKind,
    status: 204,
    answer: 'nothing',
  },
} as const satisfies Record<string, AccountRoute>;

export type AccountOperation = keyof typeof accountOperations;
