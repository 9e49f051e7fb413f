/** Answering with server-sent events, wire-spec/fetch.md section 11. */
import type { FastifyReply } from 'fastify';
import { mediaTypes } from '../wire/registry.ts';
import { textOf } from './gather.ts';
import type { EventSink } from './public-handlers.ts';

/** A comment, which every reader of event streams skips. */
const ping = ':\n\n';

/**
 * Takes the reply over and starts a watch on it, which is told once when the reader went away. Written past fastify's streams: there are
 * thousands of these at a time.
 */
export function sendEvents<Event>(
  reply: FastifyReply,
  start: (sink: EventSink<Event>) => () => void,
  encoded: (event: Event) => Uint8Array,
): void {
  const { raw, request } = reply;
  reply.hijack();
  raw.statusCode = 200;
  for (const [name, value] of Object.entries(reply.getHeaders()))
    if (value !== undefined) raw.setHeader(name, value);
  raw.setHeader('content-type', mediaTypes.events);
  // The connection ends with the watch: a daemon that ends does not wait for it.
  if (request.raw.httpVersionMajor === 1) raw.setHeader('connection', 'close');
  let closed = false;
  const stop = start({
    send: (event) => closed || raw.write(event === undefined ? ping : `data: ${textOf(encoded(event))}\n\n`),
    waiting: () => (closed ? 0 : raw.writableLength),
    drained: () =>
      new Promise((resolve) => {
        if (closed) return resolve();
        raw.once('drain', resolve).once('close', resolve);
      }),
    end: () => raw.end(),
    cut: () => raw.destroy(),
  });
  raw.once('close', () => {
    closed = true;
    stop();
  });
  // A reader that goes away is no fault of anybody.
  raw.on('error', () => undefined);
}
