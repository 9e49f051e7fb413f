/** An account interface over handlers that record what they were asked; requests are signed as clients sign them. */
import type { ExecutionContext } from 'ava';
import { Agent, request, type Dispatcher } from 'undici';
import { Secret } from '../../src/crypto/secret.ts';
import { ed25519Public } from '../../src/crypto/sign.ts';
import { BeckonError } from '../../src/errors.ts';
import type { AccountHandlers } from '../../src/http/account-handlers.ts';
import { accountRoutes } from '../../src/http/account.ts';
import { listen, type Listener } from '../../src/http/listen.ts';
import { publicRoutes } from '../../src/http/public.ts';
import { silentLog } from '../../src/log.ts';
import { signRequest, verifyRequest } from '../../src/message/http-signature.ts';
import { createMetrics } from '../../src/metrics.ts';
import { digests, prefix, quick, stubHandlers } from './public-stub.ts';

const seed = new Uint8Array(32).fill(3);
export const device = { publicKey: ed25519Public(seed), secret: new Secret(seed) };
export const now = 1_800_000_000;

export interface User {
  readonly domain: string;
}

export const sentMessage = {
  handle: 'a'.repeat(16),
  destination: 'beta.test',
  state: 'stored',
  created: now,
  expires: now,
  size: 9,
} as const;

export type Calls = [name: string, ...args: unknown[]][];

function stub(calls: Calls, replaced: Partial<AccountHandlers<User>>): AccountHandlers<User> {
  const note = <T>(name: string, args: unknown[], answer: T): Promise<T> => {
    calls.push([name, ...args]);
    return Promise.resolve(answer);
  };
  return {
    serves: (domain) => domain === 'alpha.test',
    async authenticate(domain, signed) {
      const key = verifyRequest(signed, signed.signature, now);
      if (Buffer.compare(key, device.publicKey) !== 0) throw new BeckonError('unauthorized', 'x');
      return { domain };
    },
    async enroll(domain, signed, enrolment) {
      verifyRequest(signed, signed.signature, now);
      return await note('enroll', [domain, enrolment], new Uint8Array(32).fill(1));
    },
    reserve: (...args) => note('reserve', args, { ids: [new Uint8Array(32)], expires: now }),
    openUpload: (...args) => note('openUpload', args, { size: 9, received: 0 }),
    uploadProgress: (...args) => note('uploadProgress', args, { size: 9, received: 3 }),
    async writePart(user, upload, part) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of part.bytes) chunks.push(chunk);
      const bytes = new Uint8Array(Buffer.concat(chunks));
      return await note('writePart', [user, upload, part.offset, bytes], {
        size: 9,
        received: part.offset + bytes.length,
      });
    },
    commit: (...args) => note('commit', args, ['a'.repeat(16)]),
    sent: (...args) => note('sent', args, { items: [sentMessage], next: Uint8Array.of(1) }),
    sentMessage: (...args) => note('sentMessage', args, sentMessage),
    retract: (...args) => note('retract', args, 'withdrawn' as const),
    ...replaced,
  };
}

export interface AccountAnswer {
  readonly status: number;
  readonly type: string;
  readonly json: Record<string, unknown>;
}

export interface AskAccount {
  readonly method?: Dispatcher.HttpMethod;
  readonly json?: unknown;
  readonly bytes?: Uint8Array;
  readonly host?: string;
  /** Sign this in place of the body that is sent. */
  readonly signs?: Uint8Array;
  readonly unsigned?: boolean;
  readonly signer?: typeof device;
  readonly headers?: Record<string, string>;
}

export interface AccountServer {
  readonly calls: Calls;
  readonly listener: Listener;
  ask(path: string, options?: AskAccount): Promise<AccountAnswer>;
}

export async function serveAccount(
  t: ExecutionContext,
  replaced: Partial<AccountHandlers<User>> = {},
): Promise<AccountServer> {
  const calls: Calls = [];
  const listener = await listen(
    {
      address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
      transport: { kind: 'plain' },
      limits: quick,
      log: silentLog,
    },
    (app) => {
      const handlers = stubHandlers({ calls: [], fetched: 0 });
      publicRoutes(app, { handlers, digests, metrics: createMetrics(), log: silentLog });
      accountRoutes(app, { handlers: stub(calls, replaced), digests, log: silentLog });
    },
  );
  t.teardown(() => listener.close());
  const dispatcher = new Agent();
  t.teardown(() => dispatcher.destroy());
  return { calls, listener, ask: (path, options = {}) => ask(listener.port, dispatcher, path, options) };
}

async function ask(
  port: number,
  dispatcher: Dispatcher,
  path: string,
  options: AskAccount,
): Promise<AccountAnswer> {
  const { json, host = 'beckon.alpha.test', unsigned = false, signer = device, headers = {} } = options;
  const body = options.bytes ?? (json === undefined ? undefined : Buffer.from(JSON.stringify(json)));
  const method = options.method ?? (body === undefined ? 'GET' : 'POST');
  const target = `${prefix}account/${path}`;
  const covered = options.signs ?? body;
  const signature = unsigned
    ? {}
    : signRequest(
        { method, domain: 'alpha.test', target, ...(covered === undefined ? {} : { body: covered }) },
        signer,
        now,
      );
  const type = options.bytes === undefined ? 'application/json' : 'application/octet-stream';
  const answer = await request(`http://127.0.0.1:${port}${target}`, {
    dispatcher,
    method,
    headers: { host, ...signature, ...(body === undefined ? {} : { 'content-type': type }), ...headers },
    ...(body === undefined ? {} : { body }),
  });
  const text = await answer.body.text();
  return {
    status: answer.statusCode,
    type: String(answer.headers['content-type']),
    json: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
  };
}
