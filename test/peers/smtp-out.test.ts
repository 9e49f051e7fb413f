/** Mail straight to a real Postfix: its certificate as DNSSEC names it (Knot, Unbound), and as a policy of MTA-STS demands. */
import { spawn } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createSmtpTransport } from '../../src/bridges/smtp-transport.ts';
import type { Transport } from '../../src/bridges/transport.ts';
import { createResolver } from '../../src/dns/resolver.ts';
import { createDkimKey } from '../../src/keys/dkim-key.ts';
import { createTestAuthority, type IssuedCertificate } from '../support/certificates.ts';
import { memoryCache } from '../support/directory-cache.ts';
import { testDirectory } from '../support/directory.ts';
import { startSignedDns, type ZoneRecord } from './dns/signed-dns.ts';
import { startPostfix, type Postfix } from './mail/postfix.ts';
import { freePlace } from './server-process.ts';

const dkim = await createDkimKey();
const authority = await createTestAuthority();
const mx = 'mx.legacy.test';
const known = await authority.issue([mx]);
const own = await (await createTestAuthority()).issue([mx]);
const enforcing = {
  text: `version: STSv1\nmode: enforce\nmx: ${mx}\nmax_age: 86400\n`,
  tls: await authority.issue(['mta-sts.legacy.test']),
};
const body = 'hello, world\r\n.a line with a dot\r\nthe end\r\n';

const job = (to: string) => ({
  from: 'alice@alpha.test',
  to: [to],
  async *open() {
    yield Buffer.from(`From: alice@alpha.test\r\nTo: ${to}\r\nSubject: x\r\n\r\n${body}`);
  },
});

interface World {
  readonly tls?: IssuedCertificate;
  readonly zone: 'signed' | 'plain';
  readonly records?: (port: number) => readonly ZoneRecord[];
  /** A policy of MTA-STS, and the certificate of its host. */
  readonly policy?: { readonly text: string; readonly tls: IssuedCertificate };
}

async function start(t: ExecutionContext, world: World): Promise<{ transport: Transport; postfix: Postfix }> {
  const parts = new AsyncDisposableStack();
  t.teardown(() => parts.disposeAsync());
  const dir = parts.use(await testDirectory());
  await chmod(dir.path, 0o755);
  await mkdir(join(dir.path, 'postfix'));
  await writeFile(join(dir.path, 'ca.pem'), authority.cert);
  const postfix = parts.use(
    await startPostfix({
      dir: join(dir.path, 'postfix'),
      domain: 'legacy.test',
      mailboxes: ['carol'],
      ...(world.tls === undefined ? {} : { tls: world.tls }),
    }),
  );
  const policy = await servePolicy(parts, world.policy);
  const dns = parts.use(await startSignedDns({ 'legacy.test': world.zone }));
  await dns.publish('legacy.test', [
    { type: 'MX', name: 'legacy.test', priority: 10, exchange: mx },
    { type: 'A', name: mx, address: '127.0.0.1' },
    { type: 'A', name: 'mta-sts.legacy.test', address: '127.0.0.1' },
    ...(world.policy === undefined
      ? []
      : [{ type: 'TXT' as const, name: '_mta-sts.legacy.test', text: 'v=STSv1; id=one;' }]),
    ...(world.records?.(postfix.port) ?? []),
  ]);
  const transport = createSmtpTransport({
    route: { kind: 'direct' },
    hello: 'post.alpha.test',
    resolver: createResolver({ servers: [dns.resolver] }),
    allow: ['127.0.0.0/8'],
    caFiles: [join(dir.path, 'ca.pem')],
    cache: memoryCache(),
    dkimOf: () => dkim,
    clock: { seconds: () => Math.floor(Date.now() / 1000), monotonic: () => performance.now() },
    random: Math.random,
    ports: { smtp: postfix.port, policy },
  });
  return { transport, postfix };
}

async function servePolicy(parts: AsyncDisposableStack, policy: World['policy']): Promise<number> {
  if (policy === undefined) return (await freePlace('127.0.0.1')).port;
  const server = createServer(policy.tls, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' }).end(policy.text);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  parts.defer(() => void server.close());
  return (server.address() as { port: number }).port;
}

const spkiDigest = ({ cert }: IssuedCertificate): Uint8Array =>
  createHash('sha256')
    .update(new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' }))
    .digest();

const naming =
  (certificate: IssuedCertificate) =>
  (port: number): readonly ZoneRecord[] => [
    {
      type: 'TLSA',
      name: `_${port}._tcp.${mx}`,
      usage: 3,
      selector: 1,
      matchingType: 1,
      data: spkiDigest(certificate),
    },
  ];

/** What another implementation of DKIM says of a mail that went through Postfix. Debian's Python, whatever else is installed. */
async function checkedByDkimpy(mail: string): Promise<string> {
  const script = [
    'import dkim, sys',
    'mail = sys.stdin.buffer.read()',
    'print(dkim.verify(mail, dnsfunc=lambda name, timeout=5: sys.argv[1].encode()))',
  ].join('\n');
  const python = spawn('/usr/bin/python3', ['-c', script, dkim.txt], { stdio: ['pipe', 'pipe', 'inherit'] });
  python.stdin.end(mail.replaceAll('\n', '\r\n'));
  let said = '';
  for await (const piece of python.stdout) said += String(piece);
  return said.trim();
}

async function delivered(postfix: Postfix): Promise<string | undefined> {
  for (let tries = 0; tries < 1000; tries++) {
    const [mail] = await postfix.received('carol');
    if (mail !== undefined) return mail;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return undefined;
}

test('a certificate that DNSSEC names: delivered over TLS, byte for byte', async (t) => {
  const { transport, postfix } = await start(t, { tls: own, zone: 'signed', records: naming(own) });
  t.like((await transport(job('carol@legacy.test')))[0], { kind: 'sent', host: mx });
  const mail = await delivered(postfix);
  t.true(mail?.endsWith(body.replaceAll('\r\n', '\n')), await postfix.log());
  t.regex(mail ?? '', /with ESMTPS/);
  t.regex(mail ?? '', /DKIM-Signature: .* d=alpha\.test;/s);
  t.is(await checkedByDkimpy(mail ?? ''), 'True');
  t.is(await checkedByDkimpy(`From: eve@evil.test\n${mail}`), 'False');
});

test('another certificate than DNSSEC names: nothing is delivered', async (t) => {
  const { transport, postfix } = await start(t, { tls: known, zone: 'signed', records: naming(own) });
  t.like((await transport(job('carol@legacy.test')))[0], { kind: 'later', status: '4.7.5' });
  t.deepEqual(await postfix.received('carol'), []);
  t.false((await postfix.log()).includes('from='));
});

test('DNSSEC names a certificate, and somebody takes STARTTLS away: nothing is delivered', async (t) => {
  const { transport, postfix } = await start(t, { zone: 'signed', records: naming(own) });
  t.like((await transport(job('carol@legacy.test')))[0], { kind: 'later' });
  t.false((await postfix.log()).includes('from='));
});

test('in a zone that is not signed TLSA records do not count', async (t) => {
  const { transport, postfix } = await start(t, { tls: known, zone: 'plain', records: naming(own) });
  t.like((await transport(job('carol@legacy.test')))[0], { kind: 'sent' });
  t.truthy(await delivered(postfix));
});

test('MTA-STS: a valid certificate of a server that the policy names', async (t) => {
  const { transport, postfix } = await start(t, { tls: known, zone: 'plain', policy: enforcing });
  t.like((await transport(job('carol@legacy.test')))[0], { kind: 'sent' });
  t.regex((await delivered(postfix)) ?? '', /with ESMTPS/);
});

test('MTA-STS: a certificate of nobody, or a server that it does not name: nothing is delivered', async (t) => {
  const invalid = await start(t, { tls: own, zone: 'plain', policy: enforcing });
  t.like((await invalid.transport(job('carol@legacy.test')))[0], { kind: 'later', status: '4.7.5' });
  t.false((await invalid.postfix.log()).includes('from='));
  const text = enforcing.text.replace(mx, 'mx.other.test');
  const other = await start(t, { tls: known, zone: 'plain', policy: { ...enforcing, text } });
  t.like((await other.transport(job('carol@legacy.test')))[0], { kind: 'later', status: '4.7.5' });
  t.false((await other.postfix.log()).includes('from='));
});

test('a real server says who is unknown, and it is so for good', async (t) => {
  const { transport } = await start(t, { tls: known, zone: 'plain' });
  t.like((await transport(job('nobody@legacy.test')))[0], { kind: 'failed', status: '5.1.1', reply: 550 });
});
