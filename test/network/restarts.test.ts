/** Daemons that come and go: nothing that was acknowledged is lost, and what waited goes on. */
import test from 'ava';
import { memorySink } from '../client/sink.ts';
import type { Hoster } from './hoster.ts';
import { turnByTurn } from './schedule.ts';
import { startTown } from './town.ts';

test('a restart of both domains and both clients between any two steps loses nothing', async (t) => {
  await using town = await startTown();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  async function restartAll(): Promise<void> {
    await Promise.all([...town.hosters().map((hoster) => hoster.restart()), ann.restart(), bob.restart()]);
  }
  await restartAll();
  await ann.send([bob.address], 'hello');
  await restartAll();
  await turnByTurn(town, async () => (await bob.client().sync()).entries.length > 0);
  await restartAll();
  t.is((await bob.client().open(1)).status, 'opened');
  await restartAll();
  t.is(await bob.read(1), 'hello');
  await restartAll();
  t.like(await ann.client().sent(), [{ recipients: [{ state: 'accepted' }] }]);
  const { to, parents } = bob.client().reply(1);
  t.like((await bob.send([to], 'hello yourself', { parents })).recipients, [{ way: 'drop' }]);
  await restartAll();
  await turnByTurn(town, async () => (await ann.client().sync()).entries.length > 0);
  await restartAll();
  t.is(await ann.read(2), 'hello yourself');
  await ann.send([bob.address], 'not meant');
  await restartAll();
  t.like((await ann.client().retract(3)).recipients, [{ outcome: 'withdrawn' }]);
  await restartAll();
  t.like((await ann.client().sent())[0], { recipients: [{ state: 'withdrawn' }] });
  t.deepEqual(
    town.logged.filter(({ level }) => level === 'error'),
    [],
  );
});

test("the recipient's daemon is down when it is notified: the message comes by repetition", async (t) => {
  await using town = await startTown();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await ann.client().trust.show(bob.address);
  await town.hoster('beta').stop();
  t.like((await ann.send([bob.address], 'for later')).recipients, [{ outcome: 'native' }]);
  await town.hoster('alpha').catchUp();
  town.clock.advance(4);
  await town.hoster('alpha').catchUp();
  await town.hoster('beta').start();
  t.deepEqual((await bob.client().sync()).entries, [], 'nothing came while it was down');
  await turnByTurn(town, async () => (await bob.client().sync()).entries.length > 0);
  t.is(await bob.read(1), 'for later');
});

test("the sender's daemon is down when the recipient fetches: the message waits, and is fetched later", async (t) => {
  await using town = await startTown();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await ann.send([bob.address], 'be patient');
  await bob.arrivals();
  await bob.client().trust.show(ann.address);
  await town.hoster('alpha').stop();
  t.like(await bob.client().open(1), { status: 'waiting', held: 'network_failed' });
  await town.hoster('alpha').start();
  t.like(await bob.client().open(1), { status: 'opened' });
  await town.hoster('alpha').stop();
  await t.throwsAsync(bob.read(1), { code: 'network_failed' });
  await town.hoster('alpha').start();
  t.is(await bob.read(1), 'be patient');
  t.like(await ann.client().sent(), [{ recipients: [{ state: 'accepted' }] }]);
});

test('a sender whose domain was down time and again is looked up as soon as it serves a message', async (t) => {
  await using town = await startTown();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await bob.client().trust.show('nobody@alpha.test');
  await town.hoster('alpha').stop();
  for (const seconds of [5, 10, 20, 40, 80]) {
    t.like((await bob.send([ann.address], 'are you there?')).recipients, [{ code: 'discovery_later' }]);
    town.clock.advance(seconds);
  }
  t.like((await bob.send([ann.address], 'are you there?')).recipients, [{ code: 'discovery_later' }]);
  await town.hoster('alpha').start();
  t.like(
    (await bob.send([ann.address], 'so soon?')).recipients,
    [{ code: 'discovery_later' }],
    'it is not asked for a while',
  );
  await ann.send([bob.address], 'I was away');
  await turnByTurn(town, async () => (await bob.client().sync()).entries.length > 0);
  town.clock.advance(5);
  t.like(await bob.client().open(1), { status: 'opened' });
  t.is(await bob.read(1), 'I was away');
  t.like((await bob.send([ann.address], 'good')).recipients, [{ outcome: 'native' }]);
});

test("the accept is lost with the sender's daemon, and told at the next occasion", async (t) => {
  await using town = await startTown();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await ann.send([bob.address], 'thanks?');
  await bob.arrivals();
  await bob.client().open(1);
  const sink = memorySink();
  const alpha: Hoster = town.hoster('alpha');
  // All is written, and the daemon goes before it hears of it.
  const commit = sink.commit.bind(sink);
  sink.commit = async () => {
    await commit();
    await alpha.stop();
  };
  t.is((await bob.client().payload(1, sink)).status, 'accepted');
  await alpha.start();
  t.like(await ann.client().sent(), [{ recipients: [{ state: 'stored' }] }]);
  await bob.client().sync();
  t.like(await ann.client().sent(), [{ recipients: [{ state: 'accepted' }] }]);
});
