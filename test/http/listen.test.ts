import test, { type ExecutionContext } from 'ava';
import { once } from 'node:events';
import { linkSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2, constants } from 'node:http2';
import { connect as connectTcp, createServer, type Socket } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { Agent } from 'undici';
import { codeOf } from '../../src/errors.ts';
import { warnOfCertificates } from '../../src/http/certificates.ts';
import { listen, type ListenOptions } from '../../src/http/listen.ts';
import { silentLog, type LogFields } from '../../src/log.ts';
import { problem } from '../../src/wire/collect.ts';
import { decode } from '../../src/wire/schema.ts';
import { inTime } from '../support/in-time.ts';
import { asker, certificateDirectory, prefix, quick, serve, writePair, type Served } from './public-stub.ts';

const names = ['beckon.alpha.test', 'beckon.beta.test'];
const served = (domain: string) => domain === 'alpha.test' || domain === 'beta.test';

interface Secure extends Served {
  readonly ca: string;
  readonly directory: string;
  readonly authority: Awaited<ReturnType<typeof certificateDirectory>>['authority'];
}

async function serveTls(t: ExecutionContext, limits = quick): Promise<Secure> {
  const { directory, authority } = await certificateDirectory(names);
  const transport = { kind: 'tls', directory, certificate: null, key: null } as const;
  const server = await serve(t, { serves: served }, { transport, limits });
  return { ...server, ca: authority.cert, directory, authority };
}

async function handshake(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connectTls({ port, host: '127.0.0.1', ...options });
  await once(socket, 'secureConnect');
  return socket;
}

test('TLS 1.3, and nothing below', async (t) => {
  const { listener, ca } = await serveTls(t);
  const servername = names[0] as string;
  const socket = await handshake(listener.port, { ca, servername });
  t.is(socket.getProtocol(), 'TLSv1.3');
  socket.destroy();
  await t.throwsAsync(handshake(listener.port, { ca, servername, maxVersion: 'TLSv1.2' }));
});

test('the certificate is that of the server name; other names and none are refused', async (t) => {
  const { listener, ca } = await serveTls(t);
  for (const servername of [...names, 'BECKON.beta.test']) {
    const socket = await handshake(listener.port, { ca, servername });
    t.is(socket.getPeerCertificate().subjectaltname, `DNS:${servername.toLowerCase()}`);
    socket.destroy();
  }
  await t.throwsAsync(handshake(listener.port, { ca, servername: 'beckon.gamma.test' }));
  await t.throwsAsync(handshake(listener.port, { ca, servername: '', checkServerIdentity: () => undefined }));
});

test('domains without a certificate, and those whose ends, are named in the log', async (t) => {
  const { listener } = await serveTls(t);
  const warned: unknown[] = [];
  const log = {
    ...silentLog,
    warn: (event: string, fields?: LogFields) => void warned.push([event, fields]),
  };
  const until = listener.certifiedUntil('beckon.alpha.test') ?? 0;
  const warnAt = (now: number): unknown[] => {
    warned.length = 0;
    warnOfCertificates(listener.certifiedUntil, ['alpha.test', 'gamma.test'], now, log);
    return [...warned];
  };
  const missing = [
    'no certificate: nobody reaches this domain; get one, then: beckon reload',
    { domain: 'gamma.test', name: 'beckon.gamma.test' },
  ];
  const alpha = { domain: 'alpha.test', name: 'beckon.alpha.test' };
  t.deepEqual(warnAt(until - 8 * 86_400), [missing]);
  t.deepEqual(warnAt(until - 3 * 86_400), [
    ['the certificate ends soon: renew it', { ...alpha, days: 3 }],
    missing,
  ]);
  t.deepEqual(warnAt(until), [
    ['the certificate has ended: nobody reaches this domain; renew it', alpha],
    missing,
  ]);
});

test('a default pair serves the names that have none of their own', async (t) => {
  const { directory, authority } = await certificateDirectory([]);
  const { cert, key } = await authority.issue(names);
  writePair(directory, cert, key);
  const transport = {
    kind: 'tls',
    directory: null,
    certificate: join(directory, 'fullchain.pem'),
    key: join(directory, 'privkey.pem'),
  } as const;
  const { listener } = await serve(t, {}, { transport });
  for (const servername of names)
    (await handshake(listener.port, { ca: authority.cert, servername })).destroy();
  t.pass();
});

test('a reload takes new certificates, and keeps the old where the new are broken', async (t) => {
  const { listener, ca, directory, authority } = await serveTls(t);
  const servername = names[0] as string;
  const serial = async (): Promise<string> => {
    const socket = await handshake(listener.port, { ca, servername });
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };
  const first = await serial();
  const { cert, key } = await authority.issue([servername]);
  writePair(join(directory, servername), cert, key);
  t.is(await serial(), first);
  await listener.reload();
  const second = await serial();
  t.not(second, first);

  writeFileSync(join(directory, servername, 'fullchain.pem'), 'nonsense');
  const error = await t.throwsAsync(listener.reload());
  t.is(codeOf(error), 'tls_failed');
  t.regex(error.message, /fullchain\.pem/);
  t.is(await serial(), second);
  rmSync(join(directory, servername, 'privkey.pem'));
  t.is(codeOf(await t.throwsAsync(listener.reload())), 'tls_failed');
});

test('HTTP/1.1 and HTTP/2 over one port give the same answers', async (t) => {
  const { listener, ca } = await serveTls(t);
  const dispatcher = new Agent({ connect: { ca, servername: names[0] } });
  t.teardown(() => dispatcher.destroy());
  const first = await asker(`https://127.0.0.1:${listener.port}`, dispatcher)('domains/alpha.test');
  t.deepEqual([first.status, first.body], [200, Uint8Array.of(1)]);

  const session = connectHttp2(`https://127.0.0.1:${listener.port}`, { ca, servername: names[0] as string });
  t.teardown(() => session.destroy());
  const ask = async (path: string, method = 'GET', body?: Uint8Array) => {
    const stream = session.request({
      ':path': prefix + path,
      ':method': method,
      ':authority': 'beckon.alpha.test',
      'content-type': 'application/beckon+cbor',
    });
    stream.end(body);
    const [headers] = (await once(stream, 'response')) as [Record<string, string | number>];
    return { status: headers[':status'], body: Buffer.concat(await stream.toArray()) };
  };
  t.deepEqual(await ask('domains/alpha.test'), { status: 200, body: Buffer.of(1) });
  t.is((await ask('domains/beta.test')).status, 404);
  t.is((await ask('ledger')).status, 501);
  t.is((await ask('notify', 'POST', new Uint8Array(512))).status, 204);
  const large = await ask('poll', 'POST', new Uint8Array(1024 * 1024 + 1));
  t.is(decode(problem, large.body).code, 'too_large');
});

test('the name of the certificate does not decide, Host does', async (t) => {
  const { listener, ca } = await serveTls(t);
  for (const [host, answer] of [
    ['beckon.beta.test', /^HTTP\/1\.1 200 /],
    ['beckon.gamma.test', /^HTTP\/1\.1 404 .*not_found/s],
  ] as const) {
    const socket = await handshake(listener.port, { ca, servername: names[0] });
    const path = `${prefix}domains/${host.slice('beckon.'.length)}`;
    t.regex(
      await exchange(socket, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`),
      answer,
    );
  }
});

/** Sends `text` and gives all that comes back until the server closes, whether or not it still read. */
async function exchange(socket: Socket, text: string): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => {});
  socket.write(text);
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
  return Buffer.concat(chunks).toString('latin1');
}

async function tcp(t: ExecutionContext, port: number): Promise<Socket> {
  const socket = connectTcp(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** One limit at a time is short: a slow machine may reach any. */
const patient = { ...quick, handshakeMs: 60_000, headersMs: 60_000, idleMs: 60_000, checkMs: 20 };

test('slow clients are cut off: in the headers, in the body, and silent ones', async (t) => {
  const limits = { ...patient, headersMs: 50, requestMs: 100 };
  const { listener, asked } = await serve(t, {}, { limits });
  const slowHeaders = await exchange(await tcp(t, listener.port), 'GET / HTTP/1.1\r\nHost: a\r\nX: ');
  t.regex(slowHeaders, /^HTTP\/1\.1 400 .*request_invalid/s);
  const head = `POST ${prefix}poll HTTP/1.1\r\nHost: beckon.alpha.test\r\nContent-Type: application/beckon+cbor\r\n`;
  const slowBody = await exchange(await tcp(t, listener.port), `${head}Content-Length: 100\r\n\r\nab`);
  t.notRegex(slowBody, /HTTP\/1\.1 200/);
  t.regex(await exchange(await tcp(t, listener.port), ''), /^(HTTP\/1\.1 400 .*)?$/s);
  t.deepEqual(asked.calls, []);
});

test('slow clients are cut off over TLS too: before the handshake, HTTP/1.1, HTTP/2', async (t) => {
  const mute = await serveTls(t, { ...patient, handshakeMs: 100 });
  t.is(await exchange(await tcp(t, mute.listener.port), ''), '');

  const servername = names[0] as string;
  const { listener, ca } = await serveTls(t, { ...patient, headersMs: 100 });
  const http1 = await handshake(listener.port, { ca, servername, ALPNProtocols: ['http/1.1'] });
  t.regex(await exchange(http1, 'GET / HTTP/1.1\r\nHost: a\r\nX: '), /request_invalid/);

  await inTime(async (idleMs) => {
    const idle = await serveTls(t, { ...patient, idleMs });
    const session = connectHttp2(`https://127.0.0.1:${idle.listener.port}`, { ca: idle.ca, servername });
    session.on('error', () => {});
    const closed = new Promise((resolve) => session.once('close', resolve));
    const stream = session.request(
      {
        ':path': `${prefix}poll`,
        ':method': 'POST',
        ':authority': servername,
        'content-type': 'application/beckon+cbor',
      },
      { endStream: false },
    );
    stream.on('error', () => {});
    stream.resume();
    stream.write('a');
    await new Promise((resolve) => stream.once('close', resolve));
    await closed;
    return stream.rstCode === constants.NGHTTP2_CANCEL;
  });
});

test('a reader that stands still is cut off', async (t) => {
  const returned = Promise.withResolvers<void>();
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield new Uint8Array(65_536);
    } finally {
      returned.resolve();
    }
  }
  const readPayload = async () => ({
    size: 2 ** 40,
    hash: new Uint8Array(32),
    open: endless,
    fetched: () => t.fail(),
  });
  await inTime(async (idleMs) => {
    const { listener } = await serve(t, { readPayload }, { limits: { ...patient, idleMs } });
    const socket = await tcp(t, listener.port);
    socket.on('error', () => {});
    socket.write(`GET ${prefix}m/x/payload HTTP/1.1\r\nHost: beckon.alpha.test\r\n\r\n`);
    const begun = await new Promise<boolean>((resolve) => {
      socket.once('data', () => resolve(true)).once('close', () => resolve(false));
    });
    socket.pause();
    return begun;
  });
  await returned.promise;
  t.pass();
});

test('headers over their limit, and what is not HTTP', async (t) => {
  const { listener, ask } = await serve(t);
  const large = `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`;
  t.regex(await exchange(await tcp(t, listener.port), large), /^HTTP\/1\.1 413 .*too_large/s);
  t.regex(await exchange(await tcp(t, listener.port), 'hello\r\n\r\n'), /^HTTP\/1\.1 400 .*request_invalid/s);
  t.regex(await exchange(await tcp(t, listener.port), 'GET / HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 400 /);
  t.is((await ask('domains/alpha.test')).status, 200);
});

test('behind a proxy: only proxies may connect, and they are believed about the address', async (t) => {
  const address = { kind: 'tcp', host: '', port: 0 } as const;
  const { asked, listener, ask } = await serve(t, {}, { address, transport: { kind: 'proxy', trusted: [] } });
  const headers = { 'x-forwarded-for': '192.0.2.9', 'x-forwarded-host': 'beckon.gamma.test' };
  await ask('notify', { method: 'POST', body: new Uint8Array(512), headers });
  await ask('domains/alpha.test');
  t.deepEqual(
    asked.calls.map(([, domain, , source]) => [domain, source]),
    [['alpha.test', '192.0.2.9']],
  );

  const own = await serve(t);
  await own.ask('notify', { method: 'POST', body: new Uint8Array(512), headers });
  await own.ask('domains/alpha.test');
  t.is(own.asked.calls[0]?.[3], '127.0.0.1');
  t.true(listener.port > 0);
});

test('behind a proxy on a unix socket: what the client itself forwards is not believed', async (t) => {
  const path = join(mkdtempSync(join(tmpdir(), 'beckon-socket-')), 's');
  const address = { kind: 'unix', path, mode: 0o600 } as const;
  const { asked } = await serve(t, {}, { address, transport: { kind: 'proxy', trusted: [] } });
  const socket = connectTcp(path);
  const head = `POST ${prefix}notify HTTP/1.1\r\nHost: beckon.alpha.test\r\nConnection: close\r\n`;
  const forwarded = 'X-Forwarded-For: 6.6.6.6, 192.0.2.9\r\nContent-Length: 512\r\n\r\n';
  t.regex(await exchange(socket, head + forwarded + 'x'.repeat(512)), /^HTTP\/1\.1 204 /);
  while (asked.calls.length === 0) await turn();
  t.is(asked.calls[0]?.[3], '192.0.2.9');
});

test('addresses of sockets of both IP versions are shown plainly', async (t) => {
  const { asked, ask } = await serve(t, {}, { address: { kind: 'tcp', host: '', port: 0 } });
  await ask('notify', { method: 'POST', body: new Uint8Array(512) });
  while (asked.calls.length === 0) await turn();
  t.is(asked.calls[0]?.[3], '127.0.0.1');
});

test('noise of any kind leaves the server up', async (t) => {
  const { listener, ca } = await serveTls(t, { ...patient, headersMs: 100, requestMs: 100 });
  const servername = names[0] as string;
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  const noise = (): Buffer => Buffer.from(Array.from({ length: 300 }, () => Math.floor(Math.random() * 256)));
  const opened = await Promise.all(
    Array.from({ length: 24 }, async (_, at) => {
      if (at % 3 === 0) return { socket: await tcp(t, listener.port), sent: noise() };
      const ALPNProtocols = [at % 3 === 1 ? 'h2' : 'http/1.1'];
      const socket = await handshake(listener.port, { ca, servername, ALPNProtocols });
      return { socket, sent: at % 3 === 1 ? Buffer.concat([preface, noise()]) : noise() };
    }),
  );
  for (const { socket, sent } of opened) {
    socket.on('error', () => {});
    socket.end(sent);
  }
  await Promise.all(opened.map(({ socket }) => socket.toArray().catch(() => [])));
  const head = `GET ${prefix}domains/alpha.test HTTP/1.1\r\nHost: beckon.alpha.test\r\nConnection: close\r\n\r\n`;
  for (let answer = ''; !answer.startsWith('HTTP/1.1 200 ');)
    answer = await exchange(await handshake(listener.port, { ca, servername }), head);
  t.pass();
});

test('behind a proxy: strangers are turned away before they speak', async (t) => {
  const outside = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')?.address;
  if (outside === undefined) {
    t.pass('this machine has loopback only');
    return;
  }
  const address = { kind: 'tcp', host: '', port: 0 } as const;
  const { listener } = await serve(t, {}, { address, transport: { kind: 'proxy', trusted: [] } });
  const socket = connectTcp({ port: listener.port, host: outside, localAddress: outside });
  t.is(await exchange(socket, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n').catch(() => ''), '');
});

test('unix sockets: their mode, a stale one, one in use, a file that is none', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'beckon-socket-'));
  const path = join(directory, 's');
  const options: ListenOptions = {
    address: { kind: 'unix', path, mode: 0o660 },
    transport: { kind: 'proxy', trusted: [] },
    limits: quick,
    log: silentLog,
  };
  const listener = await listen(options, () => {});
  t.is(statSync(path).mode & 0o777, 0o660);
  t.is(listener.port, 0);
  t.is(codeOf(await t.throwsAsync(listen(options, () => {}))), 'exists');
  await listener.close();

  const deep = join(directory, 'run', 'beckon', 's');
  const inNew = await listen({ ...options, address: { kind: 'unix', path: deep, mode: 0o600 } }, () => {});
  t.is(statSync(deep).mode & 0o777, 0o600);
  await inNew.close();

  const stale = join(directory, 'stale');
  await leaveSocketBehind(stale);
  const second = await listen({ ...options, address: { kind: 'unix', path: stale, mode: 0o600 } }, () => {});
  t.is(statSync(stale).mode & 0o777, 0o600);
  await second.close();

  const file = join(directory, 'file');
  writeFileSync(file, 'x');
  const wrong = listen({ ...options, address: { kind: 'unix', path: file, mode: 0o600 } }, () => {});
  t.is(codeOf(await t.throwsAsync(wrong)), 'exists');
  const below = listen(
    { ...options, address: { kind: 'unix', path: join(file, 's'), mode: 0o600 } },
    () => {},
  );
  t.is(codeOf(await t.throwsAsync(below)), 'network_failed');
});

/** As a process that was killed does: the name stays, nobody listens. */
async function leaveSocketBehind(path: string): Promise<void> {
  const server = createServer();
  server.listen(`${path}.first`);
  await once(server, 'listening');
  linkSync(`${path}.first`, path);
  server.close();
  await once(server, 'close');
}

test('a port in use is network_failed, broken certificates are tls_failed', async (t) => {
  const { listener } = await serve(t);
  const base = { limits: quick, log: silentLog, transport: { kind: 'plain' } } as const;
  const taken = listen(
    { ...base, address: { kind: 'tcp', host: '127.0.0.1', port: listener.port } },
    () => {},
  );
  const error = await t.throwsAsync(taken);
  t.is(codeOf(error), 'network_failed');
  t.is(error.message, `cannot listen at 127.0.0.1:${listener.port} (EADDRINUSE)`);
  const transport = { kind: 'tls', directory: null, certificate: '/nowhere', key: '/nowhere' } as const;
  const unreadable = listen(
    { ...base, transport, address: { kind: 'tcp', host: '127.0.0.1', port: 0 } },
    () => {},
  );
  t.is(codeOf(await t.throwsAsync(unreadable)), 'tls_failed');
});

test('closing ends idle connections at once and busy ones after a while', async (t) => {
  const entered = Promise.withResolvers<void>();
  const { listener } = await serve(t, {
    domainAnswer: () => {
      entered.resolve();
      return new Promise<never>(() => {});
    },
  });
  const idle = await tcp(t, listener.port);
  const busy = await tcp(t, listener.port);
  busy.write(`GET ${prefix}domains/alpha.test HTTP/1.1\r\nHost: beckon.alpha.test\r\n\r\n`);
  await entered.promise;
  await Promise.all([listener.close(), idle.toArray(), busy.toArray().catch(() => [])]);
  await t.throwsAsync(tcp(t, listener.port), { code: 'ECONNREFUSED' });
});
