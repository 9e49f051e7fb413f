/** One mail to one server, over real sockets. */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Secret } from '../../src/crypto/secret.ts';
import { createSmtp, type SendSmtp, type SmtpServer } from '../../src/outbound/smtp.ts';
import type { SmtpMail } from '../../src/outbound/smtp-send.ts';
import { createTestAuthority } from '../support/certificates.ts';
import { loopback, startDns } from '../support/dns-server.ts';
import { startSmtpSink, type SmtpSink, type SmtpSinkOptions } from '../support/smtp-sink.ts';

const authority = await createTestAuthority();
const certificate = await authority.issue(['mx.legacy.test']);
const foreign = await (await createTestAuthority()).issue(['mx.legacy.test']);
const folder = await mkdtemp(join(tmpdir(), 'beckon-smtp-'));
const caFile = join(folder, 'ca.pem');
await writeFile(caFile, authority.cert);
test.after.always(() => rm(folder, { recursive: true }));

const text = 'From: alice@alpha.test\r\nSubject: hello\r\n\r\n.dot first\r\nend\r\n';

function mailOf(more: Partial<SmtpMail> = {}, body = text): SmtpMail {
  const bytes = Buffer.from(body);
  return {
    from: 'alice@alpha.test',
    to: ['carol@legacy.test'],
    size: bytes.length,
    eightBit: false,
    async *open() {
      yield bytes;
    },
    ...more,
  };
}

async function start(t: ExecutionContext, allow: readonly string[] = ['127.0.0.0/8']): Promise<SendSmtp> {
  const dns = await startDns(loopback('mx.legacy.test'));
  t.teardown(dns.close);
  return createSmtp({
    resolver: dns.resolver,
    allow,
    caFiles: [caFile],
    hello: 'post.alpha.test',
    connectMs: 60_000,
    idleMs: 60_000,
  });
}

async function sink(t: ExecutionContext, options: SmtpSinkOptions = {}): Promise<SmtpSink> {
  const server = await startSmtpSink(options);
  t.teardown(server.close);
  return server;
}

const serverAt = (port: number, more: Partial<SmtpServer> = {}): SmtpServer => ({
  host: 'mx.legacy.test',
  port,
  tls: { kind: 'opportunistic' },
  ...more,
});

const sent = (status = '2.0.0') => ({
  kind: 'answered' as const,
  outcomes: [{ kind: 'sent' as const, status, reply: 250 }],
});
const unreachable = (status: string) => ({
  kind: 'unreachable' as const,
  outcome: { kind: 'later' as const, status },
});

test('arrives byte for byte, in the clear where nothing else is offered', async (t) => {
  const send = await start(t);
  const server = await sink(t);
  t.deepEqual(await send(serverAt(server.port), mailOf()), sent());
  const [mail] = server.mails;
  t.is(mail?.bytes.toString(), text);
  t.deepEqual([mail?.from, mail?.to, mail?.tls], ['alice@alpha.test', ['carol@legacy.test'], false]);
  t.is(mail?.hello, 'post.alpha.test');
});

test('TLS is used where it is offered, whoever signed the certificate', async (t) => {
  const send = await start(t);
  const server = await sink(t, { ...foreign });
  t.deepEqual(await send(serverAt(server.port), mailOf()), sent());
  t.true(server.mails[0]?.tls);
});

test('where TLS is demanded, none or a wrong one gets nothing', async (t) => {
  const send = await start(t);
  const plain = await sink(t);
  const wrong = await sink(t, { ...foreign });
  for (const kind of ['encrypted', 'verified'] as const)
    t.like(await send(serverAt(plain.port, { tls: { kind } }), mailOf()), { kind: 'unreachable' });
  t.deepEqual(
    await send(serverAt(wrong.port, { tls: { kind: 'verified' } }), mailOf()),
    unreachable('4.7.5'),
  );
  t.deepEqual([...plain.mails, ...wrong.mails], []);
  const right = await sink(t, { ...certificate });
  t.deepEqual(await send(serverAt(right.port, { tls: { kind: 'verified' } }), mailOf()), sent());
});

test('a certificate for another host is refused where one is verified', async (t) => {
  const send = await start(t);
  const other = await sink(t, { ...(await authority.issue(['mx.other.test'])) });
  t.deepEqual(
    await send(serverAt(other.port, { tls: { kind: 'verified' } }), mailOf()),
    unreachable('4.7.5'),
  );
  t.deepEqual(other.mails, []);
});

test('a password is given under TLS only', async (t) => {
  const send = await start(t);
  const login = { user: 'alice', password: new Secret(new TextEncoder().encode('open sesame')) };
  const onAuth: SmtpSinkOptions['onAuth'] = ({ username, password }, _session, done) => {
    if (password === 'open sesame') done(null, { user: username });
    else done(new Error('no'));
  };
  const plain = await sink(t, { onAuth, allowInsecureAuth: true });
  t.like(await send(serverAt(plain.port, { login, tls: { kind: 'none' } }), mailOf()), unreachable('4.7.5'));
  const secure = await sink(t, { ...certificate, onAuth });
  t.deepEqual(await send(serverAt(secure.port, { login, tls: { kind: 'verified' } }), mailOf()), sent());
  t.is(secure.mails[0]?.user, 'alice');
  const wrong = { user: 'alice', password: new Secret(new TextEncoder().encode('wrong')) };
  const refused = await send(serverAt(secure.port, { login: wrong, tls: { kind: 'verified' } }), mailOf());
  t.like(refused, { kind: 'unreachable', outcome: { kind: 'later', status: '4.7.8' } });
});

test('TLS from the first byte', async (t) => {
  const send = await start(t);
  const server = await sink(t, { ...certificate, secure: true });
  const target = serverAt(server.port, { implicit: true, tls: { kind: 'verified' } });
  t.deepEqual(await send(target, mailOf()), sent());
});

test('each recipient has an outcome of its own', async (t) => {
  const send = await start(t);
  const server = await sink(t, {
    refuse: (recipient) => ({ 'gone@legacy.test': 550, 'full@legacy.test': 452 })[recipient],
  });
  const to = ['carol@legacy.test', 'gone@legacy.test', 'full@legacy.test'];
  t.deepEqual(await send(serverAt(server.port), mailOf({ to })), {
    kind: 'answered',
    outcomes: [
      { kind: 'sent', status: '2.0.0', reply: 250 },
      { kind: 'failed', status: '5.0.0', reply: 550 },
      { kind: 'later', status: '4.0.0', reply: 452 },
    ],
  });
  t.deepEqual(server.mails[0]?.to, ['carol@legacy.test']);
});

for (const [code, kind] of [
  [554, 'failed'],
  [451, 'later'],
] as const)
  test(`${code} after the last byte is ${kind}`, async (t) => {
    const send = await start(t);
    const server = await sink(t, { refuseData: () => code });
    const result = await send(serverAt(server.port), mailOf());
    t.like(result, { kind: 'answered', outcomes: [{ kind, reply: code }] });
  });

test('what the server cannot take is not sent to it', async (t) => {
  const send = await start(t);
  const server = await sink(t, { size: 20, hide8BITMIME: true, hideSMTPUTF8: true });
  t.like(await send(serverAt(server.port), mailOf()), { outcomes: [{ kind: 'failed', status: '5.3.4' }] });
  t.like(await send(serverAt(server.port), mailOf({ size: 10, eightBit: true })), {
    outcomes: [{ kind: 'failed', status: '5.6.3' }],
  });
  t.like(await send(serverAt(server.port), mailOf({ size: 10, to: ['jürgen@legacy.test'] })), {
    outcomes: [{ kind: 'failed', status: '5.6.7' }],
  });
  t.deepEqual(server.mails, []);
});

test('private addresses are not dialled unless allowed; a server that the operator names is', async (t) => {
  const send = await start(t, []);
  const server = await sink(t);
  t.deepEqual(await send(serverAt(server.port), mailOf()), unreachable('4.4.1'));
  t.deepEqual(await send(serverAt(server.port, { host: 'localhost', configured: true }), mailOf()), sent());
  t.deepEqual(await send(serverAt(server.port, { host: '127.0.0.1', configured: true }), mailOf()), sent());
});

for (const [name, behave] of [
  ['hangs up at once', ''],
  ['refuses all', '554 go away\r\n'],
  ['speaks something else', 'HTTP/1.1 200 OK\r\n\r\n'],
] as const)
  test(`a server that ${name} is unreachable for now`, async (t) => {
    const send = await start(t);
    const server = createServer((socket) => socket.on('error', () => undefined).end(behave)).listen(
      0,
      '127.0.0.1',
    );
    await once(server, 'listening');
    t.teardown(() => server.close());
    const { port } = server.address() as { port: number };
    t.like(await send(serverAt(port), mailOf()), { kind: 'unreachable', outcome: { kind: 'later' } });
  });

test('a command that hides in an address is not sent', async (t) => {
  const send = await start(t);
  const server = await sink(t);
  const to = ['carol@legacy.test>\r\nRCPT TO:<eve@legacy.test'];
  const result = await send(serverAt(server.port), mailOf({ to }));
  t.like(result, { kind: 'answered', outcomes: [{ kind: 'later' }] });
  t.deepEqual(server.mails, []);
});
