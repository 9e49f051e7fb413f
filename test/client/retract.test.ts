import test from 'ava';
import { rejected } from '../support/identities.ts';
import { filePart, mailPart, memorySink } from './sink.ts';
import { createWorld } from './world.ts';

async function sentOne() {
  const world = createWorld('alpha.test', 'beta.test');
  const ann = await world.addUser('ann', 'alpha.test');
  const bob = await world.addUser('bob', 'beta.test');
  const { recipients } = await ann.client.send({
    to: [bob.address],
    parts: [mailPart('oops')],
    subject: 's',
  });
  return { world, ann, bob, handle: recipients[0]?.handles?.[0] ?? '' };
}

test('withdrawn before the recipient looked', async (t) => {
  const { ann, bob, world } = await sentOne();
  t.deepEqual(await ann.client.retract(1), {
    number: 1,
    recipients: [{ to: bob.address, outcome: 'withdrawn', asked: false }],
  });
  t.like((await bob.client.sync()).entries, [{ number: 1, status: 'withdrawn' }]);
  t.deepEqual(world.fetches, []);
  await bob.client.sync();
  t.deepEqual(world.domains.get('beta.test')?.pending, []);
  t.like(await ann.client.sent(), [{ recipients: [{ state: 'withdrawn' }] }]);
});

test('withdrawn between ref and fetch, and after the header was read', async (t) => {
  const { ann, bob, handle } = await sentOne();
  await bob.client.sync();
  await bob.client.open(1);
  t.like(await ann.client.retract(handle), { recipients: [{ outcome: 'withdrawn_maybe_read' }] });
  await bob.client.sync();
  t.is(bob.client.entry(1).status, 'withdrawn');
  t.is(await rejected(bob.client.payload(1, memorySink())), 'message_gone');
});

test('only who announced a message takes it back, though others know its id', async (t) => {
  const { world, bob } = await sentOne();
  const carl = await world.addUser('carl', 'alpha.test');
  await carl.client.send({ to: [bob.address], parts: [mailPart('hello')], subject: '' });
  await bob.client.sync();
  await bob.client.open(2);
  const pending = world.domains.get('beta.test')?.pending ?? [];
  const [anns, carls] = pending;
  if (anns === undefined || carls === undefined) throw new Error('two refs wait');
  const retracting = { ...anns.ref, labels: { retraction: true } };
  // Over a drop of one's own, and from another domain over the drop of the message.
  const forged = [
    { hash: carls.hash, ref: retracting },
    { hash: anns.hash, ref: { ...retracting, sender: 'beta.test' } },
  ];
  pending.push(...forged);
  await bob.client.sync();
  t.is(bob.client.entry(1).status, 'waiting');
  anns.ref = retracting;
  await bob.client.sync();
  t.is(bob.client.entry(1).status, 'withdrawn');
});

test('who knows an id and announces it first over their own drop does not shadow the real message', async (t) => {
  const { world, bob } = await sentOne();
  const carl = await world.addUser('carl', 'alpha.test');
  await carl.client.send({ to: [bob.address], parts: [mailPart('hello')], subject: '' });
  const pending = world.domains.get('beta.test')?.pending ?? [];
  const [anns, carls] = pending;
  if (anns === undefined || carls === undefined) throw new Error('two refs wait');
  pending.splice(0, 2, { hash: carls.hash, ref: { ...anns.ref } }, carls);
  await bob.client.sync();
  for (const { number } of bob.client.inbox()) await bob.client.open(number);
  t.like(bob.client.inbox(), [{ status: 'refused' }, { status: 'opened' }]);
  world.domains.get('beta.test')?.pending.push(anns);
  await bob.client.sync();
  await bob.client.open(3);
  t.like(bob.client.entry(3), { status: 'opened', from: 'ann@alpha.test' });
  const sink = memorySink();
  await bob.client.payload(3, sink);
  t.is(sink.committed, 1);
});

test('after accept a message asks to forget it', async (t) => {
  const { ann, bob } = await sentOne();
  await bob.client.sync();
  await bob.client.payload(1, memorySink());
  t.like(await ann.client.retract(1), { recipients: [{ outcome: 'already_accepted', asked: true }] });
  t.like((await bob.client.sync()).entries, [{ number: 2, status: 'opened', retracts: 1, length: 0 }]);
  t.like(bob.client.inbox(), [{ number: 1, status: 'accepted', retractedBy: 2 }, { number: 2 }]);
  t.is((await ann.client.sent()).length, 2);
});

test('only the author can ask to forget', async (t) => {
  const { world, ann, bob } = await sentOne();
  const mallory = await world.addUser('mallory', 'alpha.test');
  await bob.client.sync();
  await bob.client.open(1);
  const letterId = bob.client.entry(1).letterId ?? '';
  await mallory.client.send({ to: [bob.address], parts: [mailPart('')], subject: '', retracts: letterId });
  await bob.client.sync();
  await bob.client.open(2);
  t.is(bob.client.entry(1).retractedBy, undefined);
  t.is(bob.client.entry(2).retracts, undefined);
  t.truthy(ann);
});

test('all of a cover is withdrawn; of one accepted in part the recipient is asked', async (t) => {
  const { world, ann, bob } = await sentOne();
  await bob.client.sync();
  await bob.client.open(1);
  const parts = [mailPart('see'), filePart(Uint8Array.of(1, 2))];
  await ann.client.send({ to: [bob.address], parts, subject: 'two' });
  t.like(await ann.client.retract(2), { recipients: [{ outcome: 'withdrawn' }] });
  t.is(world.messages().filter(({ state }) => state === 'withdrawn').length, 3);

  const { number = 0 } = await ann.client.send({ to: [bob.address], parts, subject: 'again' });
  await bob.client.sync();
  const cover = bob.client.inbox().find((entry) => entry.cover === true && entry.status === 'opened');
  await bob.client.payload(cover?.parts?.[0]?.number ?? 0, memorySink());
  t.like(await ann.client.retract(number), { recipients: [{ outcome: 'already_accepted', asked: true }] });
  await bob.client.sync();
  t.is(bob.client.entry(cover?.number ?? 0).retractedBy, bob.client.inbox().at(-1)?.number);
});

test('what is not there', async (t) => {
  const { world, ann, handle } = await sentOne();
  t.is(await rejected(ann.client.retract(2)), 'not_found');
  t.is(await rejected(ann.client.retract('aaaaaaaaaaaaaaaa')), 'not_found');
  const alpha = world.domains.get('alpha.test');
  alpha?.messages.splice(0);
  t.like(await ann.client.retract(handle), { recipients: [{ outcome: 'gone', asked: false }] });
  t.like(await ann.client.sent(), [{ recipients: [{ state: 'unknown' }] }]);
});

test('the list of sent messages reads all pages it needs, newest first', async (t) => {
  const { world, ann, bob } = await sentOne();
  for (let i = 0; i < 4; i++)
    await ann.client.send({ to: [bob.address], parts: [mailPart('x')], subject: `${i}` });
  const sent = await ann.client.sent();
  t.deepEqual(
    sent.map(({ subject }) => subject),
    ['3', '2', '1', '0', 's'],
  );
  t.true(sent.every(({ recipients }) => recipients[0]?.state === 'stored'));
  t.is(world.requests.filter((request) => request.startsWith('GET account/messages')).length, 3);
});
