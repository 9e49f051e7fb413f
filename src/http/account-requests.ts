/** What the account routes read out of a request that its schema let through. */
import type { FastifyRequest } from 'fastify';
import { BeckonError } from '../errors.ts';
import type { Submission, SubmittedMessage } from '../wire/submission.ts';
import { gatewayKindNames, sizes, type GatewayKind } from '../wire/registry.ts';
import type {
  Enrolment,
  KeepRequest,
  NewCard,
  NewDevice,
  NewGateway,
  NewPairing,
  PullRequest,
  SentPage,
} from './account-handlers.ts';
import { maxPage, usualPage } from './account-schemas.ts';
import { maxPart } from './account-uploads.ts';
import type { MailRequest } from './account-mail.ts';
import { bytesOf } from './gather.ts';
import type { SignedRequest } from './signed-request.ts';

type Json = Readonly<Record<string, unknown>>;

/** The schema saw to the alphabet and the length; what is left is a last character with bits too many. */
function bytes(value: unknown): Uint8Array {
  const read = bytesOf(value, 0, maxPart);
  if (read === undefined) throw new BeckonError('request_invalid', 'a value is not base64url');
  return read;
}

export function enrolmentOf({ body }: FastifyRequest): Enrolment {
  const { token, record, device, name, recovery } = body as Json;
  return {
    token: bytes(token),
    record: bytes(record),
    device: bytes(device),
    ...(typeof name === 'string' ? { name } : {}),
    ...(recovery === undefined ? {} : { recovery: bytes(recovery) }),
  };
}

export function newDeviceOf({ body }: FastifyRequest): NewDevice {
  const { device, name } = body as Json;
  return { device: bytes(device), name: String(name) };
}

export function deviceOf({ params }: FastifyRequest): Uint8Array {
  return bytes((params as Json)['device']);
}

export function recordOf({ body }: FastifyRequest): Uint8Array {
  return bytes((body as Json)['record']);
}

export function keepRequestOf({ body }: FastifyRequest): KeepRequest {
  const { name, upload, payloadHash, expires } = body as Json;
  return {
    name: bytes(name),
    upload: bytes(upload),
    payloadHash: bytes(payloadHash),
    ...(expires === undefined ? {} : { expires: Number(expires) }),
  };
}

export function keptNameOf({ params }: FastifyRequest): Uint8Array {
  return bytes((params as Json)['name']);
}

export function cardIdOf({ params }: FastifyRequest): Uint8Array {
  return bytes((params as Json)['id']);
}

export function cardOf(request: FastifyRequest): NewCard {
  const { sealed, expires } = request.body as Json;
  return { id: cardIdOf(request), sealed: bytes(sealed), expires: Number(expires) };
}

export function mailRequestOf({ body }: FastifyRequest): MailRequest {
  const { id, upload, payloadHash, keyId, sealed } = body as Json;
  return {
    id: bytes(id),
    upload: bytes(upload),
    payloadHash: bytes(payloadHash),
    keyId: bytes(keyId),
    sealed: bytes(sealed),
  };
}

export function gatewayKindOf({ params }: FastifyRequest): GatewayKind {
  const { kind } = params as Json;
  const known = gatewayKindNames.find((name) => name === kind);
  if (known === undefined) throw new BeckonError('request_invalid', 'there is no such gateway');
  return known;
}

export function gatewayOf(request: FastifyRequest): NewGateway {
  const { device, name, sealed } = request.body as Json;
  return {
    kind: gatewayKindOf(request),
    device: bytes(device),
    name: String(name),
    sealed: bytes(sealed),
  };
}

export function pullsOf({ body }: FastifyRequest): PullRequest {
  const { time, nonce, keyId, entries } = body as Json;
  return {
    time: Number(time),
    nonce: bytes(nonce),
    keyId: bytes(keyId),
    entries: (entries as unknown[]).map(bytes),
  };
}

export function recoveryOf({ body }: FastifyRequest): Uint8Array {
  return bytes((body as Json)['recovery']);
}

export function pairingOf({ body }: FastifyRequest): NewPairing {
  const { pairing, expires } = body as Json;
  return { pairing: bytes(pairing), expires: Number(expires) };
}

/**
 * The entity tag in If-Match as a hash, undefined for `If-None-Match: *`. Throws `request_invalid` unless exactly one of
 * them is there: a state is never written blindly.
 */
export function previousOf({ conditions = {} }: SignedRequest): Uint8Array | undefined {
  const { 'if-match': match, 'if-none-match': none } = conditions;
  if (none === '*' && match === undefined) return undefined;
  const tag = none === undefined ? /^"([A-Za-z0-9_-]{43})"$/.exec(match ?? '')?.[1] : undefined;
  const hash = bytesOf(tag, sizes.hash);
  if (hash === undefined)
    throw new BeckonError(
      'request_invalid',
      'If-Match with the entity tag that was read, or If-None-Match: *',
    );
  return hash;
}

export function countOf({ body }: FastifyRequest): number {
  return (body as { count: number }).count;
}

export function sizeOf({ body }: FastifyRequest): number {
  return (body as { size: number }).size;
}

export function uploadOf({ params }: FastifyRequest): Uint8Array {
  return bytes((params as Json)['upload']);
}

export function offsetOf({ params }: FastifyRequest): number {
  return Number((params as Json)['offset']);
}

export function handleOf({ params }: FastifyRequest): string {
  return String((params as Json)['handle']);
}

export function pageOf({ query }: FastifyRequest): SentPage {
  const { after, limit } = query as Json;
  const wanted = limit === undefined ? usualPage : Number(limit);
  if (wanted < 1 || wanted > maxPage)
    throw new BeckonError('request_invalid', `limit is from 1 to ${maxPage}`);
  return { limit: wanted, ...(after === undefined ? {} : { after: bytes(after) }) };
}

export function submissionOf({ body }: FastifyRequest): Submission {
  const { upload, payload, payloadHash, messages } = body as Json;
  // One of the two: the schema saw to that.
  return {
    ...(payload === undefined ? { upload: bytes(upload) } : { payload: bytes(payload) }),
    payloadHash: bytes(payloadHash),
    messages: (messages as Json[]).map(submittedMessageOf),
  };
}

function submittedMessageOf(message: Json): SubmittedMessage {
  const { introduction } = message;
  return {
    id: bytes(message['id']),
    destination: String(message['destination']),
    recipientHash: bytes(message['recipientHash']),
    header: bytes(message['header']),
    envelope: bytes(message['envelope']),
    acceptTokenHash: bytes(message['acceptTokenHash']),
    expires: Number(message['expires']),
    ...(introduction === undefined ? {} : { introduction: bytes(introduction) }),
  };
}
