/**
 * The two servers of small-fetch.ts, each in a child process of its own: `fetch-server.ts beckon|fastify DIRECTORY`. Tells its port and
 * paths by IPC, answers `cpu` with its processor time in seconds, and ends when the channel closes.
 */
import { fastify } from 'fastify';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../src/clock.ts';
import { createSha256 } from '../../src/crypto/kdf.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { createFetchAllowance } from '../../src/fetch/allowance.ts';
import { createServe } from '../../src/fetch/serve.ts';
import { textOf } from '../../src/http/gather.ts';
import { listen } from '../../src/http/listen.ts';
import { publicRoutes } from '../../src/http/public.ts';
import { silentLog } from '../../src/log.ts';
import { claimedDigest } from '../../src/message/http-signature.ts';
import { payloadSize } from '../../src/message/payload.ts';
import { createMetrics } from '../../src/metrics.ts';
import { openStore } from '../../src/store/store.ts';
import { messageObject } from '../../src/wire/message.ts';
import { publicPath, sizes } from '../../src/wire/registry.ts';
import { encode } from '../../src/wire/schema.ts';
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
  const log = silentLog;
  const metrics = createMetrics();
  const store = await openStore({ dir, clock: systemClock, onFailure: (error) => console.error(error) });
  const payload = systemRandom(payloadSize(sizes.payloadFloor));
  const ids = await storeMessages(store, newOwner(domain), payload, messages);
  const allowance = createFetchAllowance(async () => ({ fetches: Infinity, egress: Infinity }), systemClock);
  const serve = createServe({ ...store, allowance, earnCredit: () => {}, clock: systemClock, metrics, log });
  const unused = (): never => {
    throw new Error('only fetches are measured');
  };
  const listener = await listen(
    { address: { kind: 'tcp', host: '127.0.0.1', port: 0 }, transport: { kind: 'plain' }, log },
    (app) =>
      publicRoutes(app, {
        handlers: {
          serves: (asked) => asked === domain,
          ...serve,
          domainAnswer: unused,
          userAnswer: unused,
          readCard: unused,
          readCopy: unused,
          notify: unused,
          poll: unused,
          setPreferences: unused,
          watch: unused,
          introductions: unused,
          accept: unused,
        },
        digests: { claimed: claimedDigest, createSha256 },
        metrics,
        log,
      }),
  );
  const paths = ids.flatMap((id) => {
    const path = `${publicPath}m/${textOf(id)}`;
    return [path, `${path}/payload`];
  });
  return { port: listener.port, paths };
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
