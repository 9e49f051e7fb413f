/** DNSSEC against real servers: Knot signs, Unbound validates, and the commands of people and hosters run on top. */
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { createDiscover } from '../../src/dns/discover.ts';
import type { Discovery } from '../../src/dns/discover.ts';
import type { DnsRecord } from '../../src/dns/record.ts';
import { createResolver } from '../../src/dns/resolver.ts';
import { enrolled, startHosters, type Hosters } from '../cli/hosters.ts';
import { eventually } from '../network/eventually.ts';
import { startSignedDns, type SignedDns } from './dns/signed-dns.ts';
import { run, startProcess } from './server-process.ts';

const zones = {
  'alpha.test': 'signed',
  'beta.test': 'signed',
  'brief.test': 'brief',
  'gamma.test': 'plain',
  'legacy.test': 'signed',
  'oldmail.test': 'plain',
  example: 'plain',
} as const;

let dns: SignedDns;
let hosters: Hosters;
const parts = new AsyncDisposableStack();

test.before(async () => {
  dns = parts.use(await startSignedDns(zones));
  hosters = parts.use(await startHosters(['alpha', 'beta', 'gamma'], dns.resolver));
  await dns.publish('example', inside(hosters.records, 'example'));
  for (const domain of ['alpha.test', 'beta.test', 'gamma.test'])
    await dns.publish(domain, [...inside(hosters.records, domain), mxOf(domain)]);
  for (const domain of ['legacy.test', 'oldmail.test']) await dns.publish(domain, [mxOf(domain)]);
  await dns.publish('brief.test', [
    ...renamed(inside(hosters.records, 'beta.test'), 'brief.test'),
    mxOf('brief.test'),
  ]);
  await enrolled(hosters, 'ann', 'alpha');
  await enrolled(hosters, 'bob', 'beta');
  await enrolled(hosters, 'gil', 'gamma');
});
test.after.always(() => parts.disposeAsync());

function inside(records: readonly DnsRecord[], zone: string): readonly DnsRecord[] {
  return records.filter(({ name }) => name === zone || name.endsWith(`.${zone}`));
}

function renamed(records: readonly DnsRecord[], domain: string): readonly DnsRecord[] {
  return records.map((record) => ({ ...record, name: record.name.replace('beta.test', domain) }));
}

const mxOf = (domain: string): DnsRecord => ({
  type: 'MX',
  name: domain,
  priority: 10,
  exchange: 'mx.mail.example',
});

const discover = (domain: string): Promise<Discovery> =>
  createDiscover(createResolver({ servers: [dns.resolver] })).discoverDomain(domain);

interface Sent {
  readonly number?: number;
  readonly recipients: readonly { outcome: string; code?: string; reason?: string }[];
}

async function send(who: string, to: string): Promise<Sent> {
  const { out, err } = await hosters.as(who, ['send', to, '--subject', 'hello', '--body', 'hello', '--json']);
  if (out === '') throw new Error(err);
  return JSON.parse(out) as Sent;
}

async function reasonsOf(who: string, address: string): Promise<readonly string[]> {
  const { out } = await hosters.as(who, ['trust', 'show', address, '--json']);
  return (JSON.parse(out) as { trust?: { reasons: string[] } }).trust?.reasons ?? [];
}

/** Whoever sees the domain for the first time sends nothing, and is told to try again. */
async function firstContactWaits(t: ExecutionContext, to: string): Promise<void> {
  const domain = to.slice(to.indexOf('@') + 1);
  t.deepEqual(await discover(domain), { kind: 'later', reason: 'servfail' });
  const newcomer = `n${Date.now()}`;
  await enrolled(hosters, newcomer, 'alpha');
  const before = await waiting();
  const { number, recipients } = await send(newcomer, to);
  t.is(number, undefined);
  t.like(recipients, [{ outcome: 'later', code: 'discovery_later', reason: 'servfail' }]);
  t.is(await waiting(), before);
}

async function waiting(): Promise<number> {
  const { out } = await hosters.hoster('alpha', ['status', '--json']);
  return (JSON.parse(out) as { waiting: { messages: number } }).waiting.messages;
}

test.serial('a peer that is not installed fails the test that needs it, and says what to do', async (t) => {
  for (const attempt of [startProcess('no-such-server', [], '/dev/null'), run('no-such-tool', [])])
    await t.throwsAsync(attempt, {
      message: /is not installed: install the packages in test\/peers\/packages\.txt/,
    });
});

test.serial('a signed domain is validated, and messages between two of them arrive', async (t) => {
  t.like(await discover('beta.test'), { kind: 'native', dnssec: true });
  const reasons = await reasonsOf('ann', 'bob@beta.test');
  t.true(reasons.includes('dnssec_validated'));
  t.false(reasons.includes('dnssec_absent'));
  t.like(await send('ann', 'bob@beta.test'), { recipients: [{ outcome: 'native' }] });
  const list = await hosters.hoster('beta', ['domain', 'list']);
  t.regex(list.out, /^beta\.test .*DNSSEC holds/);
  await eventually('message', async () => {
    const { out } = await hosters.as('bob', ['inbox', '--json']);
    return (JSON.parse(out) as unknown[]).length > 0 ? true : undefined;
  });
  t.regex((await hosters.as('bob', ['read', '1'])).out, /hello/);
});

test.serial(
  'an unsigned domain is native all the same, and it is said that nothing vouches for its DNS',
  async (t) => {
    t.like(await discover('gamma.test'), { kind: 'native', dnssec: false });
    const reasons = await reasonsOf('ann', 'gil@gamma.test');
    t.true(reasons.includes('dnssec_absent'));
    t.false(reasons.includes('dnssec_validated'));
    t.like(await send('ann', 'gil@gamma.test'), { recipients: [{ outcome: 'native' }] });
    const list = await hosters.hoster('gamma', ['domain', 'list']);
    t.regex(list.out, /^gamma\.test .*in DNS, not validated/);
  },
);

test.serial('the absence of a record is proven in a signed zone, and only there', async (t) => {
  t.like(await discover('legacy.test'), { kind: 'legacy', dnssec: true });
  t.like(await discover('oldmail.test'), { kind: 'legacy', dnssec: false });
  for (const to of ['x@legacy.test', 'x@oldmail.test'])
    t.like(await send('ann', to), { recipients: [{ outcome: 'legacy', code: 'discovery_legacy' }] });
  t.like(await discover('nothing.test'), { kind: 'none' });
});

const beckonRecord = /^_beckon\..*\n/gm;
const signature = /^.*(RRSIG|NSEC|DNSKEY|CDS).*\n/gm;

const lies: [string, (signed: string) => string][] = [
  [
    'another fingerprint in TXT',
    (signed) => signed.replace(/id=./, (text) => (text === 'id=A' ? 'id=B' : 'id=A')),
  ],
  [
    'another target in SRV',
    (signed) => signed.replaceAll('host.beta-hosting.example', 'host.alpha-hosting.example'),
  ],
  ['records taken away', (signed) => signed.replace(beckonRecord, '')],
  ['records and signatures taken away', (signed) => signed.replace(signature, '').replace(beckonRecord, '')],
  ['signatures taken away', (signed) => signed.replace(signature, '')],
];
for (const [name, lie] of lies)
  test.serial(`a tampered zone is never legacy: ${name}`, async (t) => {
    const signed = await dns.dump('beta.test');
    const forged = lie(signed);
    t.not(forged, signed);
    await dns.lie('beta.test', forged);
    await firstContactWaits(t, 'bob@beta.test');
    // Who knows the domain goes on with what they know, sealed as before.
    t.like(await send('ann', 'bob@beta.test'), { recipients: [{ outcome: 'native' }] });
    await dns.lie('beta.test', null);
    t.like(await discover('beta.test'), { kind: 'native', dnssec: true });
  });

test.serial('expired signatures are never legacy', async (t) => {
  t.like(await discover('brief.test'), { kind: 'native', dnssec: true });
  await dns.lie('brief.test', await dns.dump('brief.test'));
  for (
    let outcome = await discover('brief.test');
    outcome.kind === 'native';
    outcome = await discover('brief.test')
  )
    await new Promise((resolve) => setTimeout(resolve, 500));
  await firstContactWaits(t, 'x@brief.test');
  await dns.lie('brief.test', null);
  t.like(await discover('brief.test'), { kind: 'native', dnssec: true });
});

test.serial(
  'keys that the parent does not know are never legacy; once it knows them all works again',
  async (t) => {
    await dns.replaceKeys('beta.test');
    await firstContactWaits(t, 'bob@beta.test');
    await dns.delegate();
    t.like(await discover('beta.test'), { kind: 'native', dnssec: true });
    await enrolled(hosters, 'eve', 'alpha');
    t.true((await reasonsOf('eve', 'bob@beta.test')).includes('dnssec_validated'));
    t.like(await send('eve', 'bob@beta.test'), { recipients: [{ outcome: 'native' }] });
  },
);
