import test from 'ava';
import type { StoredMessage } from './world.ts';
import { createWorld } from './world.ts';
import { mailPart, memorySink, textIn } from './sink.ts';

async function twoUsers() {
  const world = createWorld('alpha.test', 'beta.test');
  const ann = await world.addUser('ann', 'alpha.test');
  const bob = await world.addUser('bob', 'beta.test');
  return { world, ann, bob };
}

test('introduction, open, accept, answer over the handed-over drop, next over a new one', async (t) => {
  const { world, ann, bob } = await twoUsers();

  const first = await ann.client.send({
    to: ['Bob+news@beta.test'],
    parts: [mailPart('hello')],
    subject: 'hi',
  });
  t.is(first.number, 1);
  t.like(first.recipients, [{ address: 'bob@beta.test', outcome: 'native', way: 'introduction' }]);

  const seen = await bob.client.sync();
  t.like(seen.entries, [
    { number: 1, status: 'waiting', from: ann.address, fromVerified: false, way: 'introduction' },
  ]);
  t.deepEqual(world.fetches, [], 'nobody was asked before the user decided');

  const opened = await bob.client.open(1);
  t.like(opened, {
    status: 'opened',
    from: ann.address,
    fromVerified: true,
    author: ann.address,
    forwarded: false,
    mediaType: 'message/rfc822',
    length: 5,
    tag: 'news',
    letterId: first.letterId,
  });

  const sink = memorySink();
  const read = await bob.client.payload(1, sink);
  t.is(textIn(sink), 'hello');
  t.is(sink.committed, 1);
  t.is(read.status, 'accepted');
  const [stored] = world.messages();
  t.is(stored?.state, 'accepted');
  t.like(await ann.client.sent(), [{ number: 1, subject: 'hi', recipients: [{ state: 'accepted' }] }]);

  const answer = await bob.client.send({
    ...bob.client.reply(1),
    to: [bob.client.reply(1).to],
    parts: [mailPart('hello yourself')],
    subject: 'Re: hi',
  });
  t.like(answer.recipients, [{ way: 'drop' }]);
  const { entries } = await ann.client.sync();
  t.like(entries, [
    { number: 2, status: 'opened', from: bob.address, way: 'drop', answers: { kind: 'sent', number: 1 } },
  ]);
  const answerSink = memorySink();
  await ann.client.payload(2, answerSink);
  t.is(textIn(answerSink), 'hello yourself');

  const second = await ann.client.send({ to: [bob.address], parts: [mailPart('next')], subject: 'next' });
  t.like(second.recipients, [{ way: 'drop' }]);
  t.like((await bob.client.sync()).entries, [{ status: 'opened', from: ann.address, way: 'drop' }]);
});

test('the messages of a conversation share no hash and no key', async (t) => {
  const { world, ann, bob } = await twoUsers();
  await ann.client.send({ to: [bob.address], parts: [mailPart('1')], subject: '' });
  await bob.client.sync();
  await bob.client.open(1);
  for (const [from, to] of [
    [bob, ann],
    [ann, bob],
    [bob, ann],
    [ann, bob],
  ] as const) {
    await from.client.send({ to: [to.address], parts: [mailPart('next')], subject: '' });
    t.like((await to.client.sync()).entries, [{ status: 'opened', way: 'drop' }]);
  }
  const messages = world.messages();
  t.is(messages.length, 5);
  const distinct = (value: (message: StoredMessage) => Uint8Array): number =>
    new Set(messages.map((message) => String(value(message)))).size;
  t.is(
    distinct(({ recipientHash }) => recipientHash),
    5,
  );
  t.is(
    distinct(({ header }) => header.slice(0, 1120)),
    5,
    'encapsulations',
  );
  const drops = Object.values(JSON.parse(bob.state.text ?? '').drops as Record<string, { seed?: string }>);
  const seeds = drops.flatMap(({ seed }) => seed ?? []);
  t.is(new Set(seeds).size, seeds.length);
  t.true(seeds.length >= 2);
});

test('a drop that was not used is handed out again, for a week', async (t) => {
  const { world, ann, bob } = await twoUsers();
  const handedOut = (): number => Object.keys(JSON.parse(ann.state.text ?? '').drops as object).length;
  const send = () => ann.client.send({ to: [bob.address], parts: [mailPart('x')], subject: '' });
  await send();
  t.is(handedOut(), 1);
  await send();
  t.is(handedOut(), 1);
  world.clock.advance(7 * 86_400);
  await send();
  t.is(handedOut(), 2);
});

test('once a contact is known, what they introduce again is opened without asking', async (t) => {
  const { ann, bob } = await twoUsers();
  await ann.client.send({ to: [bob.address], parts: [mailPart('1')], subject: '' });
  await bob.client.sync();
  await bob.client.open(1);
  await ann.client.send({ to: [bob.address], parts: [mailPart('2')], subject: '' });
  t.like((await bob.client.sync()).entries, [{ number: 2, status: 'opened', way: 'introduction' }]);
});

test('an introduction that is ignored is done with', async (t) => {
  const { world, ann, bob } = await twoUsers();
  await ann.client.send({ to: [bob.address], parts: [mailPart('1')], subject: '' });
  await bob.client.sync();
  t.is((await bob.client.ignore(1)).status, 'ignored');
  await bob.client.sync();
  t.deepEqual(world.domains.get('beta.test')?.pending, []);
  t.deepEqual(world.fetches, []);
});

test('many introductions and refs arrive over several pages', async (t) => {
  const { world, ann, bob } = await twoUsers();
  for (let i = 0; i < 5; i++)
    await ann.client.send({ to: [bob.address], parts: [mailPart(`${i}`)], subject: '' });
  const { entries } = await bob.client.sync();
  t.is(entries.length, 5);
  t.deepEqual((await bob.client.sync()).entries, []);
  await bob.client.open(3);
  t.deepEqual(
    bob.client.inbox().map(({ status }) => status),
    Array.from({ length: 5 }, () => 'opened'),
  );
  t.true(world.requests.filter((request) => request === 'POST poll').length >= 3);
});

test('a client that starts again goes on where it was', async (t) => {
  const { ann, bob } = await twoUsers();
  await ann.client.send({ to: [bob.address], parts: [mailPart('1')], subject: '' });
  const later = await bob.restart();
  await later.client.sync();
  const again = await later.restart();
  t.is(again.client.address(), bob.address);
  await again.client.open(1);
  const sink = memorySink();
  await (await again.restart()).client.payload(1, sink);
  t.is(textIn(sink), '1');
});

test('the alarm: one letter id over other bytes', async (t) => {
  const { ann, bob } = await twoUsers();
  await ann.client.send({ to: [bob.address], parts: [mailPart('1')], subject: '' });
  await bob.client.sync();
  const opened = await bob.client.open(1);
  await ann.client.send({ to: [bob.address], parts: [mailPart('2')], subject: '' });
  const state = JSON.parse(bob.state.text ?? '');
  const second = (await ann.client.sent())[0]?.letterId ?? '';
  state.letters[`${ann.address} ${second}`] = state.letters[`${ann.address} ${opened.letterId}`];
  bob.state.text = JSON.stringify(state);
  const alarmed = await bob.restart();
  t.like((await alarmed.client.sync()).entries, [
    { number: 2, status: 'refused', refusal: 'message_mismatch' },
  ]);
  t.like(alarmed.client.inbox(), [{ status: 'opened' }, { status: 'refused' }]);
});

test('the own domain cannot send its user to a third party by a ref that it makes up', async (t) => {
  const world = createWorld('alpha.test', 'beta.test', 'evil.test');
  const ann = await world.addUser('ann', 'alpha.test');
  const bob = await world.addUser('bob', 'beta.test');
  await ann.client.send({ to: [bob.address], parts: [mailPart('1')], subject: '' });
  await bob.client.sync();
  await bob.client.open(1);
  await ann.client.send({ to: [bob.address], parts: [mailPart('2')], subject: '' });
  world.fetches.length = 0;
  const pending = world.domains.get('beta.test')?.pending ?? [];
  for (const one of pending) one.ref = { ...one.ref, sender: 'evil.test' };
  t.like((await bob.client.sync()).entries, [{ number: 2, status: 'refused', refusal: 'message_mismatch' }]);
  t.is(bob.client.entry(2).from, undefined, 'and nobody is said to have written it');
  t.deepEqual(world.fetches, []);
});

test('a drop is good for whom it was handed to alone', async (t) => {
  const { world, ann, bob } = await twoUsers();
  const carl = await world.addUser('carl', 'alpha.test');
  await ann.client.send({ to: [bob.address], parts: [mailPart('1')], subject: '' });
  await bob.client.sync();
  await bob.client.open(1);
  await bob.client.send({ to: [ann.address], parts: [mailPart('2')], subject: '' });
  await ann.client.sync();
  // Ann gives away what Bob handed to her.
  const leaked = JSON.parse(ann.state.text ?? '').contacts[bob.address].drop;
  const state = JSON.parse(carl.state.text ?? '');
  state.contacts[bob.address] = { address: bob.address, known: true, drop: leaked };
  carl.state.text = JSON.stringify(state);
  const thief = await carl.restart();
  const sent = await thief.client.send({ to: [bob.address], parts: [mailPart('buy!')], subject: '' });
  t.like(sent.recipients, [{ way: 'drop' }]);
  const { entries } = await bob.client.sync();
  t.like(entries, [{ status: 'refused', refusal: 'message_mismatch' }]);
});

test('a domain that does not answer is asked once, however many messages it announced', async (t) => {
  const { world, ann, bob } = await twoUsers();
  await ann.client.send({ to: [bob.address], parts: [mailPart('0')], subject: '' });
  await bob.client.sync();
  await bob.client.open(1);
  for (let i = 0; i < 3; i++)
    await ann.client.send({ to: [bob.address], parts: [mailPart(`${i}`)], subject: '' });
  world.fetches.length = 0;
  world.fetch = () => ({ kind: 'later', reason: 'network_failed' });
  const asked = async () => {
    world.fetches.length = 0;
    await bob.client.sync();
    return world.fetches;
  };
  t.deepEqual(await asked(), ['message alpha.test']);
  t.deepEqual(await asked(), ['message alpha.test']);
  world.fetch = () => undefined;
  t.is((await bob.client.sync()).entries.filter(({ status }) => status === 'opened').length, 3);
});

test('keys of what ended are erased', async (t) => {
  const { ann, bob } = await twoUsers();
  await ann.client.send({ to: [bob.address], parts: [mailPart('1')], subject: '' });
  await bob.client.sync();
  await bob.client.open(1);
  t.regex(bob.state.text ?? '', /contentKey.*acceptToken/);
  await bob.client.payload(1, memorySink());
  t.notRegex(bob.state.text ?? '', /contentKey|acceptToken/);
});

test('a note to oneself', async (t) => {
  const { ann } = await twoUsers();
  await ann.client.send({ to: [ann.address], parts: [mailPart('remember')], subject: '' });
  await ann.client.sync();
  const sink = memorySink();
  t.like(await ann.client.payload(ann.client.inbox()[0]?.number ?? 0, sink), { status: 'accepted' });
  t.is(textIn(sink), 'remember');
});
