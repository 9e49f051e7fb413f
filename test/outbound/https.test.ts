import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { Resolver } from '../../src/dns/resolver.ts';
import { codeOf } from '../../src/errors.ts';
import { createHttps } from '../../src/outbound/https.ts';
import type { Https, HttpsOptions, HttpsRequest } from '../../src/outbound/https.ts';
import { createTestAuthority } from '../support/certificates.ts';
import { loopback, startDns } from '../support/dns-server.ts';
import { startHttps } from '../support/https-server.ts';
import type { TestHttpsOptions } from '../support/https-server.ts';
import { inTime } from '../support/in-time.ts';

const domain = 'a.test';
const names = ['beckon.a.test'];
const authority = await createTestAuthority();
const folder = await mkdtemp(join(tmpdir(), 'beckon-https-'));
const caFile = join(folder, 'ca.pem');
await writeFile(caFile, authority.cert);
test.after.always(() => rm(folder, { recursive: true }));

/** A client that trusts the test authority and may dial loopback, and what it needs to find `post.test`. */
async function start(t: ExecutionContext, options: Partial<HttpsOptions> = {}): Promise<Https> {
  const dns = await startDns(loopback('post.test', 'second.test'));
  const https = createHttps({
    resolver: dns.resolver,
    allow: ['127.0.0.0/8'],
    caFiles: [caFile],
    timeouts: { connectMs: 60_000, patienceMs: 120_000 },
    ...options,
  });
  t.teardown(async () => {
    await https.close();
    await dns.close();
  });
  return https;
}

async function serve(t: ExecutionContext, options: Partial<TestHttpsOptions> = {}) {
  const server = await startHttps({ authority, names, ...options });
  t.teardown(server.close);
  return server;
}

/** Ends with its patience, after the server was asked. */
async function losesPatience(
  t: ExecutionContext,
  { port, requests }: Awaited<ReturnType<typeof serve>>,
  request: Partial<HttpsRequest> & { path: string },
): Promise<void> {
  await inTime(async (patienceMs) => {
    const https = await start(t, { timeouts: { connectMs: 60_000, patienceMs } });
    const path = `${request.path}?${patienceMs}`;
    await t.throwsAsync(https.request(get(port, { ...request, path })), { code: 'network_failed' }, path);
    const asked = requests.filter(({ url }) => url === path).length;
    t.true(asked <= 1, path);
    return asked === 1;
  });
}

/** Whether all of the body came. */
async function isSound(body: Promise<unknown>): Promise<boolean> {
  return await body.then(
    () => true,
    (error: unknown) => {
      if (codeOf(error) === 'network_failed') return false;
      throw error;
    },
  );
}

const get = (port: number, more: Partial<HttpsRequest> = {}): HttpsRequest => ({
  domain,
  targets: [{ host: 'post.test', port }],
  method: 'GET',
  path: '/.well-known/beckon/x?y=1',
  maxBytes: 1000,
  ...more,
});

/** Nobody listens there, and nobody will: one that was just closed may be another process's. */
const closedPort = 1;

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

test("name, Host and authority are the domain's, wherever the target leads", async (t) => {
  const server = await serve(t, {
    handle(request, response) {
      response.setHeader('X-Two', ['a', 'b']);
      response.end(request.headers['accept-encoding']);
    },
  });
  const https = await start(t);
  const answer = await https.request(
    get(server.port, { headers: { Host: 'evil.test', 'Accept-Encoding': 'gzip' } }),
  );
  t.is(answer.status, 200);
  t.is(answer.headers['x-two'], 'a, b');
  t.is(text(answer.body), 'identity');
  t.like(server.requests, [
    { method: 'GET', url: '/.well-known/beckon/x?y=1', host: 'beckon.a.test', servername: 'beckon.a.test' },
  ]);
});

test('bodies of both kinds arrive whole', async (t) => {
  const server = await serve(t, { handle: (request, response) => void request.pipe(response) });
  const https = await start(t);
  const body = new Uint8Array(300_000).map((_, i) => i);
  const maxBytes = body.length;
  const one = await https.request(get(server.port, { method: 'POST', body, maxBytes }));
  t.deepEqual(one.body, body);
  t.is(one.body.constructor, Uint8Array);
  async function* pieces() {
    yield body.subarray(0, 1000);
    yield body.subarray(1000);
  }
  const two = await https.request(get(server.port, { method: 'POST', body: pieces(), maxBytes }));
  t.deepEqual(two.body, body);
});

test('a failing source of a body fails the request', async (t) => {
  const server = await serve(t, { handle: (request, response) => void request.pipe(response) });
  const https = await start(t);
  async function* pieces(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(10);
    throw new Error('disk gone');
  }
  await t.throwsAsync(https.request(get(server.port, { method: 'POST', body: pieces() })), {
    code: 'network_failed',
  });
});

test('statuses are passed on, redirects are not followed', async (t) => {
  const other = await serve(t);
  const server = await serve(t, {
    handle(request, response) {
      response.writeHead(Number(request.url?.slice(1)), { location: `https://127.0.0.1:${other.port}/` });
      response.end('why');
    },
  });
  const https = await start(t);
  for (const status of [301, 302, 307, 404, 429, 500]) {
    const answer = await https.request(get(server.port, { path: `/${status}` }));
    t.is(answer.status, status);
    t.is(text(answer.body), 'why');
  }
  t.is(other.connections(), 0);
});

test('the body of a failure is kept while small, whatever was expected, and dropped when large', async (t) => {
  const server = await serve(t, {
    handle(request, response) {
      response.writeHead(404).end('x'.repeat(Number(request.url?.slice(1))));
    },
  });
  const https = await start(t);
  t.is((await https.request(get(server.port, { path: '/500', maxBytes: 0 }))).body.length, 500);
  t.like(await https.request(get(server.port, { path: '/17000' })), { status: 404, body: new Uint8Array() });
});

test('more than expected is refused, announced or not', async (t) => {
  const server = await serve(t, {
    handle(request, response) {
      if (request.url === '/announced') response.setHeader('content-length', 1001);
      response.write('x'.repeat(1000));
      response.end('x');
    },
  });
  const https = await start(t);
  for (const path of ['/announced', '/chunked'])
    await t.throwsAsync(https.request(get(server.port, { path })), { code: 'too_large' });
  t.is((await https.request(get(server.port, { path: '/chunked', maxBytes: 1001 }))).body.length, 1001);
});

test('an endless body is cut off', async (t) => {
  const server = await serve(t, {
    handle(_, response) {
      const more = () => {
        while (!response.destroyed && response.write(new Uint8Array(65536)));
      };
      response.on('drain', more);
      more();
    },
  });
  const https = await start(t);
  const { body } = await https.stream(get(server.port, { maxBytes: 1_000_000 }));
  let count = 0;
  const error = await t.throwsAsync(async () => {
    for await (const bytes of body) count += bytes.length;
  });
  t.like(error, { code: 'too_large' });
  t.true(count > 0 && count <= 1_000_000);
});

test('a body left half-way frees its connection', async (t) => {
  const server = await serve(t, {
    handle: (request, response) =>
      void (request.url === '/long' ? response.write('x') : response.end('short')),
  });
  const https = await start(t, { maxPerOrigin: 1 });
  const { body } = await https.stream(get(server.port, { path: '/long' }));
  for await (const bytes of body) {
    t.is(bytes.length, 1);
    break;
  }
  t.is(text((await https.request(get(server.port))).body), 'short');
});

test('silence and trickling end with the patience', async (t) => {
  const server = await serve(t, {
    handle(request, response) {
      if (request.url?.startsWith('/silent')) return;
      response.write('x');
      if (request.url?.startsWith('/stalled')) return;
      const timer = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(timer));
    },
  });
  for (const path of ['/silent', '/stalled', '/trickling']) await losesPatience(t, server, { path });
});

test('a peer that takes no upload ends with the patience', async (t) => {
  const server = await serve(t, { handle: (request) => void request.pause() });
  await losesPatience(t, server, { path: '/', method: 'POST', body: new Uint8Array(64 << 20) });
});

test('an event stream may trickle', async (t) => {
  let pause = 0;
  const server = await serve(t, {
    async handle(_, response) {
      for (let i = 0; i < 10; i++) {
        response.write('x');
        await sleep(pause);
      }
      response.end();
    },
  });
  await inTime(async (patienceMs) => {
    // In all longer than any patience, that of a stream of events too.
    pause = patienceMs / 4;
    const https = await start(t, { timeouts: { patienceMs } });
    const answer = https.request(get(server.port, { eventStream: true }));
    return (await isSound(answer)) && (await answer).body.length === 10;
  });
  t.pass();
});

test("a slow consumer is not the peer's fault", async (t) => {
  const server = await serve(t, { handle: (_, response) => void response.end(new Uint8Array(3_000_000)) });
  const read = async (https: Https, pause: number) => {
    const { body } = await https.stream(get(server.port, { maxBytes: 3_000_000 }));
    let count = 0;
    for await (const bytes of body) {
      if (count === 0) await sleep(pause);
      count += bytes.length;
    }
    t.is(count, 3_000_000);
  };
  await inTime(async (patienceMs) =>
    isSound(read(await start(t, { timeouts: { patienceMs } }), patienceMs * 1.5)),
  );
});

test('a body that breaks off is a failure, not an end', async (t) => {
  const server = await serve(t, {
    handle(request, response) {
      if (request.url === '/announced') response.setHeader('content-length', 500);
      response.write('x'.repeat(100), () => response.destroy());
    },
  });
  const https = await start(t);
  for (const path of ['/announced', '/chunked'])
    await t.throwsAsync(https.request(get(server.port, { path })), { code: 'network_failed' });
});

test('a header without end is refused', async (t) => {
  const server = await serve(t, {
    handle: (_, response) => void response.setHeader('x-large', 'x'.repeat(20_000)).end(),
  });
  const https = await start(t);
  await t.throwsAsync(https.request(get(server.port)), { code: 'too_large' });
});

test('what is not HTTP is a failure', async (t) => {
  const server = await serve(t, { handle: (_, response) => void response.socket?.end('hello\r\n\r\n') });
  const https = await start(t);
  await t.throwsAsync(https.request(get(server.port)), { code: 'network_failed' });
});

test("a certificate for another name is refused, even the target's own", async (t) => {
  const server = await serve(t, { names: ['post.test', 'a.test', 'beckon.b.test'] });
  const https = await start(t);
  await t.throwsAsync(https.request(get(server.port)), { code: 'tls_failed' });
  t.deepEqual(server.requests, []);
});

test('an unknown authority is refused', async (t) => {
  const server = await serve(t, { authority: await createTestAuthority() });
  const https = await start(t);
  await t.throwsAsync(https.request(get(server.port)), { code: 'tls_failed' });
  const plain = await start(t, { caFiles: [] });
  const known = await serve(t);
  await t.throwsAsync(plain.request(get(known.port)), { code: 'tls_failed' });
  t.deepEqual([...server.requests, ...known.requests], []);
});

test('TLS 1.2 is refused', async (t) => {
  const server = await serve(t, { maxVersion: 'TLSv1.2' });
  const https = await start(t);
  await t.throwsAsync(https.request(get(server.port)), { code: 'tls_failed' });
});

test('any certificate will do for a record that proves itself, and its connection serves nothing else', async (t) => {
  const server = await serve(t, { authority: await createTestAuthority(), names: ['other.test'] });
  const https = await start(t);
  const unverified = get(server.port, { verifyCertificate: false });
  t.is(text((await https.request(unverified)).body), 'ok');
  t.is(text((await https.request(unverified)).body), 'ok');
  t.is(server.connections(), 2);
  await t.throwsAsync(https.request(get(server.port)), { code: 'tls_failed' });
});

test('connections are kept for one domain and never shared by two', async (t) => {
  const server = await serve(t, { names: ['beckon.a.test', 'beckon.b.test'] });
  const https = await start(t);
  for (const name of ['a.test', 'b.test', 'a.test', 'b.test'])
    await https.request(get(server.port, { domain: name }));
  t.deepEqual(
    server.requests.map(({ host, servername, connection }) => [host, servername, connection]),
    [
      ['beckon.a.test', 'beckon.a.test', 1],
      ['beckon.b.test', 'beckon.b.test', 2],
      ['beckon.a.test', 'beckon.a.test', 1],
      ['beckon.b.test', 'beckon.b.test', 2],
    ],
  );
});

test('no more connections than allowed', async (t) => {
  const server = await serve(t);
  const https = await start(t, { maxPerOrigin: 2 });
  const answers = await Promise.all(Array.from({ length: 10 }, () => https.request(get(server.port))));
  t.is(answers.length, 10);
  t.true(server.connections() <= 2);
});

test('the next target is used when one cannot be reached, fails TLS or has no address', async (t) => {
  const wrong = await serve(t, { names: ['beckon.b.test'] });
  const server = await serve(t);
  const good = { host: 'second.test', port: server.port };
  for (const bad of [
    { host: 'post.test', port: closedPort },
    { host: 'post.test', port: wrong.port },
    { host: 'nowhere.test', port: server.port },
    { host: '127.0.0.1', port: server.port },
  ]) {
    const https = await start(t);
    t.is((await https.request(get(0, { targets: [bad, good] }))).status, 200);
  }
  t.deepEqual(wrong.requests, []);
});

test('a failed domain works again with new targets', async (t) => {
  const server = await serve(t);
  const https = await start(t);
  await t.throwsAsync(https.request(get(closedPort)), { code: 'network_failed' });
  t.is((await https.request(get(server.port))).status, 200);
});

test('failures to reach any target have their code', async (t) => {
  const https = await start(t);
  const port = closedPort;
  const codes: [HttpsRequest['targets'], string][] = [
    [[], 'network_failed'],
    [[{ host: 'post.test', port }], 'network_failed'],
    [[{ host: 'nowhere.test', port }], 'network_failed'],
    [[{ host: '127.0.0.1', port }], 'network_refused'],
    [
      [
        { host: '127.0.0.1', port },
        { host: 'post.test', port },
      ],
      'network_failed',
    ],
  ];
  for (const [targets, code] of codes) await t.throwsAsync(https.request(get(0, { targets })), { code });
});

test('IP addresses are no targets, however written, allowed or not', async (t) => {
  const server = await serve(t);
  for (const allow of [[], ['127.0.0.0/8', '::/0']]) {
    const https = await start(t, { allow });
    for (const host of [
      '127.0.0.1',
      '127.1',
      '2130706433',
      '0x7f000001',
      '0177.0.0.1',
      '[::1]',
      '::1',
      '::ffff:127.0.0.1',
    ])
      await t.throwsAsync(https.request(get(0, { targets: [{ host, port: server.port }] })), {
        code: 'network_refused',
      });
  }
  t.is(server.connections(), 0);
});

test('names that lead to private addresses are refused unless allowed', async (t) => {
  const server = await serve(t);
  const https = await start(t, { allow: [] });
  await t.throwsAsync(https.request(get(server.port)), { code: 'network_refused' });
  t.is(server.connections(), 0);
});

test('a name that changes its address between two look-ups gains nothing', async (t) => {
  const server = await serve(t);
  let lookups = 0;
  // Allowed at the first look, loopback at each later one.
  const address: Resolver['address'] = async () => ({
    kind: 'found',
    records: [lookups++ === 0 ? '127.0.0.2' : '127.0.0.1'],
    dnssec: false,
  });
  const dns = await startDns();
  const https = await start(t, { resolver: { ...dns.resolver, address }, allow: ['127.0.0.2/32'] });
  await t.throwsAsync(https.request(get(server.port)), { code: 'network_failed' });
  t.is(lookups, 1);
  await t.throwsAsync(https.request(get(server.port)), { code: 'network_refused' });
  t.is(server.connections(), 0);
  await dns.close();
});

test('a server that never speaks TLS is given up, and the next target used', async (t) => {
  const mute = createServer((socket) => socket.on('error', () => {}).resume());
  const port = await listening(mute);
  t.teardown(() => mute.close());
  const server = await serve(t);
  const targets = [
    { host: 'post.test', port },
    { host: 'post.test', port: server.port },
  ];
  await inTime(async (connectMs) => {
    const https = await start(t, { timeouts: { connectMs, patienceMs: 120_000 } });
    await t.throwsAsync(https.request(get(port)), { code: 'network_failed' });
    const answer = https.request(get(0, { targets }));
    return (await isSound(answer)) && (await answer).status === 200;
  });
});

test('the caller can abort, and close ends what is under way', async (t) => {
  const server = await serve(t, { handle: () => {} });
  const https = await start(t);
  const controller = new AbortController();
  const aborted = https.request(get(server.port, { signal: controller.signal }));
  const closed = https.request(get(server.port));
  await until(() => server.requests.length === 2);
  controller.abort();
  await t.throwsAsync(aborted, { code: 'network_failed' });
  await https.close();
  await t.throwsAsync(closed, { code: 'network_failed' });
});

test('the caller can abort while a server lets us wait for a connection', async (t) => {
  const silent = createServer((socket) => void socket.on('error', () => {}));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const https = await start(t, { timeouts: { connectMs: 60_000, patienceMs: 60_000 } });
  const controller = new AbortController();
  const { port } = silent.address() as { port: number };
  const aborted = https.request(get(port, { signal: controller.signal }));
  await once(silent, 'connection');
  controller.abort();
  await t.throwsAsync(aborted, { code: 'network_failed' });
  await t.throwsAsync(https.request(get(port, { signal: AbortSignal.abort() })), { code: 'network_failed' });
  silent.close();
});

test('domains that are not canonical are refused', async (t) => {
  const https = await start(t);
  for (const name of ['A.test', 'a.test/x', '127.0.0.1', 'a.test:443', 'x@a.test'])
    await t.throwsAsync(https.request(get(1, { domain: name })), { code: 'domain_invalid' });
});

test('a broken configuration stops at once', async (t) => {
  const dns = await startDns();
  const broken = join(folder, 'broken.pem');
  await writeFile(broken, 'no certificate');
  for (const options of [{ caFiles: [join(folder, 'none.pem')] }, { caFiles: [broken] }, { allow: ['10/8'] }])
    t.throws(() => createHttps({ resolver: dns.resolver, ...options }), { code: 'config_invalid' });
  await dns.close();
});

async function listening(server: ReturnType<typeof createServer>): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  return typeof bound === 'object' && bound !== null ? bound.port : 0;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}
