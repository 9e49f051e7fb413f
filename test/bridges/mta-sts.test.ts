/** The policy of a mail domain: found, kept, and not lost to who stands between. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createMailPolicies } from '../../src/bridges/mta-sts.ts';
import { createFetchPolicyFile } from '../../src/outbound/policy-file.ts';
import { createTestAuthority } from '../support/certificates.ts';
import { memoryCache } from '../support/directory-cache.ts';
import { loopback, startDns } from '../support/dns-server.ts';

const authority = await createTestAuthority();
const certificate = await authority.issue(['mta-sts.legacy.test']);
const folder = await mkdtemp(join(tmpdir(), 'beckon-mta-sts-'));
const caFile = join(folder, 'ca.pem');
await writeFile(caFile, authority.cert);
test.after.always(() => rm(folder, { recursive: true }));

const domain = 'legacy.test';
const host = `mta-sts.${domain}`;
const txt = (id: string) => ({
  type: 'TXT' as const,
  name: `_mta-sts.${domain}`,
  text: `v=STSv1; id=${id};`,
});
const policy = (mx: string, maxAge = 1000): string =>
  `version: STSv1\nmode: enforce\nmx: ${mx}\nmax_age: ${maxAge}\n`;

interface Answer {
  status?: number;
  type?: string;
  body: string;
}

/** A policy host whose answer can be changed, and a clock that can be moved. */
async function start(t: ExecutionContext, answer: Answer, cert = certificate) {
  const world = { answer, now: 1_000_000, asked: 0 };
  const server: Server = createServer(cert, (_request, response) => {
    world.asked++;
    const { status = 200, type = 'text/plain', body } = world.answer;
    response.writeHead(status, { 'content-type': type, location: 'https://elsewhere.test/' }).end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const dns = await startDns([...loopback(host), txt('one')]);
  t.teardown(async () => {
    server.close();
    await dns.close();
  });
  const fetchFile = createFetchPolicyFile({
    resolver: dns.resolver,
    allow: ['127.0.0.0/8'],
    caFiles: [caFile],
    port: (server.address() as { port: number }).port,
    timeoutMs: 60_000,
  });
  const cache = memoryCache();
  const policyOf = createMailPolicies({
    resolver: dns.resolver,
    fetchFile,
    cache,
    clock: { seconds: () => world.now, monotonic: () => 0 },
  });
  return { world, dns, policyOf };
}

test('a policy names the servers, with wildcards for one label', async (t) => {
  const { policyOf, world } = await start(t, { body: policy('*.mail.test') });
  const found = await policyOf(domain);
  t.is(found?.enforced, true);
  t.deepEqual(
    ['a.mail.test', 'a.b.mail.test', 'mail.test', 'evil.test'].map((name) => found?.admits(name)),
    [true, false, false, false],
  );
  await policyOf(domain);
  t.is(world.asked, 1, 'what is kept is not asked for again');
});

test('a new id brings a new policy', async (t) => {
  const { policyOf, world, dns } = await start(t, { body: policy('mx.one.test') });
  await policyOf(domain);
  world.answer = { body: policy('mx.two.test') };
  dns.set([...loopback(host), txt('two')]);
  t.true((await policyOf(domain))?.admits('mx.two.test'));
});

test('what was seen stands until its end, whoever takes away record or file', async (t) => {
  const { policyOf, world, dns } = await start(t, { body: policy('mx.one.test') });
  await policyOf(domain);
  dns.set(loopback(host));
  t.true((await policyOf(domain))?.enforced);
  dns.set([...loopback(host), txt('two')]);
  world.answer = { status: 404, body: '' };
  t.true((await policyOf(domain))?.admits('mx.one.test'));
  dns.fail(`_mta-sts.${domain}`, 'servfail');
  t.true((await policyOf(domain))?.enforced);
  world.now += 1000;
  t.is(await policyOf(domain), undefined);
});

test('a policy that stays is read again after a day, so that its end moves on', async (t) => {
  const { policyOf, world } = await start(t, { body: policy('mx.one.test', 100_000) });
  await policyOf(domain);
  world.now += 90_000;
  await policyOf(domain);
  world.now += 90_000;
  world.answer = { status: 500, body: '' };
  t.true((await policyOf(domain))?.enforced);
});

const refused: readonly (readonly [string, Answer])[] = [
  ['a redirect', { status: 302, body: policy('mx.one.test') }],
  ['a page', { type: 'text/html', body: policy('mx.one.test') }],
  ['nonsense', { body: 'hello' }],
  ['too much', { body: policy('mx.one.test') + 'x'.repeat(70_000) }],
];
for (const [name, answer] of refused)
  test(`is no policy: ${name}`, async (t) => {
    const { policyOf } = await start(t, answer);
    t.is(await policyOf(domain), undefined);
  });

test('is no policy: one under a certificate for another name, or of nobody', async (t) => {
  const body = policy('mx.one.test');
  const other = await start(t, { body }, await authority.issue(['legacy.test']));
  t.is(await other.policyOf(domain), undefined);
  const nobody = await start(t, { body }, await (await createTestAuthority()).issue([host]));
  t.is(await nobody.policyOf(domain), undefined);
});
