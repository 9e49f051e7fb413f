/**
 * Another domain's public interface (wire-spec/fetch.md) as typed calls. Nothing is verified here but that an answer has the
 * form and size it may have; every answer comes as an outcome, and whatever is not certain is *later*.
 */
import { base64urlnopad } from '@scure/base';
import type { Target } from '../dns/srv-order.ts';
import { codeOf, type ErrorCode } from '../errors.ts';
import type { Https, HttpsRequest } from '../outbound/https.ts';
import { wasSilence } from '../outbound/silence.ts';
import { problem } from '../wire/collect.ts';
import { acceptRequest, maxMessageObject } from '../wire/message.ts';
import { mediaTypes, publicPath, sizes } from '../wire/registry.ts';
import { decode, encode } from '../wire/schema.ts';

/** Whom to ask, and where it is reached. What the directory says of a native domain will do. */
export interface Peer {
  readonly domain: string;
  readonly targets: readonly Target[];
}

/** A 404 with our media type. `code` is what its problem says, where it can be read. */
export interface Gone {
  readonly kind: 'gone';
  readonly code: string | undefined;
}

/** Nothing certain: ask again, not sooner than `retryAfter` seconds where it is there (at most a day). */
export interface Later {
  readonly kind: 'later';
  /**
   * Why the connection failed, the code of a problem, `http_<status>` for a failure that is none of ours, or `foreign_answer`
   * for a success that is not of this protocol.
   */
  readonly reason: string;
  readonly retryAfter?: number;
  /** Nobody answered in time; absent for every other failure. */
  readonly silent?: true;
}

export type Fetched = { readonly kind: 'found'; readonly bytes: Uint8Array } | Gone | Later;

export interface PayloadRequest {
  /** First byte wanted, 0 unless told. */
  readonly start?: number;
  /** The payload hash: another one on offer is *later* with `payload_mismatch`. */
  readonly hash: Uint8Array;
  /** The payload size: no byte beyond it is taken. */
  readonly size: number;
  readonly signal?: AbortSignal;
}

export interface PayloadStream {
  readonly kind: 'found';
  /** Where the bytes really begin: `start`, or 0 when the server sends everything. */
  readonly start: number;
  /** To be read to the end or left by `break`. Throws `network_failed`, `too_large`. */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface Remote {
  /** `GET domains/{domain}`: an encoded domain-answer. Without verification only where the identity is pinned. */
  getDomainAnswer(
    peer: Peer,
    options?: { readonly verifyCertificate?: boolean; readonly signal?: AbortSignal },
  ): Promise<Fetched>;
  /** `GET users/{domain}/{address hash}`: an encoded user-answer. */
  getUserAnswer(peer: Peer, addressHash: Uint8Array): Promise<Fetched>;
  /** The HTTPS door: `POST notify` with a datagram of type 1. `sent` says that it was taken, nothing more. */
  postNotify(peer: Peer, datagram: Uint8Array): Promise<{ readonly kind: 'sent' } | Later>;
  /** `GET m/{id}`: an encoded message-object. */
  fetchMessage(peer: Peer, id: Uint8Array): Promise<Fetched>;
  /** `GET m/{id}/payload` from some byte on. */
  fetchPayload(peer: Peer, id: Uint8Array, request: PayloadRequest): Promise<PayloadStream | Gone | Later>;
  /** `GET cards/{id}`: a sealed contact card. */
  fetchCard(peer: Peer, id: Uint8Array): Promise<Fetched>;
  /** `POST m/{id}/accept`. `gone` too where the token is not the message's. */
  accept(
    peer: Peer,
    id: Uint8Array,
    acceptToken: Uint8Array,
  ): Promise<{ readonly kind: 'accepted' } | Gone | Later>;
}

/** The most bytes of a domain-answer and of a user-answer. */
export const maxAnswer = 64 * 1024;
const maxRetryAfter = 86_400;
const octets = 'application/octet-stream';

export function createRemote({ https }: { https: Https }): Remote {
  async function get(
    peer: Peer,
    path: string,
    maxBytes: number,
    options: Pick<HttpsRequest, 'verifyCertificate' | 'signal'> = {},
  ): Promise<Fetched> {
    const answer = await ask(https, peer, { method: 'GET', path, maxBytes, ...options });
    if (answer.kind === 'later') return answer;
    if (answer.status !== 200) return failure(answer);
    return isOurs(answer) ? { kind: 'found', bytes: answer.body } : foreign;
  }

  async function post(
    peer: Peer,
    path: string,
    type: string,
    body: Uint8Array,
  ): Promise<'done' | Gone | Later> {
    const headers = { 'content-type': type };
    const answer = await ask(https, peer, { method: 'POST', path, headers, body, maxBytes: 1024 });
    if (answer.kind === 'later') return answer;
    return answer.status === 204 ? 'done' : failure(answer);
  }

  return {
    getDomainAnswer: (peer, options = {}) => get(peer, `domains/${peer.domain}`, maxAnswer, options),
    getUserAnswer: (peer, addressHash) => get(peer, `users/${peer.domain}/${textOf(addressHash)}`, maxAnswer),
    async postNotify(peer, datagram) {
      const outcome = await post(peer, 'notify', octets, datagram);
      if (outcome === 'done') return { kind: 'sent' };
      return outcome.kind === 'gone' ? { kind: 'later', reason: outcome.code ?? 'not_found' } : outcome;
    },
    fetchMessage: async (peer, id) => surelyGone(await get(peer, `m/${textOf(id)}`, maxMessageObject)),
    fetchPayload: async (peer, id, request) => surelyGone(await fetchPayload(https, peer, id, request)),
    async fetchCard(peer, id) {
      const path = `cards/${textOf(id)}`;
      const answer = await ask(https, peer, { method: 'GET', path, maxBytes: sizes.cardSealed });
      if (answer.kind === 'later') return answer;
      if (answer.status !== 200) return failure(answer);
      return typeOf(answer.headers) === octets ? { kind: 'found', bytes: answer.body } : foreign;
    },
    async accept(peer, id, acceptToken) {
      const body = encode(acceptRequest, { id, acceptToken });
      const outcome = await post(peer, `m/${textOf(id)}/accept`, mediaTypes.beckon, body);
      return outcome === 'done' ? { kind: 'accepted' } : surelyGone(outcome);
    },
  };
}

interface Answer {
  readonly kind: 'answer';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

const foreign: Later = { kind: 'later', reason: 'foreign_answer' };

type Question = Omit<HttpsRequest, 'domain' | 'targets'>;

function requestOf(peer: Peer, question: Question): HttpsRequest {
  return { ...question, domain: peer.domain, targets: peer.targets, path: publicPath + question.path };
}

async function ask(https: Https, peer: Peer, question: Question): Promise<Answer | Later> {
  try {
    return { kind: 'answer', ...(await https.request(requestOf(peer, question))) };
  } catch (error) {
    return unreachable(error);
  }
}

const networkCodes: readonly ErrorCode[] = ['network_failed', 'tls_failed', 'network_refused', 'too_large'];

function unreachable(error: unknown): Later {
  const code = codeOf(error);
  if (!networkCodes.includes(code)) throw error;
  return { kind: 'later', reason: code, ...(wasSilence(error) ? { silent: true } : {}) };
}

async function fetchPayload(
  https: Https,
  peer: Peer,
  id: Uint8Array,
  { start = 0, hash, size, signal }: PayloadRequest,
): Promise<PayloadStream | Gone | Later> {
  const etag = `"${textOf(hash)}"`;
  const range = start > 0 ? { range: `bytes=${start}-`, 'if-range': etag } : {};
  // A body that is not read at all is ended by this alone.
  const unwanted = new AbortController();
  const signals = signal ? [signal, unwanted.signal] : [unwanted.signal];
  try {
    const answer = await https.stream(
      requestOf(peer, {
        method: 'GET',
        path: `m/${textOf(id)}/payload`,
        headers: range,
        maxBytes: size,
        signal: AbortSignal.any(signals),
      }),
    );
    if (answer.status !== 200 && answer.status !== 206)
      return failure({ ...answer, kind: 'answer', body: await smallBody(answer.body) });
    const from = offsetOf(answer, start, size);
    if (from !== undefined && answer.headers['etag'] === etag)
      return { kind: 'found', start: from, body: answer.body };
    unwanted.abort();
    return from === undefined ? foreign : otherPayload;
  } catch (error) {
    return unreachable(error);
  }
}

const otherPayload: Later = { kind: 'later', reason: 'payload_mismatch' };

/** Where the bytes of a success begin; undefined when it is no answer to this question. */
function offsetOf(
  answer: { readonly status: number; readonly headers: Readonly<Record<string, string>> },
  start: number,
  size: number,
): number | undefined {
  if (typeOf(answer.headers) !== octets) return undefined;
  if (answer.status === 200) return 0;
  return answer.headers['content-range'] === `bytes ${start}-${size - 1}/${size}` ? start : undefined;
}

/** Anything but a success: gone for certain, or later. */
function failure(answer: Answer): Gone | Later {
  const said = isOurs(answer) ? readProblem(answer.body) : undefined;
  if (answer.status === 404 && isOurs(answer)) return { kind: 'gone', code: said?.code };
  if (said === undefined) return { kind: 'later', reason: `http_${answer.status}` };
  const { code, retryAfter } = said;
  if (retryAfter === undefined) return { kind: 'later', reason: code };
  return { kind: 'later', reason: code, retryAfter: Math.min(retryAfter, maxRetryAfter) };
}

/** A server that does not serve the domain (yet, or any more) knows nothing of its messages: none may be given up for that. */
function surelyGone<T extends { readonly kind: string }>(outcome: T | Gone): T | Gone | Later {
  if (outcome.kind !== 'gone' || !('code' in outcome) || outcome.code === 'message_gone') return outcome;
  return { kind: 'later', reason: outcome.code ?? 'http_404' };
}

function readProblem(body: Uint8Array): { code: string; retryAfter?: number } | undefined {
  try {
    const { code, retryAfter } = decode(problem, body);
    return retryAfter === undefined ? { code } : { code, retryAfter };
  } catch {
    return undefined;
  }
}

function isOurs(answer: Answer): boolean {
  return typeOf(answer.headers) === mediaTypes.beckon;
}

function typeOf(headers: Readonly<Record<string, string>>): string | undefined {
  return headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
}

/** The body of a failure: one piece, capped by outbound. */
async function smallBody(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  for await (const chunk of chunks) return chunk;
  return new Uint8Array();
}

function textOf(bytes: Uint8Array): string {
  return base64urlnopad.encode(bytes);
}
