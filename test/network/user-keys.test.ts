/** A user's own keys over whole domains: they rotate while messages wait, aliases get records, and the domain lists what its users signed. */
import test from 'ava';
import { times } from '../../src/wire/registry.ts';
import { mailPart } from '../client/sink.ts';
import { startTown, type Town } from './town.ts';

const day = 86_400;
const month = times.userKeyRotation + times.userKeyRotationSpread;

async function pass(town: Town, seconds: number): Promise<void> {
  for (let left = seconds; left > 0; left -= 5 * day) {
    town.clock.advance(Math.min(left, 5 * day));
    for (const hoster of town.hosters()) await hoster.catchUp();
  }
}

test('keys rotate at the domain, and a message to the old ones that waited meanwhile still opens', async (t) => {
  await using town = await startTown();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await bob.client().sync();
  const before = bob.client().ownKeys();
  await pass(town, (before.rotates ?? 0) - before.made - day);
  await ann.send([bob.address], 'to the old keys', { expires: town.clock.seconds() + 60 * day });
  await pass(town, 10 * day);
  const [waiting] = await bob.arrivals();
  const after = bob.client().ownKeys();
  t.true(after.published && after.made > before.made);
  t.not(after.record, before.record);
  t.is(await bob.read(waiting?.number ?? 0), 'to the old keys');
  t.deepEqual(bob.client().alarms(), []);
  const shown = await ann.client().trust.show(bob.address);
  t.is(shown.outcome, 'native');
  await pass(town, month);
  await bob.client().sync();
  await ann.client().sync();
  await ann.send([bob.address], 'to the newest');
  const fresh = await bob.arrivals();
  t.is(await bob.read(fresh.at(-1)?.number ?? 0), 'to the newest');
  t.deepEqual(ann.client().alarms(), []);
});

test('an alias that the hoster gives is written to and writes, with a record of its own', async (t) => {
  await using town = await startTown();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await town.hoster('beta').admin.setAlias(bob.address, 'robert@beta.test', true);
  await bob.client().sync();
  const { recipients } = await ann.send(['robert@beta.test'], 'dear Robert');
  t.like(recipients, [{ outcome: 'native', way: 'introduction' }]);
  const entries = await bob.arrivals();
  t.is(await bob.read(entries[0]?.number ?? 0), 'dear Robert');
  await bob.client().send({
    to: [ann.address],
    parts: [mailPart('yours, Robert')],
    subject: '',
    from: 'robert@beta.test',
  });
  t.like(await ann.arrivals(), [{ from: 'robert@beta.test' }]);
  t.deepEqual(bob.client().alarms(), []);
});
