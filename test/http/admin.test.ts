import test, { type ExecutionContext } from 'ava';
import { mkdtempSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { BeckonError, codeOf } from '../../src/errors.ts';
import { openAdmin, type AdminClient } from '../../src/http/admin-client.ts';
import type { AdminHandlers } from '../../src/http/admin-handlers.ts';
import { adminOperations } from '../../src/http/admin-schemas.ts';
import { adminRoutes } from '../../src/http/admin.ts';
import { listen } from '../../src/http/listen.ts';
import { metricsRoutes } from '../../src/http/metrics.ts';
import { silentLog } from '../../src/log.ts';
import { createMetrics } from '../../src/metrics.ts';
import { quick } from './public-stub.ts';

type Calls = [name: string, ...args: unknown[]][];

/** Every operation answers with its own name and what it was asked. */
function echo(calls: Calls): AdminHandlers {
  const operation =
    (name: string) =>
    async (...args: unknown[]) => {
      calls.push([name, ...args]);
      return await Promise.resolve({ name, args });
    };
  const names = Object.keys(adminOperations);
  return Object.fromEntries(names.map((name) => [name, operation(name)])) as unknown as AdminHandlers;
}

function socketPath(): string {
  return join(mkdtempSync(join(tmpdir(), 'beckon-admin-')), 'admin.sock');
}

async function serveAdmin(
  t: ExecutionContext,
  replaced: Partial<AdminHandlers> = {},
): Promise<{ calls: Calls; client: AdminClient; path: string }> {
  const calls: Calls = [];
  const path = socketPath();
  const listener = await listen(
    {
      address: { kind: 'unix', path, mode: 0o600 },
      transport: { kind: 'plain' },
      limits: quick,
      log: silentLog,
    },
    (app) => adminRoutes(app, { handlers: { ...echo(calls), ...replaced }, log: silentLog }),
  );
  t.teardown(() => listener.close());
  const client = openAdmin(path, 2000);
  t.teardown(() => client.close());
  return { calls, client, path };
}

test('every operation passes through, with its arguments', async (t) => {
  const { client, calls } = await serveAdmin(t);
  const asked: Calls = [
    ['status'],
    ['domains'],
    ['addDomain', 'alpha.test'],
    ['setDomain', 'alpha.test', { transit: 3600, introductions: 'closed', quota: null, contact: 'a@b.c' }],
    ['domainDns', 'alpha.test'],
    ['users', 'alpha.test'],
    ['inviteUser', 'zoë/x@alpha.test'],
    ['reinviteUser', 'zoë/x@alpha.test', { revoke: true }],
    ['removeUser', 'zoë/x?y@alpha.test'],
    ['exportUser', 'zoë@alpha.test', '/tmp/a b'],
    ['suspendUser', 'zoë/x?y#z%2F@alpha.test', true],
    ['suspendUser', 'a@alpha.test', false],
    ['aliases', 'a@alpha.test'],
    ['setAlias', 'zoë@alpha.test', 'info@alpha.test', false],
    ['domainKeys', 'alpha.test'],
    ['rotateKeys', 'alpha.test', ['signing', 'poll'], { key: 'a file' }],
    ['revokeKey', 'alpha.test', '0123456789abcdef', { key: 'a file' }],
    ['publicKeys', 'alpha.test'],
    ['identityKey', 'alpha.test'],
    ['keepIdentityKey', 'alpha.test', { key: 'a file' }],
    ['forgetIdentityKey', 'alpha.test', { key: 'a file' }],
    ['trace', 'abc'],
    ['takedown', 'abc', 'spam'],
    ['queue'],
    ['retryMail', 'abc'],
    ['dropMail', 'abc'],
    ['reload'],
  ];
  const operations = client as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  for (const [name, ...args] of asked)
    t.deepEqual(await operations[name]?.(...args), { name, args }, JSON.stringify([name, args]));
  t.deepEqual(calls, asked);
});

test('errors arrive with their code and words, own faults too', async (t) => {
  for (const error of [
    new BeckonError('config_invalid', 'beckon.toml:3: data: must be a path'),
    new BeckonError('tls_failed', '/x: cannot be used (ENOENT)'),
    new BeckonError('not_found', 'no such domain'),
    new BeckonError('exists', 'it is here'),
  ]) {
    const { client } = await serveAdmin(t, { reload: () => Promise.reject(error) });
    await t.throwsAsync(client.reload(), { code: error.code, message: error.message });
  }
  const { client } = await serveAdmin(t, { reload: () => Promise.reject(new Error('bug')) });
  await t.throwsAsync(client.reload(), { code: 'internal' });
});

test('what is not in the schema is refused before any handler', async (t) => {
  const { client, calls } = await serveAdmin(t);
  const wrong: (() => Promise<unknown>)[] = [
    () => client.addDomain(''),
    () => client.addDomain('x'.repeat(241)),
    () => client.setDomain('alpha.test', { transit: 1 }),
    () => client.setDomain('alpha.test', { introductions: 'maybe' as 'open' }),
    () => client.setDomain('alpha.test', { colour: 'blue' } as object),
    () => client.reinviteUser('a@alpha.test', {} as { revoke: boolean }),
    () => client.suspendUser('a@alpha.test', 'yes' as unknown as boolean),
    () => client.rotateKeys('alpha.test', []),
    () => client.rotateKeys('alpha.test', ['gateway' as 'poll']),
    () => client.rotateKeys('alpha.test', undefined, 'a key' as unknown as object),
    () => client.revokeKey('alpha.test', ''),
    () => client.forgetIdentityKey('alpha.test', undefined as unknown as object),
    () => client.trace('x'.repeat(65)),
    () => client.takedown('abc', 'taste' as 'spam'),
    () => client.retryMail('x'.repeat(65)),
    () => client.dropMail('x'.repeat(65)),
  ];
  for (const ask of wrong) t.is(codeOf(await t.throwsAsync(ask())), 'request_invalid', String(ask));
  t.deepEqual(calls, []);
});

test('unknown operations are unsupported', async (t) => {
  const { path } = await serveAdmin(t);
  const asked = request({ socketPath: path, path: '/admin/nothing' });
  asked.end();
  const [answer] = (await once(asked, 'response')) as [AsyncIterable<Uint8Array> & { statusCode: number }];
  t.is(answer.statusCode, 501);
  t.regex(String(Buffer.concat(await Array.fromAsync(answer))), /"unsupported"/);
});

test('nobody listens, nobody answers, somebody else answers', async (t) => {
  const absent = openAdmin(socketPath());
  t.is(codeOf(await t.throwsAsync(absent.status())), 'unavailable');
  await absent.close();

  const path = socketPath();
  const answers = ['', 'hello', '"text"', 'null', '{"code":"nonsense"}'];
  const server = createServer((asked, answer) => {
    if (asked.url !== '/admin/status') answer.writeHead(418).end(answers.shift());
  });
  server.listen(path);
  await once(server, 'listening');
  t.teardown(() => server.closeAllConnections());
  t.teardown(() => server.close());
  const impatient = openAdmin(path, 100);
  t.teardown(() => impatient.close());
  t.is(codeOf(await t.throwsAsync(impatient.status())), 'unavailable');
  const client = openAdmin(path);
  t.teardown(() => client.close());
  while (answers.length > 0) t.is(codeOf(await t.throwsAsync(client.domains())), 'internal', answers[0]);
});

test('the figures, fresh', async (t) => {
  const metrics = createMetrics();
  const listener = await listen(
    {
      address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
      transport: { kind: 'plain' },
      limits: quick,
      log: silentLog,
    },
    (app) => metricsRoutes(app, { metrics, refresh: async () => metrics.waiting.set(7) }),
  );
  t.teardown(() => listener.close());
  const answer = await fetch(`http://127.0.0.1:${listener.port}/metrics`, {
    headers: { connection: 'close' },
  });
  t.is(answer.status, 200);
  t.regex(answer.headers.get('content-type') ?? '', /^text\/plain/);
  t.regex(await answer.text(), /beckon_waiting_messages 7/);
});
