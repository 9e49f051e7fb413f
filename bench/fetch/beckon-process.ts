/**
 * The server of serving.ts, in a process of its own: `beckon-process.ts DIRECTORY SMALL LARGE`. The public listener with TLS over a real
 * store in DIRECTORY/store, which takes the bytes of the two files SMALL and LARGE as payloads. Tells its port and paths by IPC, and ends
 * when the channel closes.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/clock.ts';
import { createSha256 } from '../../src/crypto/kdf.ts';
import { createFetchAllowance } from '../../src/fetch/allowance.ts';
import { createServe } from '../../src/fetch/serve.ts';
import { textOf } from '../../src/http/gather.ts';
import { listen } from '../../src/http/listen.ts';
import { publicRoutes } from '../../src/http/public.ts';
import { silentLog } from '../../src/log.ts';
import { claimedDigest } from '../../src/message/http-signature.ts';
import { createMetrics } from '../../src/metrics.ts';
import { openStore } from '../../src/store/store.ts';
import { publicPath } from '../../src/wire/registry.ts';
import { newOwner, storeMessages } from '../stored-messages.ts';

export const domain = 'alpha.test';
const smallMessages = 64;

/** What a client needs to fetch. */
export interface Served {
  readonly port: number;
  readonly small: readonly string[];
  readonly large: readonly string[];
}

const [directory = '', small = '', large = ''] = process.argv.slice(2);
const log = silentLog;
const metrics = createMetrics();
const store = await openStore({
  dir: join(directory, 'store'),
  clock: systemClock,
  onFailure: (error) => console.error(error),
});
const owner = newOwner(domain);
const smallIds = await storeMessages(store, owner, readFileSync(small), smallMessages);
const largeIds = await storeMessages(store, owner, readFileSync(large), 1);
const allowance = createFetchAllowance(async () => ({ fetches: Infinity, egress: Infinity }), systemClock);
const serve = createServe({ ...store, allowance, earnCredit: () => {}, clock: systemClock, metrics, log });
const unused = (): never => {
  throw new Error('only fetches are measured');
};
const listener = await listen(
  {
    address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
    transport: {
      kind: 'tls',
      directory: null,
      certificate: join(directory, 'cert.pem'),
      key: join(directory, 'key.pem'),
    },
    log,
  },
  (app) =>
    publicRoutes(app, {
      handlers: {
        serves: (asked) => asked === domain,
        ...serve,
        domainAnswer: unused,
        userAnswer: unused,
        notify: unused,
        poll: unused,
        introductions: unused,
        accept: unused,
        readCard: unused,
        readCopy: unused,
        setPreferences: unused,
        watch: unused,
      },
      digests: { claimed: claimedDigest, createSha256 },
      metrics,
      log,
    }),
);
const pathOf = (id: Uint8Array): string => `${publicPath}m/${textOf(id)}/payload`;
const served: Served = { port: listener.port, small: smallIds.map(pathOf), large: largeIds.map(pathOf) };
process.on('disconnect', () => process.exit());
process.send?.(served);
