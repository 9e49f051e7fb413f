import test from 'ava';
import { createOwnDns, type OwnDns } from '../../src/admin/own-dns.ts';
import type { Discovery, NativeDomain } from '../../src/dns/discover.ts';

const ours = new Uint8Array(32).fill(1);
const other = new Uint8Array(32).fill(2);
const native: NativeDomain = {
  kind: 'native',
  targets: [],
  udpTargets: [],
  fingerprints: [ours],
  gone: null,
  dnssec: true,
};

const cases: [string, Discovery, OwnDns][] = [
  ['native and validated', native, 'validated'],
  ['native', { ...native, fingerprints: [other, ours], dnssec: false }, 'published'],
  ['another key', { ...native, fingerprints: [other] }, 'differs'],
  ['mail only', { kind: 'legacy', mx: [], dnssec: true }, 'missing'],
  ['no such domain', { kind: 'none', reason: 'no_such_domain' }, 'missing'],
  ['no TXT', { kind: 'later', reason: 'txt_missing' }, 'unknown'],
  ['a failure', { kind: 'later', reason: 'servfail' }, 'unknown'],
];
for (const [name, discovery, expected] of cases)
  test(`what DNS shows of an own domain: ${name}`, async (t) => {
    const look = createOwnDns({ discoverDomain: async () => discovery });
    t.is(await look('a.test', ours), expected);
  });

test('nobody waits for long', async (t) => {
  const look = createOwnDns({ discoverDomain: () => new Promise(() => {}) }, 10);
  t.is(await look('a.test', ours), 'unknown');
});
