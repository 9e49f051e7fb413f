import test from 'ava';
import { createResolver } from '../../src/dns/resolver.ts';
import { startDns } from '../support/dns-server.ts';

const records = [
  { type: 'SRV', name: '_s._tcp.a.test', priority: 1, weight: 2, port: 3, target: 'Host.a.test' },
  { type: 'TXT', name: 'long.a.test', text: 'x'.repeat(300) },
  { type: 'TXT', name: 'huge.a.test', text: 'y'.repeat(5000) },
  { type: 'MX', name: 'a.test', priority: 10, exchange: 'mx.a.test' },
  { type: 'A', name: 'both.a.test', address: '192.0.2.1' },
  { type: 'AAAA', name: 'both.a.test', address: '2001:db8::1' },
  { type: 'AAAA', name: 'six.a.test', address: '2001:db8::2' },
  { type: 'CNAME', name: 'alias.a.test', target: 'both.a.test' },
  { type: 'PTR', name: '1.2.0.192.in-addr.arpa', target: 'Both.a.test' },
] as const;

test('found records come as plain values', async (t) => {
  await using dns = await testDns();
  const { resolver } = dns;
  t.deepEqual(await resolver.srv('_s._tcp.a.test'), {
    kind: 'found',
    records: [{ priority: 1, weight: 2, port: 3, target: 'host.a.test' }],
    dnssec: false,
  });
  t.deepEqual(await resolver.mx('a.test'), {
    kind: 'found',
    records: [{ priority: 10, exchange: 'mx.a.test' }],
    dnssec: false,
  });
  t.deepEqual(await resolver.txt('long.a.test'), {
    kind: 'found',
    records: ['x'.repeat(300)],
    dnssec: false,
  });
});

test('an answer too large for a datagram comes over TCP', async (t) => {
  await using dns = await testDns();
  t.deepEqual(await dns.resolver.txt('huge.a.test'), {
    kind: 'found',
    records: ['y'.repeat(5000)],
    dnssec: false,
  });
});

test('addresses of both families are joined, one is enough, aliases are followed', async (t) => {
  await using dns = await testDns();
  const both = { kind: 'found', records: ['192.0.2.1', '2001:db8::1'], dnssec: false };
  t.deepEqual(await dns.resolver.address('both.a.test'), both);
  t.deepEqual(await dns.resolver.address('alias.a.test'), both);
  t.deepEqual(await dns.resolver.address('six.a.test'), {
    kind: 'found',
    records: ['2001:db8::2'],
    dnssec: false,
  });
});

test('one family can be asked for alone, and an address for its names', async (t) => {
  await using dns = await testDns();
  const found = (...records: string[]) => ({ kind: 'found', records, dnssec: false });
  t.deepEqual(await dns.resolver.ipv4('both.a.test'), found('192.0.2.1'));
  t.deepEqual(await dns.resolver.ipv6('alias.a.test'), found('2001:db8::1'));
  t.deepEqual(await dns.resolver.ipv4('six.a.test'), { kind: 'absent', reason: 'nodata', dnssec: false });
  t.deepEqual(await dns.resolver.ptr('1.2.0.192.in-addr.arpa'), found('both.a.test'));
});

test('a missing name and a missing type are absent, each with its reason', async (t) => {
  await using dns = await testDns();
  t.deepEqual(await dns.resolver.txt('nothing.test'), { kind: 'absent', reason: 'nxdomain', dnssec: false });
  t.deepEqual(await dns.resolver.address('nothing.test'), {
    kind: 'absent',
    reason: 'nxdomain',
    dnssec: false,
  });
  t.deepEqual(await dns.resolver.srv('a.test'), { kind: 'absent', reason: 'nodata', dnssec: false });
  t.deepEqual(await dns.resolver.address('a.test'), { kind: 'absent', reason: 'nodata', dnssec: false });
});

for (const [fault, reason] of [
  ['servfail', 'servfail'],
  ['refused', 'refused'],
  ['silent', 'timeout'],
  ['malformed', 'malformed'],
] as const) {
  test(`${fault} is later, never absence`, async (t) => {
    await using dns = await testDns();
    dns.fail('a.test', fault);
    for (const outcome of [
      await dns.resolver.srv('a.test'),
      await dns.resolver.txt('a.test'),
      await dns.resolver.mx('a.test'),
      await dns.resolver.address('a.test'),
    ])
      t.deepEqual(outcome, { kind: 'later', reason });
  });

  test(`after ${fault} the next server is asked`, async (t) => {
    await using broken = await testDns();
    await using sound = await testDns();
    broken.fail('a.test', fault);
    const servers = [broken.address, sound.address];
    // Silence is waited for; on a machine that is slow the sound server is silent for long, too.
    for (const timeoutMs of [100, 1000, 10_000, 60_000]) {
      const { kind } = await createResolver({ servers, timeoutMs, tries: 1 }).mx('a.test');
      if (kind === 'later' && timeoutMs < 60_000) continue;
      t.is(kind, 'found');
      break;
    }
    t.true(broken.questions.includes('MX a.test'));
  });
}

test('a definite answer of the first server stands', async (t) => {
  await using empty = await startDns([]);
  await using full = await testDns();
  const resolver = createResolver({ servers: [empty.address, full.address], timeoutMs: 60_000, tries: 1 });
  t.deepEqual(await resolver.mx('a.test'), { kind: 'absent', reason: 'nxdomain', dnssec: false });
  t.deepEqual(full.questions, []);
});

test('no address of one family and no answer for the other is later', async (t) => {
  await using dns = await testDns();
  dns.fail('a.test', 'servfail', 'AAAA');
  t.deepEqual(await dns.resolver.address('a.test'), { kind: 'later', reason: 'servfail' });
  dns.fail('both.a.test', 'servfail', 'AAAA');
  t.deepEqual(await dns.resolver.address('both.a.test'), {
    kind: 'found',
    records: ['192.0.2.1'],
    dnssec: false,
  });
});

test('nobody listening is later', async (t) => {
  const { mx } = createResolver({ servers: ['127.0.0.1:1'], timeoutMs: 60_000, tries: 1 });
  t.deepEqual(await mx('a.test'), { kind: 'later', reason: 'unreachable' });
});

test('a name that cannot be asked for is later', async (t) => {
  await using dns = await testDns();
  t.deepEqual(await dns.resolver.mx(`${'a'.repeat(64)}.test`), { kind: 'later', reason: 'failed' });
});

const testDns = () => startDns(records);
