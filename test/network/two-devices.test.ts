/** One person with several devices, and one who lost theirs, over whole domains. */
import test from 'ava';
import type { Client } from '../../src/client/index.ts';
import { parseState } from '../../src/client/state-json.ts';
import { rejected } from '../support/identities.ts';
import { mailPart, memorySink, textIn } from '../client/sink.ts';
import { eventually } from './eventually.ts';
import { memoryFile, openClient, type Files } from './person.ts';
import { startTown, type Town } from './town.ts';

const files = (): Files => ({ state: memoryFile(), secrets: memoryFile() });
const day = 86_400;

interface Device extends Files {
  readonly client: Client;
}

/** A device of somebody over files, which ends with the test. */
async function device(town: Town, stack: AsyncDisposableStack, saved = files()): Promise<Device> {
  const client = await openClient(saved, town.clock, town.surroundings);
  stack.defer(() => client.close());
  return { ...saved, client };
}

async function second(town: Town, stack: AsyncDisposableStack, first: Client): Promise<Device> {
  const phone = await device(town, stack);
  await phone.client.pair((await first.devices.add()).code, 'phone');
  return phone;
}

const letter = (to: string, text: string) => ({ to: [to], parts: [mailPart(text)], subject: text });

async function read(client: Client, number: number): Promise<string> {
  const sink = memorySink();
  await client.payload(number, sink);
  return textIn(sink);
}

/** Collects until so many messages are there. */
const holds = (client: Client, count: number) =>
  eventually('messages', async () => {
    await client.sync();
    const inbox = client.inbox();
    return inbox.length >= count ? inbox : undefined;
  });

const subjects = async (client: Client): Promise<string[]> =>
  (await client.sent()).map(({ subject }) => subject).toSorted();

test('two devices at once: both write, both poll, both read; nothing is lost and nothing comes twice', async (t) => {
  await using town = await startTown();
  await using stack = new AsyncDisposableStack();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  const laptop = ann.client();
  const phone = (await second(town, stack, laptop)).client;

  const results = await Promise.all([
    ...[1, 2].map((n) => laptop.send(letter(bob.address, `laptop ${n}`))),
    ...[1, 2].map((n) => phone.send(letter(bob.address, `phone ${n}`))),
  ]);
  t.true(results.every(({ recipients }) => recipients[0]?.way === 'introduction'));
  const arrived = await holds(bob.client(), 4);
  const texts: string[] = [];
  for (const { number } of arrived) texts.push(await read(bob.client(), number));
  t.deepEqual(texts.toSorted(), ['laptop 1', 'laptop 2', 'phone 1', 'phone 2']);

  for (const n of [1, 2, 3]) await bob.send([ann.address], `answer ${n}`);
  const [here, there] = await Promise.all([holds(laptop, 3), holds(phone, 3)]);
  t.true([...here, ...there].every(({ status, way }) => status === 'opened' && way === 'drop'));
  await Promise.all([laptop.sync(), phone.sync()]);
  t.is(laptop.inbox().length, 3);
  t.is(phone.inbox().length, 3);

  const first = await textOf(bob.client(), here[0]?.sha256, 'answer');
  t.is(await read(laptop, here[0]?.number ?? 0), first);
  await phone.sync();
  const [accepted, ...more] = phone.inbox().filter(({ status }) => status === 'accepted');
  t.is(more.length, 0);
  t.is(await read(phone, accepted?.number ?? 0), first, 'read here is read there');
  await Promise.all([laptop.sync(), phone.sync()]);
  t.deepEqual(await subjects(laptop), ['laptop 1', 'laptop 2', 'phone 1', 'phone 2']);
  t.deepEqual(await subjects(phone), await subjects(laptop));
  t.deepEqual(town.logged, []);
});

/** The text of what was sent, by its hash. */
async function textOf(sender: Client, sha256: string | undefined, prefix: string): Promise<string> {
  const sent = await sender.sent();
  const found = sent.find(({ recipients }) => recipients[0]?.messages[0]?.sha256 === sha256);
  const index = sent.length - sent.indexOf(found ?? sent[0]!);
  return `${prefix} ${index}`;
}

test('a lost device: address and phrase bring back what was known, and what still comes to its drops', async (t) => {
  await using town = await startTown();
  await using stack = new AsyncDisposableStack();
  const bob = await town.enroll('bob@beta.test');
  const { invitation } = await town.hoster('alpha').admin.inviteUser('ann@alpha.test');
  const lost = await device(town, stack);
  const { phrase = '' } = await lost.client.enroll(invitation, 'laptop');
  await lost.client.send(letter(bob.address, 'before the loss'));
  await bob.arrivals();
  t.is(await bob.read(1), 'before the loss');
  await bob.send(['ann@alpha.test'], 'read before the loss');
  const [known] = await holds(lost.client, 1);
  t.is(await read(lost.client, known?.number ?? 0), 'read before the loss');
  await bob.send(['ann@alpha.test'], 'to a drop of the lost one');

  const found = await device(town, stack);
  t.like(await found.client.restore('ann@alpha.test', phrase, 'new laptop'), {
    received: 1,
    sent: 1,
    contacts: 1,
  });
  const [kept] = found.client.inbox();
  t.like(kept, { status: 'accepted', kept: true });
  t.is(await read(found.client, kept?.number ?? 0), 'read before the loss');
  const [, arrived] = await holds(found.client, 2);
  t.like(arrived, { from: bob.address, way: 'drop', answers: undefined });
  t.is(await read(found.client, arrived?.number ?? 0), 'to a drop of the lost one');
  t.like((await found.client.send(letter(bob.address, 'after the loss'))).recipients, [{ way: 'drop' }]);
  t.is((await bob.arrivals()).length, 1);
  t.deepEqual(await subjects(found.client), ['after the loss', 'before the loss']);

  // What was lost is found by somebody else: it is shut out.
  await found.client.devices.remove('laptop');
  t.is(await rejected(lost.client.sync()), 'unauthorized');
  t.deepEqual(town.logged, []);
});

test('a device that was off for weeks learns what the other did, and brings nothing back', async (t) => {
  await using town = await startTown();
  await using stack = new AsyncDisposableStack();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  const phone = (await second(town, stack, ann.client())).client;
  await ann.send([bob.address], 'first', { subject: 'first' });
  await bob.arrivals();
  await bob.read(1);
  await bob.send([ann.address], 'answer');
  await holds(phone, 1);

  for (let week = 0; week < 6; week++) {
    town.clock.advance(7 * day);
    await town.hoster('alpha').catchUp();
    await town.hoster('beta').catchUp();
    if (week === 0) await ann.read((await holds(ann.client(), 1))[0]?.number ?? 0);
    await ann.client().sync();
  }
  await ann.send([bob.address], 'six weeks later', { subject: 'six weeks later' });
  const before = parseState(ann.state.text ?? '');
  await phone.sync();
  t.like(phone.inbox(), [{ status: 'accepted', from: bob.address }]);
  t.deepEqual(await subjects(phone), ['first', 'six weeks later']);
  await ann.client().sync();
  const after = parseState(ann.state.text ?? '');
  t.is(after.record, before.record, 'keys rotated once, for both');
  t.deepEqual(Object.keys(after.drops).toSorted(), Object.keys(before.drops).toSorted());
  t.is(ann.client().inbox()[0]?.status, 'accepted');
  await phone.send(letter(bob.address, 'from the phone'));
  t.is((await holds(bob.client(), 3)).length, 3);
});

test('after theft: what the thief holds opens and reads nothing that comes later', async (t) => {
  await using town = await startTown();
  await using stack = new AsyncDisposableStack();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  const stolen = await second(town, stack, ann.client());
  await ann.send([bob.address], 'first');
  await bob.arrivals();
  await bob.read(1);
  await stolen.client.sync();

  town.clock.advance(60);
  const { phrase = '' } = await ann.client().devices.remove('phone', { stolen: true });
  t.is(phrase.split(' ').length, 24);
  t.is(await rejected(stolen.client.sync()), 'unauthorized');
  t.is(await rejected(stolen.client.send(letter(bob.address, 'as Ann'))), 'unauthorized');
  town.clock.advance(day);
  await bob.restart();
  t.like((await bob.send([ann.address], 'after the theft')).recipients, [{ way: 'introduction' }]);
  const arrived = await holds(ann.client(), 1);
  t.is(await ann.read(arrived[0]?.number ?? 0), 'after the theft');
  const seeds = Object.values(parseState(stolen.state.text ?? '').drops);
  t.true(seeds.every(({ created }) => created < town.clock.seconds() - 1));
});

test('a sender who is ignored on one device is ignored on all; taken back on another, on all', async (t) => {
  await using town = await startTown();
  await using stack = new AsyncDisposableStack();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  const laptop = bob.client();
  const phone = (await second(town, stack, laptop)).client;
  await laptop.ignoreSender(ann.address);
  await ann.send([bob.address], 'hello');
  await town.hoster('alpha').catchUp();
  await town.hoster('beta').catchUp();
  t.deepEqual((await phone.sync()).entries, []);
  t.deepEqual(phone.ignoredSenders(), [ann.address]);
  t.deepEqual(await phone.ignoreSender(ann.address, false), { address: ann.address, ignored: false });
  await laptop.sync();
  t.deepEqual(laptop.ignoredSenders(), []);
  await ann.send([bob.address], 'again');
  for (const client of [laptop, phone]) t.like(await holds(client, 1), [{ from: ann.address }]);
});
