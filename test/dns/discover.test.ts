import test from 'ava';
import { createDiscover } from '../../src/dns/discover.ts';
import { formatDomainTxt } from '../../src/dns/domain-txt.ts';
import type { DnsRecord } from '../../src/dns/record.ts';
import { startDns } from '../support/dns-server.ts';
import type { TestDns } from '../support/dns-server.ts';

const fingerprint = new Uint8Array(32).fill(7);
const gone = new Uint8Array(69).fill(8);
const tcp = (target = 'post.hoster.test', priority = 0): DnsRecord => ({
  type: 'SRV',
  name: '_beckon._tcp.a.test',
  priority,
  weight: 0,
  port: 443,
  target,
});
const udp: DnsRecord = {
  type: 'SRV',
  name: '_beckon._udp.a.test',
  priority: 0,
  weight: 0,
  port: 4620,
  target: 'post.hoster.test',
};
const txt = (text = formatDomainTxt({ fingerprints: [fingerprint], gone: null })): DnsRecord => ({
  type: 'TXT',
  name: '_beckon.a.test',
  text,
});
const mx = (exchange: string, priority = 10): DnsRecord => ({
  type: 'MX',
  name: 'a.test',
  priority,
  exchange,
});
const address: DnsRecord = { type: 'A', name: 'a.test', address: '192.0.2.1' };

const native = {
  kind: 'native',
  targets: [{ host: 'post.hoster.test', port: 443 }],
  udpTargets: [{ host: 'post.hoster.test', port: 4620 }],
  fingerprints: [fingerprint],
  gone: null,
  dnssec: false,
};

const outcomes: [string, DnsRecord[], unknown][] = [
  ['SRV and TXT make a domain native', [tcp(), udp, txt()], native],
  ['it stays native beside an MX', [tcp(), udp, txt(), mx('mx.a.test')], native],
  ['without UDP record there is the HTTPS door only', [tcp(), txt()], { ...native, udpTargets: [] }],
  [
    'so it is with the UDP target "."',
    [tcp(), txt(), { ...udp, target: '.' }],
    { ...native, udpTargets: [] },
  ],
  [
    'targets come by priority, without "."',
    [tcp('b.test', 2), tcp('.', 0), tcp('a.test', 1), udp, txt()],
    {
      ...native,
      targets: [
        { host: 'a.test', port: 443 },
        { host: 'b.test', port: 443 },
      ],
    },
  ],
  [
    'a leaving domain is native still, and says so',
    [tcp(), udp, txt(formatDomainTxt({ fingerprints: [fingerprint], gone }))],
    { ...native, gone },
  ],
  [
    "all records may be aliases into the hoster's zone",
    [
      { type: 'CNAME', name: '_beckon._tcp.a.test', target: 'srv.hoster.test' },
      { type: 'CNAME', name: '_beckon._udp.a.test', target: 'udp.hoster.test' },
      { type: 'CNAME', name: '_beckon.a.test', target: 'txt.hoster.test' },
      { ...tcp(), name: 'srv.hoster.test' },
      { ...udp, name: 'udp.hoster.test' },
      { ...txt(), name: 'txt.hoster.test' },
    ],
    native,
  ],
  ['a missing TXT is later', [tcp(), udp], { kind: 'later', reason: 'txt_missing' }],
  ['a foreign TXT is a missing one', [tcp(), txt('v=spf1 -all')], { kind: 'later', reason: 'txt_missing' }],
  ['a malformed TXT is later', [tcp(), txt('v=beckon1; id=AA')], { kind: 'later', reason: 'txt_malformed' }],
  [
    'a TXT that only says gone is later, beside SRV',
    [tcp(), txt(formatDomainTxt({ fingerprints: [], gone }))],
    { kind: 'later', reason: 'txt_missing' },
  ],
  ['two TXT records are later', [tcp(), txt(), txt()], { kind: 'later', reason: 'txt_ambiguous' }],
  ['SRV that leads nowhere is later', [tcp('10.0.0.1'), txt()], { kind: 'later', reason: 'srv_malformed' }],
  [
    'no SRV but MX is legacy, by priority',
    [mx('b.test', 20), mx('a.test', 10)],
    {
      kind: 'legacy',
      dnssec: false,
      mx: [
        { host: 'a.test', priority: 10 },
        { host: 'b.test', priority: 20 },
      ],
    },
  ],
  [
    'the SRV target "." counts as no record',
    [tcp('.'), txt(), mx('mx.test')],
    {
      kind: 'legacy',
      dnssec: false,
      mx: [{ host: 'mx.test', priority: 10 }],
    },
  ],
  [
    'an address without MX takes mail',
    [address],
    { kind: 'legacy', dnssec: false, mx: [{ host: 'a.test', priority: 0 }] },
  ],
  [
    'so does an IPv6 address',
    [{ type: 'AAAA', name: 'a.test', address: '2001:db8::1' }],
    { kind: 'legacy', dnssec: false, mx: [{ host: 'a.test', priority: 0 }] },
  ],
  ['null MX is none, whatever the address', [mx('.', 0), address], { kind: 'none', reason: 'null_mx' }],
  [
    'null MX beside a real one is not null',
    [mx('.', 0), mx('mx.test')],
    {
      kind: 'legacy',
      dnssec: false,
      mx: [{ host: 'mx.test', priority: 10 }],
    },
  ],
  ['an MX that is no host is later', [mx('192.0.2.1')], { kind: 'later', reason: 'mx_malformed' }],
  ['no such domain is none', [], { kind: 'none', reason: 'no_such_domain' }],
  ['neither MX nor address is none', [txt()], { kind: 'none', reason: 'no_mail' }],
];
for (const [name, records, expected] of outcomes)
  test(name, async (t) => {
    await using dns = await startDns(records);
    t.deepEqual<unknown, unknown>(await discover(dns), expected);
  });

const all = [tcp(), udp, txt(), mx('mx.test'), address];
const mailOnly = [mx('mx.test'), address];
const faults: [string, DnsRecord[], string, DnsRecord['type']][] = [
  ['the SRV record', all, '_beckon._tcp.a.test', 'SRV'],
  ['the TXT record', all, '_beckon.a.test', 'TXT'],
  ['the UDP record', all, '_beckon._udp.a.test', 'SRV'],
  ['the SRV record of a legacy domain', mailOnly, '_beckon._tcp.a.test', 'SRV'],
  ['the MX of a legacy domain', mailOnly, 'a.test', 'MX'],
  ['the address of a domain without MX', [address], 'a.test', 'A'],
];
for (const [what, records, name, type] of faults)
  test(`a failure to read ${what} is later`, async (t) => {
    await using dns = await startDns(records);
    for (const fault of ['servfail', 'refused', 'malformed'] as const) {
      dns.fail(name, fault, type);
      t.deepEqual(await discover(dns), { kind: 'later', reason: fault });
    }
    await using hasty = await startDns(records);
    hasty.fail(name, 'silent', type);
    t.deepEqual(await discover(hasty), { kind: 'later', reason: 'timeout' });
  });

test('only canonical names are asked for', async (t) => {
  await using dns = await startDns(all);
  for (const name of ['A.test', 'a.test.', 'test', '', 'a..test', '127.0.0.1', 'bücher.test', 'a.test/x'])
    await t.throwsAsync(createDiscover(dns.resolver).discoverDomain(name), { code: 'domain_invalid' });
  t.deepEqual(dns.questions, []);
});

test('for a legacy domain no record of ours but the first is asked for', async (t) => {
  await using dns = await startDns(mailOnly);
  await discover(dns);
  t.deepEqual(dns.questions, ['SRV _beckon._tcp.a.test', 'MX a.test']);
});

async function discover(dns: TestDns) {
  return createDiscover(dns.resolver, () => 0).discoverDomain('a.test');
}
