/** Requests to the domains of this very daemon, without a socket: the same routes, and the same answers. */
import type { FastifyInstance } from 'fastify';
import { BeckonError } from '../errors.ts';
import { authorityOf } from '../wire/domain-name.ts';

export interface LocalRequest {
  readonly domain: string;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>;
  /** Of the body of a success; more is `too_large`. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
}

export interface LocalAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
}

export interface LocalRequests {
  request(request: LocalRequest): Promise<LocalAnswer & { readonly body: Uint8Array }>;
  stream(request: LocalRequest): Promise<LocalAnswer & { readonly body: AsyncIterable<Uint8Array> }>;
}

/** Over the routes of an app. Throws `too_large`, and `network_failed` where the app is closed. */
export function createLocalRequests(app: FastifyInstance): LocalRequests {
  async function stream(
    request: LocalRequest,
  ): Promise<LocalAnswer & { readonly body: AsyncIterable<Uint8Array> }> {
    const { domain, method, path, headers, body, maxBytes, signal } = request;
    const payload = body === undefined ? undefined : await whole(body);
    const answer = await app
      .inject({
        method,
        url: path,
        authority: authorityOf(domain),
        headers: { ...headers, host: authorityOf(domain) },
        ...(payload === undefined ? {} : { payload }),
        ...(signal === undefined ? {} : { signal }),
        payloadAsStream: true,
      })
      .catch((cause: unknown) => {
        throw new BeckonError('network_failed', 'this daemon does not answer itself', { cause });
      });
    const fields = Object.entries(answer.headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : String(value)] as const],
    );
    const read = answer.stream();
    // As on a socket: a route that goes on telling learns that its reader went away.
    read.once('close', () => answer.raw.res.destroy());
    return {
      status: answer.statusCode,
      headers: Object.fromEntries(fields),
      body: capped(read as AsyncIterable<Uint8Array>, maxBytes),
    };
  }

  return {
    stream,
    async request(request) {
      const { body, ...head } = await stream(request);
      return { ...head, body: await whole(body) };
    },
  };
}

async function* capped(body: AsyncIterable<Uint8Array>, most: number): AsyncGenerator<Uint8Array> {
  let length = 0;
  for await (const piece of body) {
    length += piece.length;
    if (length > most) throw new BeckonError('too_large', 'the answer is larger than expected');
    yield new Uint8Array(piece.buffer, piece.byteOffset, piece.length);
  }
}

async function whole(body: Uint8Array | AsyncIterable<Uint8Array>): Promise<Buffer> {
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.length);
  return Buffer.concat(await Array.fromAsync(body));
}
