/**
 * One signed request to the user's own domain, wire-spec/account.md section 3.
 *
 *  1. the domain, through the directory: pinned, its record verified
 *  2. signed by the device key over method, authority, path, query and body
 *  3. sent; where the network failed, sent again: whatever is asked for may be repeated
 *  4. a failure becomes the code that the domain names, or `unavailable`
 */
import type { Clock } from '../clock.ts';
import type { DomainOutcome, NativePeer } from '../directory/domain-lookup.ts';
import { BeckonError, codeOf, errorCodes, type ErrorCode } from '../errors.ts';
import type { KeyPair } from '../keys/key-pair.ts';
import { signRequest, type Conditions } from '../message/http-signature.ts';
import type { HttpsRequest } from '../outbound/https.ts';
import { problem } from '../wire/collect.ts';
import { mediaTypes, publicPath } from '../wire/registry.ts';
import { decode } from '../wire/schema.ts';
import type { ClientNetwork } from './api.ts';

export interface OwnRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Behind `/.well-known/beckon/`, with its query. */
  readonly path: string;
  readonly body?: { readonly type: string; readonly bytes: Uint8Array };
  /** Signed with it. */
  readonly conditions?: Conditions;
  /** Other headers, which are not signed. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Content type of a success that has a body. */
  readonly answer?: string;
  readonly maxBytes: number;
}

export interface OwnAnswer {
  readonly body: Uint8Array;
  /** As sent, with its quotes. */
  readonly etag?: string;
  /** Of the whole, where the answer is a part of it. */
  readonly wholeSize?: number;
}

/** A success. Throws the domain's code, `unavailable`, network codes, `discovery_*`, `trust_changed`. */
export type AskOwn = (request: OwnRequest) => Promise<OwnAnswer>;

/**
 * The body of a success as it comes, until `signal` aborts or it is silent for too long, which is `network_failed`. Throws as `AskOwn`; sent
 * once only, and to be aborted where it throws.
 */
export type StreamOwn = (request: OwnRequest, signal: AbortSignal) => Promise<AsyncIterable<Uint8Array>>;

export interface Signer {
  readonly domain: string;
  readonly device: KeyPair;
}

export interface OwnRequestParts {
  readonly network: Pick<ClientNetwork, 'domains' | 'https'>;
  /** Who asks whom. */
  readonly signer: () => Promise<Signer>;
  readonly clock: Clock;
  /** Waits for so many milliseconds before another try. */
  readonly wait: (ms: number) => Promise<void>;
}

/** How often a request is sent before a network failure is believed. */
const tries = 3;
const firstWait = 500;

export function createAskOwn(parts: OwnRequestParts): AskOwn {
  return async (request) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await askOnce(parts, request);
      } catch (error) {
        if (codeOf(error) !== 'network_failed' || attempt === tries) throw error;
        await parts.wait(firstWait * 2 ** attempt);
      }
    }
  };
}

export function createStreamOwn(parts: OwnRequestParts): StreamOwn {
  return async (request, signal) => {
    const prepared = await prepare(parts, request);
    const answer = await parts.network.https.stream({
      ...prepared,
      signal,
      eventStream: request.answer === mediaTypes.events,
    });
    const type = typeOf(answer.headers);
    if (!isSuccess(answer.status)) throw failure(answer.status, type, await gathered(answer.body));
    if (type !== request.answer) throw foreign();
    return answer.body;
  };
}

async function gathered(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const bytes: number[] = [];
  for await (const piece of body) bytes.push(...piece);
  return Uint8Array.from(bytes);
}

async function prepare(
  { network, signer, clock }: OwnRequestParts,
  request: OwnRequest,
): Promise<HttpsRequest> {
  const { domain, device } = await signer();
  const peer = expectNative(await network.domains.domain(domain));
  const { method, body, conditions = {}, maxBytes } = request;
  const path = publicPath + request.path;
  const signed = { method, domain, target: path, body: body?.bytes, conditions };
  const signature = signRequest(signed, device, clock.seconds());
  return {
    domain,
    targets: peer.targets,
    method,
    path,
    maxBytes,
    headers: {
      ...request.headers,
      ...conditions,
      ...signature,
      ...(body === undefined ? {} : { 'content-type': body.type }),
    },
    ...(body === undefined ? {} : { body: body.bytes }),
  };
}

async function askOnce(parts: OwnRequestParts, request: OwnRequest): Promise<OwnAnswer> {
  const answer = await parts.network.https.request(await prepare(parts, request));
  const type = typeOf(answer.headers);
  if (!isSuccess(answer.status)) throw failure(answer.status, type, answer.body);
  const isEmpty = answer.status === 204 && answer.body.length === 0;
  if (!isEmpty && (request.answer === undefined || type !== request.answer)) throw foreign();
  const { etag } = answer.headers;
  const wholeSize = wholeSizeIn(answer.headers['content-range']);
  return {
    body: answer.body,
    ...(etag === undefined ? {} : { etag }),
    ...(wholeSize === undefined ? {} : { wholeSize }),
  };
}

function isSuccess(status: number): boolean {
  return status >= 200 && status <= 299;
}

function typeOf(headers: Readonly<Record<string, string>>): string | undefined {
  return headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
}

function wholeSizeIn(contentRange: string | undefined): number | undefined {
  const size = /^bytes \d{1,15}-\d{1,15}\/(\d{1,15})$/.exec(contentRange ?? '')?.[1];
  return size === undefined ? undefined : Number(size);
}

/** The own domain, reached. Throws `discovery_later`, `discovery_legacy`, `discovery_none`, `trust_changed`. */
export function expectNative(outcome: DomainOutcome): NativePeer {
  if (outcome.kind === 'native') return outcome;
  const code = outcome.kind === 'changed' ? 'trust_changed' : (`discovery_${outcome.kind}` as const);
  throw new BeckonError(code, `the domain cannot be asked: ${reasonOf(outcome)}`);
}

function reasonOf(outcome: Exclude<DomainOutcome, NativePeer>): string {
  if (outcome.kind === 'changed') return 'its identity is another one than before';
  if (outcome.kind === 'legacy') return 'DNS shows it as a domain for mail only';
  return outcome.reason === 'pinned_native' ? 'DNS does not show it as a Beckon domain' : outcome.reason;
}

/** An answer that is none of this protocol. */
export function foreign(cause?: unknown): BeckonError {
  return new BeckonError('unavailable', 'the domain answered something else than was asked', { cause });
}

function failure(status: number, type: string | undefined, body: Uint8Array): BeckonError {
  const { code, detail } = saidProblem(type, body) ?? {};
  const known = errorCodes.find((candidate) => candidate === code && candidate !== 'internal');
  if (known !== undefined) return new BeckonError(known, detail ?? 'the domain refused');
  const fallback: ErrorCode = status === 401 ? 'unauthorized' : 'unavailable';
  return new BeckonError(fallback, `the domain answered with status ${status}`);
}

function saidProblem(
  type: string | undefined,
  body: Uint8Array,
): { code?: unknown; detail?: string } | undefined {
  try {
    if (type === mediaTypes.beckon) return decode(problem, body);
    if (type !== 'application/problem+json') return undefined;
    const { code, detail } = JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown>;
    return typeof detail === 'string' ? { code, detail: detail.slice(0, 512) } : { code };
  } catch {
    return undefined;
  }
}
