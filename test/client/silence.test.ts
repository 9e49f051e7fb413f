/** Drops that go silent: given up after one expiry, and what was sent over them sent again by introduction. */
import test from 'ava';
import { rejected } from '../support/identities.ts';
import { filePart, mailPart, memorySink, textIn } from './sink.ts';
import { createWorld, type TestClient } from './world.ts';

const day = 86_400;

/** Ann has a drop of Bob's. */
async function acquainted() {
  const world = createWorld('alpha.test', 'beta.test');
  const ann = await world.addUser('ann', 'alpha.test');
  const bob = await world.addUser('bob', 'beta.test');
  const write = (from: TestClient, to: TestClient, text: string) =>
    from.client.send({ to: [to.address], parts: [mailPart(text)], subject: '' });
  await write(ann, bob, 'first');
  await bob.client.sync();
  await bob.client.open(1);
  await write(bob, ann, 'answer');
  await ann.client.sync();
  return { world, ann, bob, write };
}

/** As a domain says it once the transit ended. */
function expire(world: Awaited<ReturnType<typeof acquainted>>['world']): void {
  for (const message of world.messages())
    if (message.state === 'stored' && message.expires <= world.clock.seconds()) message.state = 'expired';
}

test('a message over a drop that expires unfetched gives the drop up: the next one goes by introduction', async (t) => {
  const { world, ann, bob, write } = await acquainted();
  t.like((await write(ann, bob, 'into silence')).recipients, [{ way: 'drop' }]);
  world.clock.advance(15 * day);
  expire(world);
  t.like(await ann.client.sent(), [
    { number: 3, recipients: [{ way: 'drop', state: 'expired', silent: true }] },
    { recipients: [{ way: 'introduction' }] },
  ]);
  await ann.client.sync();
  t.like((await write(ann, bob, 'anew')).recipients, [{ way: 'introduction' }]);
  const asked = world.requests.filter((request) => request.startsWith('GET account/messages')).length;
  await ann.client.sync();
  t.is(world.requests.filter((request) => request.startsWith('GET account/messages')).length, asked);
  // Once Bob hands over another, that one is used.
  await bob.client.sync();
  await write(bob, ann, 'here I am');
  await ann.client.sync();
  t.like((await write(ann, bob, 'good')).recipients, [{ way: 'drop' }]);
});

test('what was fetched, or came by introduction, is not called silence', async (t) => {
  const { world, ann, bob, write } = await acquainted();
  await write(ann, bob, 'fetched and kept');
  for (const message of world.messages()) message.fetched = true;
  world.clock.advance(15 * day);
  expire(world);
  await ann.client.sync();
  t.true((await ann.client.sent()).every(({ recipients }) => recipients[0]?.silent === undefined));
  t.like((await write(ann, bob, 'on')).recipients, [{ way: 'drop' }]);
});

test('what is sent again is the same letter: who has it already does not get it twice', async (t) => {
  const { world, ann, bob } = await acquainted();
  const parts = () => [mailPart('twice?'), filePart(Uint8Array.of(1, 2, 3))];
  const message = { to: [bob.address], parts: parts(), subject: 'two parts' };
  const { number = 0, letterId } = await ann.client.send(message);
  await bob.client.sync();
  const cover = bob.client.inbox().find((entry) => entry.cover === true && entry.parts?.length === 2);
  const [first, second] = cover?.parts ?? [];
  const sink = memorySink();
  await bob.client.payload(first?.number ?? 0, sink);
  t.is(textIn(sink), 'twice?');
  t.truthy(second);

  world.clock.advance(15 * day);
  expire(world);
  await bob.client.sync();
  const again = await ann.client.send({ ...message, parts: parts(), again: number });
  t.like(again, { number, letterId, recipients: [{ way: 'introduction' }] });
  const { entries } = await bob.client.sync();
  const fresh = entries.find((entry) => entry.cover === true && entry.status === 'opened');
  t.deepEqual(
    fresh?.parts?.map(({ status }) => status),
    ['accepted', 'opened'],
    'the text was read before, the file was not',
  );
  t.deepEqual(
    fresh?.parts?.map((part) => part.letterId),
    [first?.letterId, second?.letterId],
  );
  await bob.client.payload(fresh?.parts?.[1]?.number ?? 0, memorySink());
  await bob.client.sync();
  const sent = (await ann.client.sent()).find((entry) => entry.number === number);
  t.like(sent?.recipients, [{ way: 'introduction', state: 'accepted' }]);
});

test('only the same content, the same parts and the same recipients are the same message', async (t) => {
  const { ann, bob, write, world } = await acquainted();
  const { number = 0 } = await write(ann, bob, 'once');
  const again = { to: [bob.address], parts: [mailPart('once')], subject: '', again: number };
  const before = world.messages().length;
  t.is(await rejected(ann.client.send({ ...again, again: 99 })), 'not_found');
  t.is(await rejected(ann.client.send({ ...again, to: [ann.address] })), 'request_invalid');
  t.is(
    await rejected(ann.client.send({ ...again, parts: [mailPart('once'), mailPart('')] })),
    'request_invalid',
  );
  t.is(await rejected(ann.client.send({ ...again, parts: [mailPart('other')] })), 'payload_mismatch');
  t.is(world.messages().length, before);
  t.like(await ann.client.send(again), { number, recipients: [{ way: 'introduction' }] });
});
