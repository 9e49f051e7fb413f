/** The daemon's public listener on loopback, with what a benchmark measures behind it. */
import { join } from 'node:path';
import type { Clock } from '../src/clock.ts';
import { createSha256 } from '../src/crypto/kdf.ts';
import { createFetchAllowance } from '../src/fetch/allowance.ts';
import { createServe, type Serve } from '../src/fetch/serve.ts';
import { listen } from '../src/http/listen.ts';
import type { PublicHandlers } from '../src/http/public-handlers.ts';
import { publicRoutes } from '../src/http/public.ts';
import { silentLog as log } from '../src/log.ts';
import { claimedDigest } from '../src/message/http-signature.ts';
import { createMetrics } from '../src/metrics.ts';
import type { Store } from '../src/store/api/store.ts';

const metrics = createMetrics();

/** Serves messages without bound: most of what is measured would be refused otherwise. */
export function serveAll(store: Store, clock: Clock): Serve {
  const allowance = createFetchAllowance(async () => ({ fetches: Infinity, egress: Infinity }), clock);
  return createServe({ ...store, allowance, earnCredit: () => {}, clock, metrics, log });
}

/** Listens for one domain, and gives the port; what `handlers` leaves out is an error. With TLS where a directory holds `cert.pem` and `key.pem`. */
export async function listenPublicly(
  domain: string,
  handlers: Partial<PublicHandlers>,
  certificates?: string,
): Promise<number> {
  const transport =
    certificates === undefined
      ? ({ kind: 'plain' } as const)
      : ({
          kind: 'tls',
          directory: null,
          certificate: join(certificates, 'cert.pem'),
          key: join(certificates, 'key.pem'),
        } as const);
  const { port } = await listen(
    { address: { kind: 'tcp', host: '127.0.0.1', port: 0 }, transport, log },
    (app) =>
      publicRoutes(app, {
        handlers: { ...unused, serves: (asked) => asked === domain, ...handlers },
        digests: { claimed: claimedDigest, createSha256 },
        metrics,
        log,
      }),
  );
  return port;
}

function fail(): never {
  throw new Error('this is not measured');
}

const unused: Omit<PublicHandlers, 'serves'> = {
  domainAnswer: fail,
  userAnswer: fail,
  readMessage: fail,
  readPayload: fail,
  readCard: fail,
  readCopy: fail,
  notify: fail,
  poll: fail,
  introductions: fail,
  watchIntroductions: fail,
  accept: fail,
  setPreferences: fail,
  watch: fail,
};
