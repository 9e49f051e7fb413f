/** DNS says that a domain takes mail only: is it so? */
import { once } from 'node:events';
import { createServer } from 'node:net';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { createConfirmLegacy, type ConfirmLegacy } from '../../src/directory/confirm-legacy.ts';
import type { LegacyDomain } from '../../src/dns/discover.ts';
import { formatDomainTxt } from '../../src/dns/domain-txt.ts';
import { signGone } from '../../src/keys/gone.ts';
import type { DnsRecord } from '../../src/dns/record.ts';
import { flipped, makeDomain } from '../support/identities.ts';
import { createTestAuthority } from '../support/certificates.ts';
import { loopback } from '../support/dns-server.ts';
import {
  answer,
  endless,
  failed,
  found,
  recordAnswer,
  startWorld,
  type Route,
  type Site,
  type World,
} from './world.ts';

const legacy: LegacyDomain = { kind: 'legacy', mx: [], dnssec: false };
const stands = { kind: 'legacy' } as const;
const contradicted = { kind: 'later', reason: 'legacy_contradicted' } as const;
const unconfirmed = { kind: 'later', reason: 'legacy_unconfirmed' } as const;
const mx: DnsRecord = { type: 'MX', name: 'a.test', priority: 10, exchange: 'mx.a.test' };
const path = 'domains/a.test';

interface Scene {
  readonly world: World;
  readonly site: Site;
  readonly confirm: ConfirmLegacy;
  /** What is left of the zone when the SRV records are taken away, and an MX record. */
  readonly forged: readonly DnsRecord[];
}

async function scene(t: ExecutionContext): Promise<Scene> {
  const world = await startWorld(t);
  const site = await world.addSite();
  const forged = [...site.zone.filter(({ type }) => type !== 'SRV'), mx];
  world.zone(...forged);
  world.probe.port = site.server.port;
  const { https, clock, log, dns } = world;
  const { resolver } = dns;
  const confirm = createConfirmLegacy({ resolver, https, clock, log, patienceMs: 60_000, ...world.probe });
  return { world, site, confirm, forged };
}

test('a verified record contradicts: nothing goes out in clear text', async (t) => {
  const { world, confirm } = await scene(t);
  t.deepEqual(await confirm('a.test', legacy), contradicted);
  t.true(world.logged.includes('error directory.legacy_contradicted'));
  const { users } = world.restarted();
  t.deepEqual(await users.user('bob@a.test'), contradicted);
  t.is(await users.pin('bob@a.test'), undefined, 'without TXT and SRV nobody is pinned');
});

test('so it does where the TXT record was taken away as well', async (t) => {
  const { world, confirm, forged } = await scene(t);
  world.zone(...forged.filter(({ type }) => type !== 'TXT'));
  t.deepEqual(await confirm('a.test', legacy), contradicted);
});

test('an absence that DNSSEC proves is believed without asking', async (t) => {
  const { site, confirm } = await scene(t);
  t.deepEqual(await confirm('a.test', { ...legacy, dnssec: true }), stands);
  t.is(site.server.connections(), 0);
});

const recordOf = ({ world, site }: Scene, keys = site.keys, age = 0): Uint8Array => {
  const made = world.clock.seconds() - age;
  return recordAnswer(keys, made, made);
};

const records: [string, (scene: Scene) => Route][] = [
  ['a record of another identity than TXT names', (here) => found(recordOf(here, makeDomain('a.test').keys))],
  ['a record of another domain', (here) => found(recordOf(here, makeDomain('b.test').keys))],
  ['an expired record', (here) => found(recordOf(here, here.site.keys, 8 * 86_400))],
  ['a damaged record', (here) => found(flipped(recordOf(here)))],
  ['bytes that are no record', () => found(Uint8Array.of(1, 2, 3))],
  ['nothing in our media type', () => found(new Uint8Array())],
  ['a page', () => answer(200, 'text/html', '<h1>welcome</h1>')],
  ['an endless page', () => endless('text/html')],
  ['an endless record', () => endless()],
  ['a page of a proxy that finds nothing', () => answer(404, 'text/html')],
  ['a page of a proxy that finds nobody behind it', () => answer(502, 'text/html')],
  ['a server of ours that does not have the domain', () => failed(404, 'not_found')],
  ['a redirect', () => answer(302, 'text/html', '', { location: 'https://beckon.a.test/elsewhere' })],
];
for (const [name, route] of records)
  test(`${name} does not contradict`, async (t) => {
    const here = await scene(t);
    here.site.routes.set(path, route(here));
    t.deepEqual(await here.confirm('a.test', legacy), stands);
    t.is(here.site.asked(), 1);
  });

test('a certificate that is not valid does not contradict: of nobody known, or for another name', async (t) => {
  const world = await startWorld(t);
  const site = await world.addSite('a.test', { authority: await createTestAuthority() });
  const other = await world.addSite('b.test');
  world.zone(mx, ...loopback('beckon.a.test'));
  for (const { port } of [site.server, other.server]) {
    world.probe.port = port;
    t.like(await world.restarted().users.user('bob@a.test'), {
      kind: 'legacy',
      reason: 'domain',
      dnssec: false,
    });
  }
  t.deepEqual([site.asked(), other.asked(path)], [0, 0]);
});

test('no address, a refused connection and an address that is not dialled do not contradict', async (t) => {
  const { world, confirm, site, forged } = await scene(t);
  const others = forged.filter(({ type }) => type !== 'CNAME');
  world.zone(...others);
  t.deepEqual(await confirm('a.test', legacy), stands);
  world.probe.port = 1;
  world.zone(...others, ...loopback('beckon.a.test'));
  t.like(await world.restarted().users.user('bob@a.test'), { kind: 'legacy' });
  world.zone(...others, { type: 'A', name: 'beckon.a.test', address: '10.1.2.3' });
  t.like(await world.restarted().users.user('bob@a.test'), { kind: 'legacy' });
  t.is(site.server.connections(), 0);
});

test('silence is asked again, and then leaves it open', async (t) => {
  const { site, confirm, world } = await scene(t);
  site.routes.set(path, world.silent);
  t.deepEqual(await confirm('a.test', legacy), unconfirmed);
  t.is(site.asked(), 2);
  t.true(world.logged.includes('warn directory.legacy_unconfirmed'));
});

test('a server that takes connections and never speaks leaves it open', async (t) => {
  const { world } = await scene(t);
  const sockets = new Set<{ destroy(): void }>();
  const silent = createServer((socket) => void sockets.add(socket.on('error', () => {}))).listen(
    0,
    '127.0.0.1',
  );
  t.teardown(() => {
    silent.close();
    for (const socket of sockets) socket.destroy();
  });
  await once(silent, 'listening');
  const { port } = silent.address() as { port: number };
  const { https, clock, log, dns } = world;
  const confirm = createConfirmLegacy({ resolver: dns.resolver, https, clock, log, port, patienceMs: 300 });
  t.deepEqual(await confirm('a.test', legacy), unconfirmed);
});

test('silence once is not held against it', async (t) => {
  const { site, confirm, world } = await scene(t);
  const sound = site.routes.get(path);
  site.routes.set(path, (response) => {
    site.routes.set(path, sound ?? failed(404, 'not_found'));
    world.silent(response);
  });
  t.deepEqual(await confirm('a.test', legacy), contradicted);
  t.is(site.asked(), 2);
});

test('a failure to resolve the name leaves it open', async (t) => {
  const { confirm, world, site } = await scene(t);
  for (const fault of ['servfail', 'refused', 'malformed'] as const) {
    world.dns.fail('beckon.a.test', fault);
    t.like(await world.restarted().users.user('bob@a.test'), unconfirmed);
  }
  t.deepEqual(await confirm('a.test', legacy), unconfirmed);
  t.is(site.server.connections(), 0);
});

test('a server of ours that does not answer now leaves it open', async (t) => {
  for (const code of ['unavailable', 'rate_limited', 'internal']) {
    const { site, confirm } = await scene(t);
    site.routes.set(path, failed(code === 'rate_limited' ? 429 : 503, code));
    t.deepEqual(await confirm('a.test', legacy), unconfirmed, code);
  }
});

test('what was found out is remembered for a while, and callers share one question', async (t) => {
  const { site, confirm, world } = await scene(t);
  site.routes.set(path, failed(404, 'not_found'));
  const all = await Promise.all([1, 2, 3].map(() => confirm('a.test', legacy)));
  t.deepEqual(all, [stands, stands, stands]);
  t.is(site.asked(), 1);
  world.clock.advance(299);
  await confirm('a.test', legacy);
  t.is(site.asked(), 1);
  site.publish();
  world.clock.advance(2);
  t.deepEqual(await confirm('a.test', legacy), contradicted);
  t.deepEqual(await confirm('a.test', legacy), contradicted);
  t.is(site.asked(), 2);
  world.clock.advance(6);
  site.publish();
  await confirm('a.test', legacy);
  t.is(site.asked(), 3);
});

test('once DNS tells the truth again, the domain is native', async (t) => {
  const { site, world } = await scene(t);
  const { users, domains } = world.restarted();
  t.deepEqual(await users.user('bob@a.test'), contradicted);
  world.zone(...site.zone);
  site.publish();
  world.clock.advance(301);
  t.like(await users.user('bob@a.test'), { kind: 'later', reason: 'not_served' });
  t.like(await domains.domain('a.test'), { kind: 'native' });
});

test('during a change of identity either fingerprint of the TXT record will do', async (t) => {
  const { site, world, confirm } = await scene(t);
  const fingerprints = [new Uint8Array(32), site.keys.fingerprint];
  const text = formatDomainTxt({ fingerprints, gone: null });
  world.zone(mx, ...loopback('beckon.a.test'), { type: 'TXT', name: '_beckon.a.test', text });
  t.deepEqual(await confirm('a.test', legacy), contradicted);
});

test('a domain that signed that it leaves is legacy, and nobody else can say so for it', async (t) => {
  const { site, world, confirm } = await scene(t);
  const { identity } = site.keys;
  if (identity === undefined) throw new Error('the identity key is not here');
  const gone = signGone('a.test', identity.secret, world.clock.seconds());
  const say = (value: Uint8Array, fingerprints: Uint8Array[]): void =>
    world.zone(mx, ...loopback('beckon.a.test'), {
      type: 'TXT',
      name: '_beckon.a.test',
      text: formatDomainTxt({ fingerprints, gone: value }),
    });
  for (const fingerprints of [[], [site.keys.fingerprint]]) {
    say(gone, fingerprints);
    world.clock.advance(1000);
    t.deepEqual(await confirm('a.test', legacy), stands);
    say(flipped(gone), fingerprints);
    world.clock.advance(1000);
    t.deepEqual(await confirm('a.test', legacy), contradicted);
  }
});
