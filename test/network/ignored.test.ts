/** Senders who are ignored: their domain cannot notice, the user sees nothing, and it can be taken back. */
import test from 'ava';
import type { SendResult } from '../../src/client/api.ts';
import type { Person } from './person.ts';
import { startTown, type Town } from './town.ts';

/** What beta.test knows of a message: its events, and how many introductions it holds in all. */
async function known(town: Town, { recipients }: SendResult): Promise<readonly number[]> {
  const { admin } = town.hoster('beta');
  const [handle = ''] = recipients[0]?.handles ?? [];
  if (handle === '') throw new Error('nothing was sent');
  return [(await admin.trace(handle)).length, (await admin.status()).received.introductions];
}

/** What was sent is announced, and repeated for some hours, by datagram and by door. */
async function hours(town: Town): Promise<void> {
  for (const seconds of [0, 4, 12, 48, 64, 3600, 7200]) {
    town.clock.advance(seconds);
    for (const hoster of town.hosters()) await hoster.catchUp();
  }
}

/** Both know each other: each holds a drop of the other's. */
async function acquainted(town: Town): Promise<{ readonly ann: Person; readonly bob: Person }> {
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await ann.send([bob.address], 'first');
  await bob.arrivals();
  await bob.read(1);
  await bob.send([ann.address], 'answer');
  await ann.arrivals();
  return { ann, bob };
}

test('over the drops that they hold, and by introduction: nothing is kept, nothing is shown, and both look to them like any other', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await acquainted(town);
  const carl = await town.enroll('carl@alpha.test');
  t.deepEqual(await bob.client().ignoreSender('Ann@Alpha.Test'), { address: ann.address, ignored: true });
  t.deepEqual(bob.client().ignoredSenders(), [ann.address]);
  const numbers = bob.client().inbox().length;
  const sent = await ann.send([bob.address], 'over the drop');
  await hours(town);
  t.deepEqual(await known(town, sent), [0, 1], 'the one introduction is that of the first message');
  t.deepEqual((await bob.client().sync()).entries, []);
  t.is(bob.client().inbox().length, numbers);
  const other = await carl.send([bob.address], 'from somebody else');
  t.like(await bob.arrivals(), [{ from: carl.address }]);
  t.not((await known(town, other))[0], 0);
  const [last] = await ann.client().sent();
  t.like(last, { recipients: [{ state: 'stored' }] });
  t.is(last?.recipients[0]?.messages[0]?.fetched, undefined);
});

test('a stranger who introduced themselves once does not reach the feed again', async (t) => {
  await using town = await startTown();
  const bob = await town.enroll('bob@beta.test');
  const mallory = await town.enroll('mallory@alpha.test');
  await mallory.send([bob.address], 'buy this');
  t.like(await bob.arrivals(), [{ number: 1, status: 'waiting', from: mallory.address }]);
  await bob.client().ignoreSender(mallory.address);
  await bob.client().ignore(1);
  const sent = await mallory.send([bob.address], 'buy that');
  await hours(town);
  t.deepEqual(await known(town, sent), [0, 1]);
  t.deepEqual((await bob.client().sync()).entries, []);
});

test('who is ignored before they first write is passed over, and ignored by the domain from then on', async (t) => {
  await using town = await startTown();
  const bob = await town.enroll('bob@beta.test');
  const mallory = await town.enroll('mallory@alpha.test');
  await bob.client().ignoreSender(mallory.address);
  await mallory.send([bob.address], 'buy this');
  await hours(town);
  t.deepEqual((await bob.client().sync()).entries, []);
  const sent = await mallory.send([bob.address], 'buy that');
  await hours(town);
  t.deepEqual(await known(town, sent), [0, 1]);
  t.deepEqual((await bob.client().sync()).entries, []);
  t.deepEqual(bob.client().inbox(), []);
});

test('drops that are handed to them later are ignored too', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await acquainted(town);
  await bob.client().ignoreSender(ann.address);
  await bob.send([ann.address], 'with a new drop');
  await bob.client().sync();
  const [entry] = await ann.arrivals();
  await ann.read(entry?.number ?? 0);
  const sent = await ann.send([bob.address], 'over the new drop');
  await hours(town);
  t.deepEqual(await known(town, sent), [0, 1]);
  t.deepEqual((await bob.client().sync()).entries, []);
});

test('taken back, what still waits at their domain arrives', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await acquainted(town);
  await bob.client().ignoreSender(ann.address);
  await ann.send([bob.address], 'please');
  await hours(town);
  t.deepEqual((await bob.client().sync()).entries, []);
  t.deepEqual(await bob.client().ignoreSender(ann.address, false), { address: ann.address, ignored: false });
  t.deepEqual(bob.client().ignoredSenders(), []);
  await hours(town);
  const [entry] = await bob.arrivals();
  t.is(await bob.read(entry?.number ?? 0), 'please');
});
