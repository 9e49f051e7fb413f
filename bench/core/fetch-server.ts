/**
 * The two servers of small-fetch.ts, each in a child process of its own: `fetch-server.ts beckon|fastify DIRECTORY`. Tells its port and
 * paths by IPC, answers `cpu` with its processor time in seconds, and ends when the channel closes.
 */
import { fastify } from 'fastify';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../src/clock.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { textOf } from '../../src/http/gather.ts';
import { payloadSize } from '../../src/message/payload.ts';
import { openStore } from '../../src/store/store.ts';
import { messageObject } from '../../src/wire/message.ts';
import { publicPath, sizes } from '../../src/wire/registry.ts';
import { encode } from '../../src/wire/schema.ts';
import { listenPublicly, serveAll } from '../public-listener.ts';
import { envelopeSize, headerSize, newOwner, storeMessages } from '../stored-messages.ts';

/** What a client needs to fetch. `paths`: header and payload of one message after the other. */
export interface Served {
  readonly port: number;
  readonly paths: readonly string[];
}

const domain = 'alpha.test';
const messages = 64;

/** The daemon's public listener over a real store, with one payload of the smallest size and its messages. */
async function startBeckon(dir: string): Promise<Served> {
  const store = await openStore({ dir, clock: systemClock, onFailure: (error) => console.error(error) });
  const payload = systemRandom(payloadSize(sizes.payloadFloor));
  const ids = await storeMessages(store, newOwner(domain), payload, messages);
  const port = await listenPublicly(domain, serveAll(store, systemClock));
  const paths = ids.flatMap((id) => {
    const path = `${publicPath}m/${textOf(id)}`;
    return [path, `${path}/payload`];
  });
  return { port, paths };
}

/** As many bytes, out of memory, by a route without anything around it. */
async function startFastify(): Promise<Served> {
  const parts = { header: systemRandom(headerSize), envelope: systemRandom(envelopeSize) };
  const message = Buffer.from(encode(messageObject, parts));
  const payload = Buffer.from(systemRandom(payloadSize(sizes.payloadFloor)));
  const app = fastify();
  app.get('/m/:id', (_request, reply) => reply.type('application/octet-stream').send(message));
  app.get('/m/:id/payload', (_request, reply) => reply.type('application/octet-stream').send(payload));
  await app.listen({ host: '127.0.0.1', port: 0 });
  const paths = Array.from({ length: messages }, () => textOf(systemRandom(sizes.messageId)));
  return {
    port: (app.server.address() as AddressInfo).port,
    paths: paths.flatMap((id) => [`/m/${id}`, `/m/${id}/payload`]),
  };
}

const [kind, dir = ''] = process.argv.slice(2);
const served = await (kind === 'beckon' ? startBeckon(dir) : startFastify());
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.((user + system) / 1e6);
});
process.on('disconnect', () => process.exit());
process.send?.(served);
