/** An account interface over handlers that record what they were asked; requests are signed as clients sign them. */
import type { ExecutionContext } from 'ava';
import { Agent, request, type Dispatcher } from 'undici';
import { sha256 } from '../../src/crypto/kdf.ts';
import { Secret } from '../../src/crypto/secret.ts';
import { ed25519Public } from '../../src/crypto/sign.ts';
import { BeckonError } from '../../src/errors.ts';
import type { AccountHandlers } from '../../src/http/account-handlers.ts';
import { accountRoutes } from '../../src/http/account.ts';
import { listen, type Listener } from '../../src/http/listen.ts';
import { publicRoutes } from '../../src/http/public.ts';
import { silentLog } from '../../src/log.ts';
import { signRequest, verifyRequest, type Conditions } from '../../src/message/http-signature.ts';
import { createMetrics } from '../../src/metrics.ts';
import { digests, prefix, quick, stubHandlers } from './public-stub.ts';

const seed = new Uint8Array(32).fill(3);
export const device = { publicKey: ed25519Public(seed), secret: new Secret(seed) };
export const now = 1_800_000_000;

function keyPair(value: number) {
  const own = new Uint8Array(32).fill(value);
  return { publicKey: ed25519Public(own), secret: new Secret(own) };
}

/** A key of each kind. */
export const signers = { device, recovery: keyPair(4), pairing: keyPair(5), gateway: keyPair(6) } as const;

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

export const shownDevice = {
  device: new Uint8Array(32).fill(7),
  name: 'the phone',
  added: now,
  kind: 'device',
} as const;

const shownKept = { name: new Uint8Array(32).fill(9), size: 5000, created: now, expires: now + 9 } as const;

export const shownMail = {
  handle: 'b'.repeat(16),
  created: now,
  size: 5000,
  recipients: [
    { state: 'queued', attempts: 1, next: now + 60, code: '4.4.1' },
    { state: 'delivered', attempts: 1, code: '2.0.0' },
  ],
} as const;

const shownGateways = {
  gateways: [
    { kind: 'push', device: new Uint8Array(32).fill(8), created: now, state: 'running', appended: 3 },
  ],
  submission: { host: 'post.alpha.test', tls: 465 },
  push: true,
} as const;

const profile = {
  address: 'ann@alpha.test',
  local: 'ann',
  record: new Uint8Array(300),
  aliases: [{ address: 'a@alpha.test', record: new Uint8Array(1) }, { address: 'b@alpha.test' }],
  devices: [shownDevice],
  state: { size: 9, changed: now },
  used: 5,
  quota: 10,
  keep: 7,
} as const;

export function readable(bytes: Uint8Array) {
  return {
    size: bytes.length,
    hash: sha256(bytes),
    async *open(start: number, end: number) {
      yield bytes.subarray(start, end);
    },
  };
}

export type Calls = [name: string, ...args: unknown[]][];

function stub(calls: Calls, replaced: Partial<AccountHandlers<User>>): AccountHandlers<User> {
  const note = <T>(name: string, args: unknown[], answer: T): Promise<T> => {
    calls.push([name, ...args]);
    return Promise.resolve(answer);
  };
  return {
    serves: (domain) => domain === 'alpha.test',
    async authenticate(domain, signed, kinds) {
      const key = verifyRequest(signed, signed.signature, now);
      const kind = kinds.find((one) => Buffer.compare(key, signers[one].publicKey) === 0);
      if (kind === undefined) throw new BeckonError('unauthorized', 'x');
      return { domain };
    },
    stillSpeaks: async () => {},
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
    user: (...args) => note('user', args, profile),
    addDevice: (...args) => note('addDevice', args, shownDevice),
    removeDevice: (...args) => note('removeDevice', args, undefined),
    setRecovery: (...args) => note('setRecovery', args, undefined),
    openPairing: (...args) => note('openPairing', args, { expires: now }),
    putRecord: (...args) => note('putRecord', args, undefined),
    readState: (...args) => note('readState', args, readable(new Uint8Array(9).fill(8))),
    keep: (...args) => note('keep', args, shownKept),
    readKept: (...args) => note('readKept', args, readable(new Uint8Array(5000).fill(8))),
    listKept: (...args) => note('listKept', args, { items: [shownKept], next: Uint8Array.of(1) }),
    abandonUpload: (...args) => note('abandonUpload', args, undefined),
    removeKept: (...args) => note('removeKept', args, undefined),
    putCard: (...args) => note('putCard', args, undefined),
    setPulls: (...args) => note('setPulls', args, ['set', 'waiting', 'pulled', 'unknown'] as const),
    removeCard: (...args) => note('removeCard', args, undefined),
    submitMail: (...args) => note('submitMail', args, shownMail),
    listMail: (...args) => note('listMail', args, { items: [shownMail], next: Uint8Array.of(1) }),
    mail: (...args) => note('mail', args, shownMail),
    dropMail: (...args) => note('dropMail', args, shownMail),
    gateways: (...args) => note('gateways', args, shownGateways),
    putGateway: (...args) => note('putGateway', args, undefined),
    removeGateway: (...args) => note('removeGateway', args, undefined),
    async writeState(user, { bytes, ...rest }) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of bytes) chunks.push(chunk);
      await note('writeState', [user, rest, new Uint8Array(Buffer.concat(chunks))], undefined);
    },
    ...replaced,
  };
}

type Json = Record<string, unknown>;

export interface AccountAnswer {
  readonly status: number;
  readonly type: string;
  readonly json: Json;
  readonly etag: string | undefined;
  readonly bytes: Uint8Array;
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
  /** Signed, and sent. */
  readonly conditions?: Conditions;
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
      accountRoutes(app, {
        handlers: stub(calls, replaced),
        digests,
        metrics: createMetrics(),
        log: silentLog,
      });
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
  const {
    json,
    host = 'beckon.alpha.test',
    unsigned = false,
    signer = device,
    headers = {},
    conditions = {},
  } = options;
  const body = options.bytes ?? (json === undefined ? undefined : Buffer.from(JSON.stringify(json)));
  const method = options.method ?? (body === undefined ? 'GET' : 'POST');
  const target = `${prefix}account/${path}`;
  const covered = options.signs ?? body;
  const signature = unsigned
    ? {}
    : signRequest({ method, domain: 'alpha.test', target, body: covered, conditions }, signer, now);
  const type = options.bytes === undefined ? 'application/json' : 'application/octet-stream';
  const answer = await request(`http://127.0.0.1:${port}${target}`, {
    dispatcher,
    method,
    headers: {
      host,
      ...signature,
      ...conditions,
      ...(body === undefined ? {} : { 'content-type': type }),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
  });
  const bytes = new Uint8Array(await answer.body.arrayBuffer());
  const answered = String(answer.headers['content-type']);
  const { etag } = answer.headers;
  return {
    status: answer.statusCode,
    type: answered,
    json: answered.includes('json') ? (JSON.parse(new TextDecoder().decode(bytes)) as Json) : {},
    etag: typeof etag === 'string' ? etag : undefined,
    bytes,
  };
}
