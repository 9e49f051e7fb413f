/** Whether a validating resolver vouched for what was answered: its AD flag, where it is believed. */
import test from 'ava';
import { AUTHENTIC_DATA, RECURSION_AVAILABLE } from 'dns-packet';
import type { Answer } from 'dns-packet';
import { createDiscover } from '../../src/dns/discover.ts';
import { formatDomainTxt } from '../../src/dns/domain-txt.ts';
import { createResolver } from '../../src/dns/resolver.ts';
import type { ResolverOptions } from '../../src/dns/resolver.ts';
import { resolvingServers } from '../../src/dns/servers.ts';
import { cname, reply, soa, startLiar, type Lie } from '../support/lying-dns.ts';

const fingerprint = new Uint8Array(32).fill(7);
const base = { ttl: 1, class: 'IN' } as const;
const srvOf = (name: string, target = 'post.hoster.test'): Answer => ({
  ...base,
  type: 'SRV',
  name,
  data: { priority: 0, weight: 0, port: 443, target },
});
const records: readonly Answer[] = [
  srvOf('_beckon._tcp.a.test'),
  srvOf('_beckon._udp.a.test'),
  {
    ...base,
    type: 'TXT',
    name: '_beckon.a.test',
    data: formatDomainTxt({ fingerprints: [fingerprint], gone: null }),
  },
];
const mx: Answer = { ...base, type: 'MX', name: 'a.test', data: { preference: 1, exchange: 'mx.a.test' } };

/** Answers from some records, with the AD flag where `validated` says so of a question ("TYPE name"). */
const validating =
  (zone: readonly Answer[], validated: (question: string) => boolean): Lie =>
  (query) => {
    const { name, type } = query.question;
    const answers = zone.filter((record) => record.name === name && [type, 'CNAME'].includes(record.type));
    const ad = query.wantsAd && validated(`${type} ${name}`) ? AUTHENTIC_DATA : 0;
    const authorities = answers.length > 0 ? [] : [soa('test')];
    return reply(query, { answers, authorities, flags: RECURSION_AVAILABLE | ad });
  };

async function discover(lie: Lie, options: ResolverOptions = {}) {
  await using server = await startLiar(lie);
  const resolver = createResolver({ servers: [server.address], timeoutMs: 60_000, tries: 1, ...options });
  return await createDiscover(resolver).discoverDomain('a.test');
}

test('a native domain is validated where its SRV record and its TXT record are', async (t) => {
  t.like(await discover(validating(records, () => true)), { kind: 'native', dnssec: true });
  t.like(await discover(validating(records, (name) => name !== 'SRV _beckon._udp.a.test')), { dnssec: true });
});

for (const missing of ['SRV _beckon._tcp.a.test', 'TXT _beckon.a.test'])
  test(`a native domain is not validated where ${missing} is not`, async (t) => {
    const outcome = await discover(validating(records, (name) => name !== missing));
    t.like(outcome, { kind: 'native', dnssec: false });
  });

test('the word of a resolver that is not asked for it does not count', async (t) => {
  t.like(
    await discover(
      validating(records, () => true),
      { dnssec: 'off' },
    ),
    { kind: 'native', dnssec: false },
  );
});

test('a legacy domain says whether the absence was proven', async (t) => {
  const proven = await discover(validating([mx], () => true));
  t.deepEqual(proven, { kind: 'legacy', mx: [{ host: 'mx.a.test', priority: 1 }], dnssec: true });
  // It is the missing record that counts; who takes the mail is for SMTP to check.
  t.like(await discover(validating([mx], (name) => name.startsWith('SRV'))), {
    kind: 'legacy',
    dnssec: true,
  });
  t.like(await discover(validating([mx], (name) => name.startsWith('MX'))), {
    kind: 'legacy',
    dnssec: false,
  });
  const notOffered = [srvOf('_beckon._tcp.a.test', '.'), mx];
  t.like(await discover(validating(notOffered, () => true)), { kind: 'legacy', dnssec: true });
  const address: Answer = { ...base, type: 'A', name: 'a.test', data: '192.0.2.1' };
  t.like(await discover(validating([address], () => true)), { kind: 'legacy', dnssec: true });
});

test('a chain of aliases is validated as a whole, by who follows it', async (t) => {
  const aliased = validating(
    [
      ...records.slice(0, 2),
      cname('_beckon.a.test', 'txt.hoster.test'),
      { ...records[2]!, name: 'txt.hoster.test' },
    ],
    (name) => name.startsWith('SRV'),
  );
  const following: Lie = (query) => {
    if (query.question.type !== 'TXT') return aliased(query);
    const answers = [cname('_beckon.a.test', 'txt.hoster.test'), { ...records[2]!, name: 'txt.hoster.test' }];
    return reply(query, { answers });
  };
  t.like(await discover(following), { kind: 'native', dnssec: false, fingerprints: [fingerprint] });
});

test('addresses count as validated where those of all families that there are do', async (t) => {
  const zone: Answer[] = [
    { ...base, type: 'A', name: 'h.test', data: '192.0.2.1' },
    { ...base, type: 'AAAA', name: 'h.test', data: '2001:db8::1' },
    { ...base, type: 'A', name: 'four.test', data: '192.0.2.1' },
  ];
  await using server = await startLiar(
    validating(zone, (name) => name !== 'AAAA h.test' && name !== 'AAAA four.test'),
  );
  const { address } = createResolver({ servers: [server.address], timeoutMs: 60_000, tries: 1 });
  t.like(await address('h.test'), { kind: 'found', records: ['192.0.2.1', '2001:db8::1'], dnssec: false });
  t.like(await address('four.test'), { kind: 'found', dnssec: true });
  t.like(await address('none.test'), { kind: 'absent', dnssec: true });
});

test('only a resolver on this machine is believed', (t) => {
  const trusted = (servers: readonly string[], mode: 'auto' | 'off' = 'auto') =>
    resolvingServers(servers, mode).map((server) => server.trusted);
  t.deepEqual(trusted(['127.0.0.1', '127.0.0.53:53', '[::1]:5300', '::1', '127.1.2.3:5300']), [
    true,
    true,
    true,
    true,
    true,
  ]);
  const others = ['192.0.2.1', '10.0.0.1:53', '[2001:db8::1]:53', '[fe80::1]:53', '169.254.1.1', '0.0.0.0'];
  t.true(trusted(others).every((yes) => !yes));
  t.deepEqual(trusted(['127.0.0.1', '[::1]:53'], 'off'), [false, false]);
});

test('what containers have on loopback only hands on what a far resolver claims', (t) => {
  t.deepEqual(resolvingServers(['127.0.0.11:53'], 'auto'), [
    { address: '127.0.0.11', port: 53, trusted: false },
  ]);
});

test('servers are addresses, with port 53 unless told', (t) => {
  t.deepEqual(resolvingServers(['192.0.2.1', '192.0.2.1:5300', '2001:db8::1', '[2001:db8::1]:5300'], 'off'), [
    { address: '192.0.2.1', port: 53, trusted: false },
    { address: '192.0.2.1', port: 5300, trusted: false },
    { address: '2001:db8::1', port: 53, trusted: false },
    { address: '2001:db8::1', port: 5300, trusted: false },
  ]);
  t.deepEqual(resolvingServers(['fe80::1%eth0'], 'auto'), [
    { address: 'fe80::1%eth0', port: 53, trusted: false },
  ]);
  for (const wrong of ['resolver.test', 'resolver.test:53', '192.0.2.1:99999', '[192.0.2.1]:53', ''])
    t.throws(() => resolvingServers([wrong], 'auto'), { code: 'config_invalid' });
  t.true(resolvingServers([], 'auto').length > 0);
});
