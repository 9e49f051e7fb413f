import test from 'ava';
import { createDiscover } from '../../src/dns/discover.ts';
import { domainRecords, recordLines, recordsJson, zoneText } from '../../src/dns/records.ts';
import { startDns } from '../support/dns-server.ts';

const fingerprint = new Uint8Array(32).fill(255);
const options = {
  domain: 'example.org',
  host: 'post.hoster.net',
  httpsPort: 443,
  udpPort: 4620,
  fingerprint,
};
const text = `v=beckon1; id=${'_'.repeat(42)}8`;

test('four records as aligned lines', (t) => {
  t.deepEqual(recordLines(domainRecords(options)), [
    '_beckon._tcp.example.org.  SRV   0 0 443 post.hoster.net.',
    '_beckon._udp.example.org.  SRV   0 0 4620 post.hoster.net.',
    `_beckon.example.org.       TXT   "${text}"`,
    'beckon.example.org.        CNAME post.hoster.net.',
  ]);
});

test('as zone file text', (t) => {
  t.is(
    zoneText(domainRecords(options), 300),
    [
      '_beckon._tcp.example.org. 300 IN SRV 0 0 443 post.hoster.net.',
      '_beckon._udp.example.org. 300 IN SRV 0 0 4620 post.hoster.net.',
      `_beckon.example.org. 300 IN TXT "${text}"`,
      'beckon.example.org. 300 IN CNAME post.hoster.net.',
      '',
    ].join('\n'),
  );
});

test('as JSON', (t) => {
  t.deepEqual(JSON.parse(recordsJson(domainRecords(options))), [
    { name: '_beckon._tcp.example.org.', type: 'SRV', value: '0 0 443 post.hoster.net.' },
    { name: '_beckon._udp.example.org.', type: 'SRV', value: '0 0 4620 post.hoster.net.' },
    { name: '_beckon.example.org.', type: 'TXT', value: `"${text}"` },
    { name: 'beckon.example.org.', type: 'CNAME', value: 'post.hoster.net.' },
  ]);
});

test('what is published is understood', async (t) => {
  for (const udpPort of [4620, null]) {
    await using dns = await startDns(domainRecords({ ...options, udpPort }));
    t.deepEqual(await createDiscover(dns.resolver).discoverDomain('example.org'), {
      kind: 'native',
      targets: [{ host: 'post.hoster.net', port: 443 }],
      udpTargets: udpPort === null ? [] : [{ host: 'post.hoster.net', port: udpPort }],
      fingerprints: [fingerprint],
      gone: null,
      dnssec: false,
    });
  }
});

test('a target under the domain itself is understood too', async (t) => {
  await using dns = await startDns(domainRecords({ ...options, host: 'post.example.org' }));
  const found = await createDiscover(dns.resolver).discoverDomain('example.org');
  t.like(found, { kind: 'native', targets: [{ host: 'post.example.org', port: 443 }] });
});

test('a host that is the TLS name itself gets no CNAME', (t) => {
  const records = domainRecords({ ...options, host: 'beckon.example.org' });
  t.deepEqual(
    records.map(({ type }) => type),
    ['SRV', 'SRV', 'TXT'],
  );
});

test('names that are not canonical are refused', (t) => {
  t.throws(() => domainRecords({ ...options, domain: 'Example.org' }), { code: 'domain_invalid' });
  t.throws(() => domainRecords({ ...options, host: '192.0.2.1' }), { code: 'domain_invalid' });
});
