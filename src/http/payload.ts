/** Answering with a payload: whole, a part of it, or only its head, wire-spec/fetch.md section 6. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { BeckonError } from '../errors.ts';
import type { Metrics } from '../metrics.ts';
import { textOf } from './gather.ts';
import { isUnchanged, rangeCounts, selectRange, type Selected } from './ranges.ts';

/** What there is to send. */
export interface SentBytes {
  readonly size: number;
  /** SHA-256: its text form is the entity tag. */
  readonly hash: Uint8Array;
  /** Throws what the request is answered with instead, `rate_limited`. */
  open(start: number, end: number): AsyncIterable<Uint8Array>;
  /** The same bytes at once, where they are few: a stream costs more than they do. */
  atOnce?(start: number, end: number): Uint8Array | undefined;
  /** Called when the last byte was handed to the network. */
  fetched?(): void;
}

/** The entity tag of bytes with this SHA-256. */
export function entityTag(hash: Uint8Array): string {
  return `"${textOf(hash)}"`;
}

/** Sends it; the handler hears of it when the last byte of the payload was handed to the network. */
export function sendPayload(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: SentBytes,
  metrics: Metrics,
): FastifyReply {
  const etag = entityTag(payload.hash);
  void reply.header('etag', etag).header('accept-ranges', 'bytes');
  if (isUnchanged(request.headers['if-none-match'], etag)) return reply.code(304).send();
  const selected = selectFor(request, etag, payload.size);
  if (selected.kind === 'unsatisfiable') {
    void reply.header('content-range', `bytes */${payload.size}`).removeHeader('etag');
    throw new BeckonError('range_invalid', 'the range begins behind the end of the payload');
  }
  const { start, end } = selected.kind === 'part' ? selected : { start: 0, end: payload.size };
  const bytes = request.method === 'HEAD' ? undefined : opened(reply, payload, start, end);
  if (selected.kind === 'part')
    void reply.code(206).header('content-range', `bytes ${start}-${end - 1}/${payload.size}`);
  void reply.header('content-type', 'application/octet-stream').header('content-length', end - start);
  if (bytes === undefined) return reply.send();
  reply.raw.once('finish', () => {
    metrics.bytesServed.inc(end - start);
    if (end === payload.size) payload.fetched?.();
  });
  return reply.send(bytes);
}

/** Where it may not be read now, the answer says nothing of it. */
function opened(reply: FastifyReply, payload: SentBytes, start: number, end: number): Uint8Array | Readable {
  try {
    return payload.atOnce?.(start, end) ?? readableOf(payload.open(start, end));
  } catch (error) {
    void reply.removeHeader('etag').removeHeader('accept-ranges');
    throw error;
  }
}

/** Range is defined for GET only. */
function selectFor({ method, headers }: FastifyRequest, etag: string, size: number): Selected {
  const ifRange = headers['if-range'];
  const counts = method === 'GET' && (typeof ifRange !== 'object' || ifRange === undefined);
  if (!counts || !rangeCounts(ifRange, etag)) return { kind: 'whole' };
  return selectRange(headers.range, size);
}

function readableOf(bytes: AsyncIterable<Uint8Array>): Readable {
  return bytes instanceof Readable ? bytes : Readable.from(bytes, { objectMode: false });
}
