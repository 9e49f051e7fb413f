/** Somebody forges DNS so that a native domain looks like one of mail: nothing goes out in clear text by itself. */
import test from 'ava';
import type { DnsRecord } from '../../src/dns/record.ts';
import { loopback } from '../support/dns-server.ts';
import { turnByTurn } from './schedule.ts';
import { openPerson, type Person } from './person.ts';
import { startTown, type Town } from './town.ts';

const service = '_beckon._tcp.beta.test';
const mx: DnsRecord = { type: 'MX', name: 'beta.test', priority: 10, exchange: 'mx.beta.test' };
const hour = 3600;

/** The records of all, as somebody on the way changes those of beta.test. */
function forge(town: Town, change: (records: readonly DnsRecord[]) => readonly DnsRecord[]): void {
  const records = town.hosters().flatMap((hoster) => hoster.records());
  town.dns.set([...change(records), mx, ...loopback('mx.beta.test')]);
}

const withoutSrv = (records: readonly DnsRecord[]): readonly DnsRecord[] =>
  records.filter(({ type, name }) => type !== 'SRV' || !name.endsWith('beta.test'));

/** Somebody of alpha.test who never wrote to beta.test, and where they ask a domain that DNS calls legacy. */
async function stranger(town: Town, legacyPort: number): Promise<Person> {
  const address = 'ann@alpha.test';
  const { invitation } = await town.hoster('alpha').admin.inviteUser(address);
  return await openPerson(address, invitation, town.clock, { ...town.surroundings, legacyPort });
}

const waitingAt = async (town: Town): Promise<number> =>
  (await town.hoster('alpha').admin.status()).waiting.messages;

test('at first contact: the domain itself contradicts, and nothing is sent', async (t) => {
  await using town = await startTown();
  const bob = await town.enroll('bob@beta.test');
  const ann = await stranger(town, town.hoster('beta').ports().https);
  t.teardown(ann.close);
  forge(town, withoutSrv);
  for (let times = 0; times < 2; times++) {
    const { number, recipients } = await ann.send([bob.address], 'not for everybody');
    t.is(number, undefined);
    t.like(recipients, [{ outcome: 'later', code: 'discovery_later', reason: 'legacy_contradicted' }]);
    await ann.restart();
  }
  t.is(await waitingAt(town), 0);
  town.publish();
  t.like((await ann.send([bob.address], 'sealed')).recipients, [{ outcome: 'native' }]);
  await bob.arrivals();
  t.is(await bob.read(1), 'sealed');
});

test('at first contact, all of DNS forged: the client believes it, says so, and still sends nothing by itself', async (t) => {
  await using town = await startTown();
  const bob = await town.enroll('bob@beta.test');
  const ann = await stranger(town, 1);
  t.teardown(ann.close);
  forge(town, (records) => records.filter(({ name }) => !name.endsWith('beta.test')));
  const { number, recipients } = await ann.send([bob.address], 'not for everybody');
  t.is(number, undefined);
  t.like(recipients, [{ outcome: 'legacy', code: 'discovery_legacy' }]);
  t.is(await waitingAt(town), 0);
});

const vanishings: [string, (records: readonly DnsRecord[]) => readonly DnsRecord[]][] = [
  ['no such name', withoutSrv],
  ['no such record', (records) => [...withoutSrv(records), { type: 'TXT', name: service, text: 'v=else' }]],
  [
    'not offered',
    (records) =>
      records.map((record) =>
        record.type === 'SRV' && record.name === service ? { ...record, target: '.' } : record,
      ),
  ],
  ['nothing of Beckon at all', (records) => records.filter(({ name }) => !name.endsWith('beta.test'))],
];
for (const [name, forged] of vanishings)
  test(`a pinned address waits, also after restarts: ${name}`, async (t) => {
    await using town = await startTown();
    const ann = await town.enroll('ann@alpha.test');
    const bob = await town.enroll('bob@beta.test');
    await ann.send([bob.address], 'before');
    await bob.arrivals();
    await bob.read(1);
    const before = await waitingAt(town);
    forge(town, forged);
    for (let times = 0; times < 2; times++) {
      town.clock.advance(2 * hour);
      const { number, recipients } = await ann.send([bob.address], 'not for everybody');
      t.is(number, undefined);
      t.like(recipients, [{ outcome: 'later', code: 'discovery_later', reason: 'pinned_native' }]);
      await ann.restart();
      for (const hoster of town.hosters()) await hoster.restart();
    }
    t.is(await waitingAt(town), before);
    town.publish();
    town.clock.advance(hour);
    t.like((await ann.send([bob.address], 'after')).recipients, [{ outcome: 'native' }]);
  });

test('a daemon keeps what waits for a domain that DNS hides, also over a restart, and delivers it later', async (t) => {
  await using town = await startTown();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await ann.send([bob.address], 'first');
  await bob.arrivals();
  await bob.read(1);
  await town.hoster('beta').stop();
  await ann.send([bob.address], 'second');
  await town.hoster('alpha').catchUp();
  forge(town, withoutSrv);
  town.clock.advance(2 * hour);
  await town.hoster('alpha').restart();
  await town.hoster('alpha').catchUp();
  t.true(town.logged.some(({ line }) => line.startsWith('directory.pinned_native')));
  t.is(await waitingAt(town), 1);
  await town.hoster('beta').start();
  town.publish();
  town.clock.advance(12 * hour);
  await turnByTurn(town, async () => (await bob.client().sync()).entries.length > 0);
  t.is(await bob.read(2), 'second');
});

test('no answer about a pinned domain: what is known serves, sealed as before; to a new one nothing is sent', async (t) => {
  await using town = await startTown();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await ann.client().trust.show(bob.address);
  forge(town, (records) => records);
  for (const fault of ['servfail', 'refused', 'malformed'] as const) {
    town.dns.fail(service, fault);
    town.clock.advance(2 * hour);
    t.like((await ann.send([bob.address], 'sealed')).recipients, [{ outcome: 'native' }]);
    const eve = await town.enroll(`${fault}@alpha.test`);
    const { number, recipients } = await eve.send([bob.address], 'not for everybody');
    t.is(number, undefined);
    t.like(recipients, [{ outcome: 'later', code: 'discovery_later', reason: fault }]);
  }
});
