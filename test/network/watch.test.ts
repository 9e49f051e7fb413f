import test from 'ava';
import type { Watching } from '../../src/client/api.ts';
import { eventually } from './eventually.ts';
import type { Person } from './person.ts';
import { startTown, type Town } from './town.ts';

/** Ann and Bob, who have written to each other: each has handed the other a drop. */
async function acquainted(town: Town): Promise<{ ann: Person; bob: Person }> {
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await ann.send([bob.address], 'hello');
  const [first] = await bob.arrivals();
  await bob.read(first?.number ?? 0);
  await bob.send([ann.address], 'hello yourself');
  const [answer] = await ann.arrivals();
  await ann.read(answer?.number ?? 0);
  await bob.client().sync();
  return { ann, bob };
}

const watchers = async (town: Town): Promise<number> => (await town.hoster('beta').admin.status()).watchers;
const counted = (town: Town, count: number): Promise<true> =>
  eventually(`${count} watchers`, async () => ((await watchers(town)) === count ? true : undefined));
const isOpen = async (watching: Watching): Promise<boolean> =>
  (await Promise.race([watching.outcome, Promise.resolve('open')])) === 'open';

test('who watches is told of a message that comes, and finds it; the hoster sees the watcher', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await acquainted(town);
  const watching = await bob.client().watch();
  await counted(town, 2);
  t.true(await isOpen(watching));
  await ann.send([bob.address], 'are you there?');
  t.is(await watching.outcome, 'news');
  await bob.client().sync();
  t.is(bob.client().inbox().at(-1)?.from, ann.address);
  await counted(town, 0);
});

test('what came before the watch began, and was not polled, is news at once; what is known is none', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await acquainted(town);
  const before = await bob.client().watch();
  await ann.send([bob.address], 'between two looks');
  await before.outcome;
  const late = await bob.client().watch();
  t.is(await late.outcome, 'news');
  await bob.client().sync();
  const quiet = await bob.client().watch();
  await counted(town, 2);
  t.true(await isOpen(quiet));
  quiet.close();
  t.is(await quiet.outcome, 'over');
});

test('a daemon that stops ends its watches and does not wait for them; then the client watches the next', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await acquainted(town);
  const watching = await bob.client().watch();
  await town.hoster('beta').stop();
  t.is(await watching.outcome, 'over');
  await t.throwsAsync(bob.client().watch());
  await town.hoster('beta').start();
  const next = await bob.client().watch();
  await ann.send([bob.address], 'back again?');
  t.is(await next.outcome, 'news');
});

test('a stranger who writes is told of at once, to whom they wrote and nobody else; a removed device is told nothing', async (t) => {
  await using town = await startTown();
  const ann = await town.enroll('ann@alpha.test');
  const [bob, bea] = [await town.enroll('bob@beta.test'), await town.enroll('bea@beta.test')];
  await bob.client().sync();
  await bea.client().sync();
  const [told, other] = [await bob.client().watch(), await bea.client().watch()];
  await counted(town, 2);
  await ann.send([bob.address], 'we have not met');
  t.is(await told.outcome, 'news');
  await bob.client().sync();
  t.is(bob.client().inbox().at(-1)?.from, ann.address);
  t.true(await isOpen(other), 'it opens to bob alone');
  const next = await bob.client().watch();
  t.true(await isOpen(next), 'the introduction is known');
  await town.hoster('beta').admin.suspendUser(bob.address, true);
  await town.hoster('beta').catchUp();
  t.is(await next.outcome, 'over');
});

test('a watch ends with its hour', async (t) => {
  await using town = await startTown();
  const { bob } = await acquainted(town);
  const watching = await bob.client().watch();
  town.clock.advance(3599);
  await town.hoster('beta').catchUp();
  t.true(await isOpen(watching));
  town.clock.advance(1);
  await town.hoster('beta').catchUp();
  t.is(await watching.outcome, 'over');
  t.is(await watchers(town), 0);
});
