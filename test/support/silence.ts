/**
 * Servers that are silent, and no others: patience with a request ends when its server says so. A real one that is short ends sound
 * requests, too, on a busy machine; test/outbound tests that.
 */
import type { ServerResponse } from 'node:http';
import { collect } from '../../src/outbound/body.ts';
import type { Https } from '../../src/outbound/https.ts';
import { silenceError } from '../../src/outbound/silence.ts';
import { authorityOf } from '../../src/wire/domain-name.ts';

export interface Silence {
  /** To be used instead of the one that was given. */
  readonly https: Https;
  /** A route that says nothing, or nothing more: whoever asked has waited long enough. */
  readonly silent: (response: ServerResponse) => void;
}

export function createSilence(real: Https): Silence {
  const underWay = new Map<string, AbortController>();

  const stream: Https['stream'] = (request) => {
    const over = new AbortController();
    underWay.set(`${authorityOf(request.domain)} ${request.path}`, over);
    const signals = request.signal === undefined ? [over.signal] : [over.signal, request.signal];
    return real.stream({ ...request, signal: AbortSignal.any(signals) });
  };
  return {
    https: {
      stream,
      async request(request) {
        const { body, ...head } = await stream(request);
        return { ...head, body: await collect(body) };
      },
      close: () => real.close(),
    },
    silent({ req: { headers, url } }) {
      underWay.get(`${headers.host} ${url}`)?.abort(silenceError('the peer took too long'));
    },
  };
}
