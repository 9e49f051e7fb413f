/** Straight to the servers of a domain: which of them, and what TLS must be, from DNS that answers as DNS does. */
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { AUTHENTIC_DATA, RECURSION_AVAILABLE, type Answer } from 'dns-packet';
import type { MailPolicyOf } from '../../src/bridges/mta-sts.ts';
import { createDirect } from '../../src/bridges/smtp-direct.ts';
import type { MailOutcome, Transport } from '../../src/bridges/transport.ts';
import { createResolver } from '../../src/dns/resolver.ts';
import { createSmtp } from '../../src/outbound/smtp.ts';
import { createTestAuthority } from '../support/certificates.ts';
import { reply, soa, startLiar } from '../support/lying-dns.ts';
import { startSmtpSink, type SmtpSink, type SmtpSinkOptions } from '../support/smtp-sink.ts';

const authority = await createTestAuthority();
const mxHost = 'mx.legacy.test';
const known = await authority.issue([mxHost]);
const own = await (await createTestAuthority()).issue([mxHost]);
const folder = await mkdtemp(join(tmpdir(), 'beckon-direct-'));
const caFile = join(folder, 'ca.pem');
await writeFile(caFile, authority.cert);
test.after.always(() => rm(folder, { recursive: true }));

const base = { ttl: 1, class: 'IN' } as const;
const mxOf = (exchange: string, preference = 10): Answer => ({
  ...base,
  type: 'MX',
  name: 'legacy.test',
  data: { preference, exchange },
});
const addressOf = (name: string): Answer => ({ ...base, type: 'A', name, data: '127.0.0.1' });
const hostsOf = [mxOf(mxHost), addressOf(mxHost)];

const spki = (pem: string): Buffer =>
  new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' });
const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

function tlsaOf(port: number, certificate: Buffer, usage = 3, selector = 1, matchingType = 1): Answer {
  const data = { usage, selector, matchingType, certificate };
  return { ...base, type: 'TLSA', name: `_${port}._tcp.${mxHost}`, data };
}

interface World {
  readonly zone: readonly Answer[];
  /** Questions ("TYPE name") that are not vouched for; all others are, where `signed`. */
  readonly signed?: boolean;
  readonly unsigned?: readonly string[];
  /** Questions that fail. */
  readonly broken?: readonly string[];
  readonly policyOf?: MailPolicyOf;
  readonly port: number;
}

async function direct(t: ExecutionContext, world: World): Promise<Transport> {
  const { zone, signed = false, unsigned = [], broken = [], policyOf = async () => undefined, port } = world;
  const liar = await startLiar((query) => {
    const { name, type } = query.question;
    const question = `${type} ${name}`;
    if (broken.includes(question)) return reply(query, { rcode: 2 });
    const answers = zone.filter((record) => record.name === name && record.type === type);
    const ad = signed && !unsigned.includes(question) ? AUTHENTIC_DATA : 0;
    const authorities = answers.length > 0 ? [] : [soa('test')];
    const exists = zone.some((record) => record.name === name);
    return reply(query, { answers, authorities, flags: RECURSION_AVAILABLE | ad, rcode: exists ? 0 : 3 });
  });
  t.teardown(() => liar[Symbol.asyncDispose]());
  const resolver = createResolver({ servers: [liar.address], timeoutMs: 60_000, tries: 1 });
  const send = createSmtp({
    resolver,
    allow: ['127.0.0.0/8'],
    caFiles: [caFile],
    hello: 'post.alpha.test',
    connectMs: 60_000,
    idleMs: 60_000,
  });
  return createDirect({ resolver, policyOf, send, random: () => 0.5, port });
}

async function sink(t: ExecutionContext, options: SmtpSinkOptions = {}): Promise<SmtpSink> {
  const server = await startSmtpSink(options);
  t.teardown(server.close);
  return server;
}

const job = (to: readonly string[] = ['carol@legacy.test']) => ({
  from: 'alice@alpha.test',
  to,
  async *open() {
    yield Buffer.from('From: alice@alpha.test\r\n\r\nhello\r\n');
  },
});

const enforced =
  (admitted: string): MailPolicyOf =>
  async () => ({
    enforced: true,
    admits: (host) => host === admitted,
  });

const one = ([outcome]: readonly MailOutcome[]): MailOutcome | undefined => outcome;

test('the server of the highest priority that answers gets the mail', async (t) => {
  const server = await sink(t);
  const zone = [mxOf('dead.legacy.test', 1), ...hostsOf, mxOf('third.legacy.test', 30)];
  const outcomes = await (await direct(t, { zone, port: server.port }))(job());
  t.like(one(outcomes), { kind: 'sent', host: mxHost });
  t.is(server.mails.length, 1);
});

test('a domain without MX is its own server', async (t) => {
  const server = await sink(t);
  const outcomes = await (await direct(t, { zone: [addressOf('legacy.test')], port: server.port }))(job());
  t.like(one(outcomes), { kind: 'sent', host: 'legacy.test' });
});

test('a null MX, and a domain that is not there, fail at once', async (t) => {
  const refusing = await direct(t, { zone: [mxOf('.', 0)], port: 1 });
  t.like(one(await refusing(job())), { kind: 'failed', status: '5.1.10' });
  const missing = await direct(t, { zone: [], port: 1 });
  t.like(one(await missing(job())), { kind: 'failed', status: '5.1.2' });
});

test('DNS that fails, and servers that are down, are for later', async (t) => {
  const failing = await direct(t, { zone: hostsOf, broken: ['MX legacy.test'], port: 1 });
  t.like(one(await failing(job())), { kind: 'later', status: '4.4.3' });
  const down = await direct(t, { zone: hostsOf, port: 1 });
  t.like(one(await down(job())), { kind: 'later', status: '4.4.1', host: mxHost });
});

test('recipients of several domains each have their outcome, in order', async (t) => {
  const server = await sink(t, { refuse: (to) => (to.startsWith('gone') ? 550 : undefined) });
  const transport = await direct(t, { zone: hostsOf, port: server.port });
  const outcomes = await transport(job(['x@none.test', 'gone@legacy.test', 'carol@legacy.test']));
  t.deepEqual(
    outcomes.map(({ kind }) => kind),
    ['failed', 'failed', 'sent'],
  );
});

test('DANE: the certificate that DNS names is enough, and another one gets nothing', async (t) => {
  const server = await sink(t, { ...own });
  const named = [...hostsOf, tlsaOf(server.port, sha256(spki(own.cert)))];
  const sent = await (await direct(t, { zone: named, signed: true, port: server.port }))(job());
  t.like(one(sent), { kind: 'sent' });
  const other = [...hostsOf, tlsaOf(server.port, sha256(spki(known.cert)))];
  const refused = await (await direct(t, { zone: other, signed: true, port: server.port }))(job());
  t.like(one(refused), { kind: 'later', status: '4.7.5' });
  t.is(server.mails.length, 1);
});

test('DANE: a server that hides its TLS gets nothing', async (t) => {
  const server = await sink(t);
  const zone = [...hostsOf, tlsaOf(server.port, sha256(spki(own.cert)))];
  t.like(one(await (await direct(t, { zone, signed: true, port: server.port }))(job())), { kind: 'later' });
  t.deepEqual(server.mails, []);
});

test('DANE: an authority that DNS names vouches for the host, and for no other', async (t) => {
  const chained = { key: known.key, cert: known.cert + authority.cert };
  const server = await sink(t, chained);
  const anchor = tlsaOf(server.port, sha256(new X509Certificate(authority.cert).raw), 2, 0);
  const sent = await (
    await direct(t, { zone: [...hostsOf, anchor], signed: true, port: server.port })
  )(job());
  t.like(one(sent), { kind: 'sent' });
  const wrong = await authority.issue(['other.test']);
  const foreign = await sink(t, { key: wrong.key, cert: wrong.cert + authority.cert });
  const named = tlsaOf(foreign.port, sha256(new X509Certificate(authority.cert).raw), 2, 0);
  const refused = await (
    await direct(t, { zone: [...hostsOf, named], signed: true, port: foreign.port })
  )(job());
  t.like(one(refused), { kind: 'later', status: '4.7.5' });
});

test('DANE: where all records are of kinds that do not count, TLS is demanded all the same', async (t) => {
  const server = await sink(t, { ...own });
  const zone = [...hostsOf, tlsaOf(server.port, sha256(spki(known.cert)), 1)];
  t.like(one(await (await direct(t, { zone, signed: true, port: server.port }))(job())), { kind: 'sent' });
  const plain = await sink(t);
  const there = [...hostsOf, tlsaOf(plain.port, sha256(spki(known.cert)), 1)];
  t.like(one(await (await direct(t, { zone: there, signed: true, port: plain.port }))(job())), {
    kind: 'later',
  });
});

test('DANE: TLSA records that cannot be had hold the mail back; unvouched ones do not count', async (t) => {
  const server = await sink(t);
  const question = `TLSA _${server.port}._tcp.${mxHost}`;
  const held = await direct(t, { zone: hostsOf, signed: true, broken: [question], port: server.port });
  t.like(one(await held(job())), { kind: 'later', status: '4.7.5' });
  t.deepEqual(server.mails, []);
  const zone = [...hostsOf, tlsaOf(server.port, sha256(spki(own.cert)))];
  const free = await direct(t, { zone, signed: true, unsigned: [question], port: server.port });
  t.like(one(await free(job())), { kind: 'sent' });
});

test('MTA-STS: only servers that the policy names, under a valid certificate', async (t) => {
  const good = await sink(t, { ...known });
  const world = { zone: hostsOf, port: good.port };
  const admitted = await direct(t, { ...world, policyOf: enforced(mxHost) });
  t.like(one(await admitted(job())), { kind: 'sent' });
  const excluded = await direct(t, { ...world, policyOf: enforced('mx.other.test') });
  t.like(one(await excluded(job())), { kind: 'later', status: '4.7.5' });
  const bad = await sink(t, { ...own });
  const invalid = await direct(t, { zone: hostsOf, port: bad.port, policyOf: enforced(mxHost) });
  t.like(one(await invalid(job())), { kind: 'later', status: '4.7.5' });
  t.deepEqual([good.mails.length, bad.mails.length], [1, 0]);
});
