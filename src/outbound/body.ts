/** Bodies on their way out and in: counted, and watched by patience. */
import { Readable } from 'node:stream';
import { BeckonError } from '../errors.ts';
import type { Patience } from './patience.ts';

/** Larger bodies go out in pieces, so that a slow line buys its patience piece by piece. */
const pieceBytes = 65536;

/** What undici sends. Time counts while the peer takes what we have, not while we make it. */
export function outgoingBody(
  body: Uint8Array | AsyncIterable<Uint8Array>,
  patience: Patience,
): Uint8Array | Readable {
  if (!(body instanceof Uint8Array))
    return Readable.from(watchOutgoing(body, patience), { objectMode: false });
  if (body.length <= pieceBytes) return body;
  return Readable.from(watchOutgoing(pieces(body), patience), { objectMode: false });
}

async function* watchOutgoing(
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  patience: Patience,
): AsyncGenerator<Uint8Array> {
  patience.pause();
  try {
    for await (const bytes of body) {
      patience.resume();
      yield bytes;
      patience.moved(bytes.length);
      patience.pause();
    }
  } finally {
    patience.resume();
  }
}

function* pieces(body: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < body.length; at += pieceBytes) yield body.subarray(at, at + pieceBytes);
}

/**
 * The bytes as they come, at most `maxBytes` of them: more is `too_large`, a broken or too slow transfer `network_failed`.
 * Time counts while the peer is to send, not while the consumer works.
 */
export async function* incomingBody(
  body: Readable,
  maxBytes: number,
  patience: Patience,
): AsyncGenerator<Uint8Array> {
  let count = 0;
  try {
    for await (const chunk of body) {
      // A plain view: a Buffer's slice would not be a Uint8Array's.
      const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      count += bytes.length;
      if (count > maxBytes) throw new BeckonError('too_large', 'the answer is larger than expected');
      patience.moved(bytes.length);
      patience.pause();
      yield bytes;
      patience.resume();
    }
  } catch (error) {
    throw networkFailure(error);
  }
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of chunks) {
    parts.push(part);
    length += part.length;
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Any failure of a request as one of ours. */
export function networkFailure(cause: unknown): BeckonError {
  if (cause instanceof BeckonError) return cause;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'UND_ERR_HEADERS_OVERFLOW')
    return new BeckonError('too_large', 'the header of the answer is too large', { cause });
  if (code === 'UND_ERR_INVALID_ARG')
    return new BeckonError('internal', 'this request cannot be sent', { cause });
  return new BeckonError('network_failed', 'the request failed', { cause });
}
