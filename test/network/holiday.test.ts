/** Away for weeks: what is pulled meanwhile is read afterwards, whatever became of the sender's domain. */
import test from 'ava';
import type { InboxEntry } from '../../src/client/api.ts';
import { filePart, mailPart } from '../client/sink.ts';
import type { Person } from './person.ts';
import { startTown, type Town } from './town.ts';

const day = 86_400;

/** What falls due in so many hours, at all hosters. */
async function hours(town: Town, count = 3): Promise<void> {
  for (let hour = 0; hour < count; hour++)
    for (const seconds of [1, 19, 64, 900, 2600]) {
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
  await ann.read(2);
  return { ann, bob };
}

const textFile = (text: string) => filePart(new TextEncoder().encode(text), { fileName: 'two.txt' });

function entryOf(person: Person, number: number): InboxEntry {
  return person.client().entry(number);
}

test('what is pulled is read after it expired and the sender’s domain is gone; without, it is lost', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await acquainted(town);
  const zoe = await town.enroll('zoe@alpha.test');
  await zoe.send([bob.address], 'from zoe');
  const [introduced] = await bob.arrivals();
  await bob.read(introduced?.number ?? 0);
  t.deepEqual(await bob.client().pullSender('Ann@Alpha.Test'), { address: ann.address, pulled: true });
  const carl = await town.enroll('carl@beta.test');
  t.deepEqual((await carl.client().pulledSenders()).senders, []);
  t.like(await bob.client().pulledSenders(), { senders: [ann.address], room: { used: 0, quota: 500e6 } });

  await ann.send([bob.address], 'while you were away', { expires: town.clock.seconds() + 3 * day });
  await zoe.send([bob.address], 'not pulled', { expires: town.clock.seconds() + 3 * day });
  await hours(town);
  t.true(((await bob.client().pulledSenders()).room?.used ?? 0) > 4096);
  const [sent] = await ann.client().sent();
  t.truthy(sent?.recipients[0]?.messages[0]?.fetched, 'the sender sees a fetch, and not by whom');

  town.clock.advance(30 * day);
  await town.hoster('beta').catchUp();
  await town.hoster('alpha').stop();
  town.publish((record) => (record.name.endsWith('alpha.test') ? undefined : record));
  const entries = await bob.arrivals();
  const waiting = entries.filter(({ from, status }) => from === ann.address && status === 'opened');
  t.is(waiting.length, 1);
  t.is(await bob.read(waiting[0]?.number ?? 0), 'while you were away');
  t.false(
    bob
      .client()
      .inbox()
      .some(({ from, status }) => from === zoe.address && status === 'opened'),
  );

  await bob.client().sync();
  t.is((await bob.client().pulledSenders()).room?.used, 0, 'what was read is not kept as a copy any more');
});

test('a message with files comes as a whole, also where a device had seen it before and took it for lost', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await acquainted(town);
  await ann.send([bob.address], [mailPart('one'), textFile('two'.repeat(100_000))], {
    expires: town.clock.seconds() + 3 * day,
  });
  const { cover, number } = await bob.wholeOf(2);
  t.true(cover);
  const asked = await bob.client().delegate(number);
  t.is(asked.length, 3);
  // After a while that is drawn they are fetched, and that may be none.
  t.true(asked.every(({ state }) => state === 'waiting' || state === 'pulled'));
  await hours(town);
  t.true((await bob.client().delegate(number)).every(({ state }) => state === 'pulled'));
  town.clock.advance(4 * day);
  await town.hoster('beta').catchUp();
  await town.hoster('alpha').stop();
  await bob.client().sync();
  t.is(entryOf(bob, number).status, 'opened', 'it lasts as long as the copy');
  const [one, two] = entryOf(bob, number).parts ?? [];
  t.is(await bob.read(one?.number ?? 0), 'one');
  t.is(await bob.read(two?.number ?? 0), 'two'.repeat(100_000));
});

test('a device that took a message for lost finds it again where the domain has a copy', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await acquainted(town);
  await bob.client().pullSender(ann.address);
  await ann.send([bob.address], 'seen, and not read', { expires: town.clock.seconds() + 3 * day });
  const [seen] = await bob.arrivals();
  const number = seen?.number ?? 0;
  t.is(seen?.status, 'opened');
  await hours(town);
  const files = { state: { ...bob.state }, secrets: { ...bob.secrets } };
  town.clock.advance(10 * day);
  await bob.client().sync();
  t.is(await bob.read(number), 'seen, and not read');
  const other = await town.person(bob.address, files);
  await other.client().sync();
  t.is(entryOf(other, number).status, 'accepted', 'other devices learn that it was read');
});

test('what the sender takes back while the user is away is withdrawn, the copy too', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await acquainted(town);
  await bob.client().pullSender(ann.address);
  const { number = 0 } = await ann.send([bob.address], 'no, forget it');
  await hours(town);
  const used = (await bob.client().pulledSenders()).room?.used ?? 0;
  t.true(used > 0);
  t.like(await ann.client().retract(number), { recipients: [{ outcome: 'withdrawn_maybe_read' }] });
  await hours(town);
  t.is((await bob.client().pulledSenders()).room?.used, 0);
  await bob.client().sync();
  t.is(bob.client().inbox().at(-1)?.status, 'withdrawn');
});

test('taken back, nothing more is pulled; drops that are handed out later are pulled too while it holds', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await acquainted(town);
  t.like(await bob.client().pullAll(), [{ address: ann.address, pulled: true }]);
  await bob.send([ann.address], 'with a new drop');
  await bob.client().sync();
  const entries = await ann.arrivals();
  await ann.read(entries[0]?.number ?? 0);
  await ann.send([bob.address], 'over the new drop');
  await hours(town);
  const { room } = await bob.client().pulledSenders();
  t.true((room?.used ?? 0) > 0);
  const [entry] = await bob.arrivals();
  t.is(entry?.copyUntil !== undefined, true);
  t.is(await bob.read(entry?.number ?? 0), 'over the new drop');
  await bob.client().pullAll(false);
  t.deepEqual((await bob.client().pulledSenders()).senders, []);
  await bob.client().sync();
  await ann.send([bob.address], 'after that');
  await hours(town);
  t.is((await bob.client().pulledSenders()).room?.used, 0);
});

test('a domain that pulls nothing says so', async (t) => {
  await using town = await startTown({ settings: { 'defaults.pull_quota': '0B' } });
  const { ann, bob } = await acquainted(town);
  t.deepEqual(await bob.client().pullSender(ann.address), {
    address: ann.address,
    pulled: true,
    notTold: 'unsupported',
  });
  t.is((await bob.client().pulledSenders()).room, undefined);
  await ann.send([bob.address], 'comes as ever');
  const [entry] = await bob.arrivals();
  await t.throwsAsync(bob.client().delegate(entry?.number ?? 0), { code: 'unsupported' });
  t.is(await bob.read(entry?.number ?? 0), 'comes as ever');
});
