/**
 * HTTPS to other domains, and a client's to its own.
 *
 *  1. a connection to one of the domain's targets: address checked (dial.ts), certificate for `beckon.<domain>` (tls.ts)
 *  2. the request, Host and authority always `beckon.<domain>`, no redirect followed, nothing decompressed
 *  3. the body counted against what the caller expects, while patience runs (patience.ts)
 */
import type { Readable } from 'node:stream';
import type { Dispatcher, Pool } from 'undici';
import apiRequest from 'undici/lib/api/api-request.js';
import type { Resolver } from '../dns/resolver.ts';
import type { Target } from '../dns/srv-order.ts';
import { BeckonError, codeOf } from '../errors.ts';
import { authorityOf, checkDomain } from '../wire/domain-name.ts';
import { createAddressPolicy } from './address-policy.ts';
import { collect, incomingBody, networkFailure, outgoingBody } from './body.ts';
import { createDialler } from './dial.ts';
import { createPatience } from './patience.ts';
import type { Patience } from './patience.ts';
import { createPools } from './pools.ts';
import { silenceError } from './silence.ts';
import { createTlsConnect } from './tls.ts';

export interface HttpsOptions {
  resolver: Resolver;
  /** CIDR ranges that may be dialled though they are not public: `[outbound] allow`. */
  allow?: readonly string[];
  /** PEM files of authorities trusted beside the system's: `[outbound] ca_files`. */
  caFiles?: readonly string[];
  timeouts?: {
    /** For one address, TCP and TLS each; 10 s unless told: a lost packet or two are sent again by then. */
    connectMs?: number;
    /** What a peer may keep us waiting in all; transferred bytes buy it back. 30 s unless told. */
    patienceMs?: number;
  };
  /** Connections to one domain at a time; further requests wait. 8 unless told. */
  maxPerOrigin?: number;
}

export interface HttpsRequest {
  /** Canonical; throws `domain_invalid` else. */
  domain: string;
  /** From discovery, in the order to try. */
  targets: readonly Target[];
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With query, beginning with `/`. */
  path: string;
  headers?: Readonly<Record<string, string>>;
  /** An iterable goes out chunked unless `content-length` is among the headers. */
  body?: Uint8Array | AsyncIterable<Uint8Array>;
  /** Of the body of a successful answer; more is `too_large`. */
  maxBytes: number;
  signal?: AbortSignal;
  /**
   * false only to fetch the record of a domain whose identity is pinned: it proves itself. Everything else relies on the
   * certificate.
   */
  verifyCertificate?: boolean;
  /** The answer is a stream of events with long silences: only one of twice the patience ends it. */
  eventStream?: boolean;
}

export interface HttpsHead {
  status: number;
  /** Lower-case names; repeated fields joined with ", ". */
  headers: Record<string, string>;
}

export interface Https {
  /**
   * Throws `network_failed`, `tls_failed`, `network_refused` (not an address we dial) or `too_large`. Every HTTP status
   * is returned; the body of an unsuccessful one is empty when it is larger than any problem of ours.
   */
  request(request: HttpsRequest): Promise<HttpsHead & { body: Uint8Array }>;
  /** The same with the body of a success as it comes, to be read to its end or left by `break`: both free the connection. */
  stream(request: HttpsRequest): Promise<HttpsHead & { body: AsyncIterable<Uint8Array> }>;
  /** Ends all connections; requests under way fail with `network_failed`. */
  close(): Promise<void>;
}

/** For the body of an unsuccessful answer: a problem is far smaller, and a proxy's page is of no use. */
const maxProblemBytes = 16384;

/** @throws BeckonError `config_invalid` for an unusable range in `allow` or file in `caFiles` */
export function createHttps(options: HttpsOptions): Https {
  const { connectMs = 10_000, patienceMs = 30_000 } = options.timeouts ?? {};
  const dialler = createDialler(options.resolver, createAddressPolicy(options.allow));
  const connectTls = createTlsConnect(dialler, options.caFiles ?? [], connectMs);
  const pools = createPools(connectTls, options.maxPerOrigin ?? 8);

  async function stream(request: HttpsRequest): Promise<HttpsHead & { body: AsyncIterable<Uint8Array> }> {
    checkDomain(request.domain);
    const tooSlow = new AbortController();
    const { eventStream = false } = request;
    const patience = createPatience(patienceMs * (eventStream ? 2 : 1), eventStream, () =>
      tooSlow.abort(silenceError('the peer took too long')),
    );
    const { pool, giveBack } = pools.borrow(
      request.domain,
      request.targets,
      request.verifyCertificate ?? true,
    );
    const end = () => {
      patience.end();
      giveBack();
    };
    try {
      const signals = request.signal ? [request.signal, tooSlow.signal] : [tooSlow.signal];
      const answer = await orAborted(send(pool, request, patience, AbortSignal.any(signals)), request.signal);
      // The body closes whether it was read, left or broken; its errors reach whoever reads it.
      answer.body.once('close', end).on('error', () => {});
      return await receive(answer, request, patience);
    } catch (error) {
      end();
      throw networkFailure(error);
    }
  }

  return {
    stream,
    async request(request) {
      const { body, ...head } = await stream(request);
      return { ...head, body: await collect(body) };
    },
    close: () => pools.close(),
  };
}

/** undici looks at the signal when it has a connection, and that may take longer than the caller wants to wait. */
function orAborted<T>(answer: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return answer;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

function send(
  pool: Pool,
  request: HttpsRequest,
  patience: Patience,
  signal: AbortSignal,
): Promise<Dispatcher.ResponseData> {
  const { domain, method, path, body } = request;
  const headers = Object.entries(request.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]);
  if (body instanceof Uint8Array) headers.push(['content-length', String(body.length)]);
  return apiRequest.call(pool, {
    method,
    path,
    headers: { ...Object.fromEntries(headers), 'accept-encoding': 'identity', host: authorityOf(domain) },
    body: body ? outgoingBody(body, patience) : null,
    signal,
  });
}

async function receive(
  answer: Dispatcher.ResponseData,
  request: HttpsRequest,
  patience: Patience,
): Promise<HttpsHead & { body: AsyncIterable<Uint8Array> }> {
  const head = { status: answer.statusCode, headers: plainHeaders(answer.headers) };
  const success = head.status >= 200 && head.status < 300;
  if (!success) return { ...head, body: once(await problemBody(answer.body, patience)) };
  if (request.method !== 'HEAD' && Number(head.headers['content-length'] ?? 0) > request.maxBytes) {
    answer.body.destroy();
    throw new BeckonError('too_large', 'the answer is larger than expected');
  }
  return { ...head, body: incomingBody(answer.body, request.maxBytes, patience) };
}

async function problemBody(body: Readable, patience: Patience): Promise<Uint8Array> {
  try {
    return await collect(incomingBody(body, maxProblemBytes, patience));
  } catch (error) {
    if (codeOf(error) === 'too_large') return new Uint8Array();
    throw error;
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function plainHeaders(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(', ') : value,
  ]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}
