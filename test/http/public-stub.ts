/** A public interface over handlers that record what they were asked, on real sockets. */
import type { ExecutionContext } from 'ava';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request, type Dispatcher } from 'undici';
import { claimedDigest } from '../../src/message/http-signature.ts';
import { createSha256 } from '../../src/crypto/kdf.ts';
import { listen, type Listener, type ListenOptions } from '../../src/http/listen.ts';
import { defaultHttpLimits, type HttpLimits } from '../../src/http/limits.ts';
import { publicRoutes } from '../../src/http/public.ts';
import type { PublicHandlers } from '../../src/http/public-handlers.ts';
import type { BodyDigests } from '../../src/http/signed-request.ts';
import { silentLog } from '../../src/log.ts';
import { createMetrics } from '../../src/metrics.ts';
import { problem, type Problem } from '../../src/wire/collect.ts';
import { decode } from '../../src/wire/schema.ts';
import { createTestAuthority } from '../support/certificates.ts';

export const digests: BodyDigests = { claimed: claimedDigest, createSha256 };
export const prefix = '/.well-known/beckon/';
export const liveId = new Uint8Array(32).fill(7);
export const payloadBytes = new Uint8Array(10_000).map((_, at) => at % 251);
export const payloadHash = new Uint8Array(createHash('sha256').update(payloadBytes).digest());

export const quick: HttpLimits = { ...defaultHttpLimits, closeMs: 50 };

export interface Asked {
  readonly calls: [name: string, ...args: unknown[]][];
  fetched: number;
}

/** Domain `alpha.test`, one message with the id `liveId`. Replace what a test is about. */
export function stubHandlers(asked: Asked, replaced: Partial<PublicHandlers> = {}): PublicHandlers {
  const isLive = (id: Uint8Array) => Buffer.compare(id, liveId) === 0;
  const handlers: PublicHandlers = {
    serves: (domain) => domain === 'alpha.test',
    domainAnswer: async () => Uint8Array.of(1),
    userAnswer: async (_domain, hash) => (hash[0] === 1 ? Uint8Array.of(2) : undefined),
    readCard: async (_domain, id) => (id[0] === 1 ? new Uint8Array(4168).fill(4) : undefined),
    notify: (...args) => void asked.calls.push(['notify', ...args]),
    poll: async (...args) => {
      asked.calls.push(['poll', ...args]);
      return { answers: [{ refs: [] }] };
    },
    setPreferences: async (...args) => void asked.calls.push(['setPreferences', ...args]),
    watch: (...args) => {
      asked.calls.push(['watch', ...args]);
      return (sink) => {
        sink.end();
        return () => undefined;
      };
    },
    introductions: async (...args) => {
      asked.calls.push(['introductions', ...args]);
      return { entries: [] };
    },
    watchIntroductions: async (...args) => {
      asked.calls.push(['watchIntroductions', ...args]);
      return (sink) => {
        sink.end();
        return () => undefined;
      };
    },
    readMessage: async (_domain, id) => (isLive(id) ? Uint8Array.of(3) : undefined),
    readPayload: async (_domain, id) =>
      isLive(id)
        ? { size: payloadBytes.length, hash: payloadHash, open: slices, fetched: () => void asked.fetched++ }
        : undefined,
    async readCopy(...args) {
      asked.calls.push(['readCopy', ...args]);
      if (!isLive(args[1].entry.id)) return undefined;
      return {
        object: Uint8Array.of(3),
        size: payloadBytes.length,
        hash: payloadHash,
        open: (start) => slices(start, payloadBytes.length),
      };
    },
    accept: async (...args) => {
      asked.calls.push(['accept', ...args]);
      return args[1].acceptToken[0] === 1 && isLive(args[1].id);
    },
  };
  return { ...handlers, ...replaced };
}

async function* slices(start: number, end: number): AsyncGenerator<Uint8Array> {
  for (let at = start; at < end; at += 3000) yield payloadBytes.slice(at, Math.min(end, at + 3000));
}

export interface Served {
  readonly asked: Asked;
  readonly listener: Listener;
  ask(path: string, options?: AskOptions): Promise<Answer>;
}

export interface AskOptions {
  readonly method?: Dispatcher.HttpMethod;
  readonly host?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array;
}

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Uint8Array;
  readonly problem: () => Problem;
}

/** Plain HTTP on loopback; closed with the test. */
export async function serve(
  t: ExecutionContext,
  replaced: Partial<PublicHandlers> = {},
  options: Partial<ListenOptions> = {},
): Promise<Served> {
  const asked: Asked = { calls: [], fetched: 0 };
  const parts = {
    handlers: stubHandlers(asked, replaced),
    digests,
    metrics: createMetrics(),
    log: silentLog,
  };
  const listener = await listen(
    {
      address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
      transport: { kind: 'plain' },
      limits: quick,
      log: silentLog,
      ...options,
    },
    (app) => publicRoutes(app, parts),
  );
  t.teardown(() => listener.close());
  const agent = new Agent();
  t.teardown(() => agent.destroy());
  return { asked, listener, ask: asker(`http://127.0.0.1:${listener.port}`, agent) };
}

/** Asks `path` under the public prefix, or from the root where it begins with a slash. */
export function asker(origin: string, dispatcher: Dispatcher): Served['ask'] {
  return async (path, { method = 'GET', host = 'beckon.alpha.test', headers = {}, body } = {}) => {
    const answer = await request(`${origin}${path.startsWith('/') ? path : prefix + path}`, {
      dispatcher,
      method,
      headers: { host, ...headers },
      ...(body === undefined ? {} : { body }),
    });
    const bytes = new Uint8Array(await answer.body.arrayBuffer());
    return {
      status: answer.statusCode,
      headers: answer.headers,
      body: bytes,
      problem: () => decode(problem, bytes),
    };
  };
}

/** A directory with certificates for these names, and the authority to trust. */
export async function certificateDirectory(
  names: readonly string[],
): Promise<{ directory: string; authority: Awaited<ReturnType<typeof createTestAuthority>> }> {
  const authority = await createTestAuthority();
  const directory = mkdtempSync(join(tmpdir(), 'beckon-tls-'));
  for (const name of names) {
    const { cert, key } = await authority.issue([name]);
    writePair(join(directory, name), cert, key);
  }
  return { directory, authority };
}

export function writePair(folder: string, cert: string, key: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'fullchain.pem'), cert);
  writeFileSync(join(folder, 'privkey.pem'), key);
}
