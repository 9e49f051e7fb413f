/** A part that is seen before its cover is nothing by itself. wire-spec/message.md section 6. */
import { randomUUID } from 'node:crypto';
import test from 'ava';
import type { OutgoingPart } from '../../src/client/api.ts';
import { letAlone } from '../../src/client/belonging.ts';
import { inboxOf } from '../../src/client/inbox.ts';
import type { ClientState, ListedPart, Received } from '../../src/client/state.ts';
import { BeckonError } from '../../src/errors.ts';
import { mediaTypes, times } from '../../src/wire/registry.ts';
import { now, rejected } from '../support/identities.ts';
import { filePart, mailPart, memorySink, textIn } from './sink.ts';
import { createWorld, type TestClient, type World } from './world.ts';

const day = times.partWait;
const cat = Uint8Array.of(1, 2, 3);
const letterAndCat = [
  mailPart('see the cat'),
  filePart(cat, { mediaType: 'image/png', fileName: 'cat.png' }),
];
const hour = 3600;

/** Bob knows Ann: what comes from her is opened without asking. */
async function friends() {
  const world = createWorld('alpha.test', 'beta.test');
  const ann = await world.addUser('ann', 'alpha.test');
  const bob = await world.addUser('bob', 'beta.test');
  await ann.client.send({ to: [bob.address], parts: [mailPart('hello')], subject: '' });
  await bob.client.sync();
  await bob.client.payload(1, memorySink());
  return { world, ann, bob };
}

/** Ann's line breaks before her nth commit from now on, until it is mended. */
function breakBefore(world: World, nth: number): () => void {
  let commits = 0;
  world.before = ({ method, path }) => {
    if (method === 'POST' && path.endsWith('account/messages') && ++commits >= nth)
      throw new BeckonError('network_failed', 'the line broke');
  };
  return () => {
    world.before = () => {};
  };
}

/** The parts go out, and nothing more. */
async function sendWithoutCover(
  { world, ann, bob }: { world: World; ann: TestClient; bob: TestClient },
  options: { readonly parts?: readonly OutgoingPart[]; readonly expires?: number } = {},
) {
  const { parts = letterAndCat, ...more } = options;
  const mend = breakBefore(world, parts.length + 1);
  const failed = await rejected(ann.client.send({ to: [bob.address], parts, subject: 'cat', ...more }));
  mend();
  if (failed !== 'network_failed') throw new Error(`it was not cut off: ${failed}`);
  const contents = parts.values();
  const [unfinished] = await ann.client.sending.unfinished();
  return {
    resume: () =>
      ann.client.sending.resume(unfinished?.number ?? 0, async () => contents.next().value ?? filePart(cat)),
    discard: () => ann.client.sending.discard(unfinished?.number ?? 0),
  };
}

const shown = ({ client }: TestClient) => client.inbox().slice(1);

test('parts whose cover has not come are no messages: not new, not read, not accepted; then the cover brings all', async (t) => {
  const home = await friends();
  const { world, bob } = home;
  const { resume } = await sendWithoutCover(home);
  t.deepEqual((await bob.client.sync()).entries, [], 'nothing came yet');
  t.like(shown(bob), [
    { number: 2, status: 'waiting', from: home.ann.address, restUntil: now + day },
    { number: 3, status: 'waiting', restUntil: now + day },
  ]);
  const fetches = world.fetches.length;
  for (const number of [2, 3]) {
    t.is(await rejected(bob.client.payload(number, memorySink())), 'unavailable');
    t.is((await bob.client.open(number)).status, 'waiting');
    t.throws(() => bob.client.reply(number), { code: 'unavailable' });
  }
  t.is(world.fetches.length, fetches, 'nobody was asked for it');
  const again = await bob.restart();
  t.deepEqual((await again.client.sync()).entries, []);

  t.is((await resume()).number, 2);
  const { entries } = await again.client.sync();
  t.like(entries, [
    { number: 4, status: 'opened', cover: true, parts: [{ number: 2, status: 'opened' }, { number: 3 }] },
  ]);
  t.deepEqual(shown(again), entries);
  const sink = memorySink();
  await again.client.payload(2, sink);
  t.is(textIn(sink), 'see the cat');
  await again.client.payload(3, memorySink());
  await again.client.sync();
  t.like(shown(again), [{ number: 4, status: 'accepted' }]);
  t.true(world.messages().every(({ state }) => state === 'accepted'));
});

test('the datagram of a cover is lost: its parts wait until it comes again', async (t) => {
  const { world, ann, bob } = await friends();
  await ann.client.send({ to: [bob.address], parts: letterAndCat, subject: '' });
  const beta = world.domains.get('beta.test');
  const lost = beta?.pending.pop();
  t.deepEqual((await bob.client.sync()).entries, []);
  world.clock.advance(4);
  t.deepEqual((await bob.client.sync()).entries, []);
  beta?.pending.push(lost!);
  t.like((await bob.client.sync()).entries, [{ cover: true, parts: [{ number: 2 }, { number: 3 }] }]);
});

test('a cover whose parts’ own refs come later has them all the same', async (t) => {
  const { world, ann, bob } = await friends();
  await ann.client.send({ to: [bob.address], parts: letterAndCat, subject: '' });
  const beta = world.domains.get('beta.test');
  const late = beta?.pending.splice(-3, 2) ?? [];
  t.like((await bob.client.sync()).entries, [
    { number: 2, cover: true, parts: [{ status: 'opened' }, { status: 'opened' }] },
  ]);
  beta?.pending.push(...late);
  t.deepEqual((await bob.client.sync()).entries, []);
  t.is(shown(bob).length, 1);
});

test('a part whose cover does not come for a day is a message by itself; the cover may still come', async (t) => {
  const home = await friends();
  const { world, bob } = home;
  const { resume } = await sendWithoutCover(home);
  await bob.client.sync();
  world.clock.advance(day - 1);
  t.deepEqual((await bob.client.sync()).entries, []);
  world.clock.advance(1);
  const { entries } = await bob.client.sync();
  t.like(entries, [
    { number: 2, status: 'opened', mediaType: 'message/rfc822', restUntil: undefined },
    { number: 3, status: 'opened', fileName: 'cat.png', restUntil: undefined },
  ]);
  await bob.client.payload(2, memorySink());
  t.deepEqual((await bob.client.sync()).entries, [], 'it comes up once');
  await resume();
  t.like((await bob.client.sync()).entries, [
    {
      number: 4,
      cover: true,
      parts: [
        { number: 2, status: 'accepted' },
        { number: 3, status: 'opened' },
      ],
    },
  ]);
  t.is(shown(bob).length, 1);
});

test('what ends soon does not wait for its cover until it is lost', async (t) => {
  const home = await friends();
  const { world, bob } = home;
  await sendWithoutCover(home, { expires: now + hour + 60 });
  await bob.client.sync();
  t.like(shown(bob), [{ restUntil: now + hour / 2 + 30 }, { number: 3 }]);
  world.clock.advance(hour / 2 + 30);
  t.like((await bob.client.sync()).entries, [{ number: 2, status: 'opened' }, { number: 3 }]);
});

test('who was away until a part without cover ended is told that it expired', async (t) => {
  const home = await friends();
  await sendWithoutCover(home, { expires: now + hour + 60 });
  await home.bob.client.sync();
  home.world.clock.advance(2 * hour);
  await home.bob.client.sync();
  t.like(shown(home.bob), [
    { number: 2, status: 'expired' },
    { number: 3, status: 'expired' },
  ]);
});

test('parts that are taken back before their cover came were never messages', async (t) => {
  const home = await friends();
  const { discard } = await sendWithoutCover(home);
  await home.bob.client.sync();
  t.is(shown(home.bob).length, 2);
  await discard();
  t.deepEqual((await home.bob.client.sync()).entries, []);
  t.deepEqual(shown(home.bob), []);
  home.world.clock.advance(day);
  await home.bob.client.sync();
  t.deepEqual(shown(home.bob), []);
});

test('a message of several parts that is being taken back is no message of fewer parts', async (t) => {
  const { world, ann, bob } = await friends();
  const { number = 0 } = await ann.client.send({ to: [bob.address], parts: letterAndCat, subject: '' });
  let retracted = 0;
  world.before = ({ path }) => {
    if (path.endsWith('/retract') && ++retracted > 1) throw new BeckonError('network_failed', 'it broke');
  };
  t.is(await rejected(ann.client.retract(number)), 'network_failed');
  world.before = () => {};
  t.like((await bob.client.sync()).entries, [{ status: 'withdrawn' }]);
  t.like(await ann.client.retract(number), { recipients: [{ outcome: 'withdrawn_maybe_read' }] });
  await bob.client.sync();
  t.like(shown(bob), [{ status: 'withdrawn' }]);
});

test('a part that the user is done with before its cover comes stands under it as that', async (t) => {
  const home = await friends();
  const { resume } = await sendWithoutCover(home);
  await home.bob.client.sync();
  await home.bob.client.ignore(3);
  t.like(shown(home.bob), [{ number: 2 }]);
  await resume();
  await home.bob.client.sync();
  t.like(shown(home.bob), [{ cover: true, parts: [{ status: 'opened' }, { status: 'ignored' }] }]);
});

test('what is sent by itself says nothing of a cover, and neither does a cover', async (t) => {
  const { ann, bob } = await friends();
  await ann.client.send({ to: [bob.address], parts: letterAndCat, subject: '' });
  await ann.client.send({ to: [bob.address], parts: [filePart(cat)], subject: '' });
  await bob.client.sync();
  const { received } = JSON.parse(bob.state.text ?? '') as ClientState;
  t.deepEqual(
    Object.values(received)
      .toSorted((a, b) => a.number - b.number)
      .map(({ opened }) => [opened?.mediaType, opened?.part]),
    [
      ['message/rfc822', undefined],
      ['message/rfc822', true],
      ['image/png', true],
      [mediaTypes.cover, undefined],
      ['application/octet-stream', undefined],
    ],
  );
});

// --- Senders who make up what they like -----------------------------------------------------------------------

const idOf = (name: string): string => name.repeat(43).slice(0, 42) + 'A';

function received(number: number, name: string, more: Partial<Received['opened']> = {}): Received {
  const hash = idOf('h');
  return {
    number,
    id: idOf(name),
    pollKey: idOf('p'),
    senderDomain: 'alpha.test',
    expires: now + 14 * day,
    firstSeen: now,
    sizeClass: 12,
    status: 'opened',
    opened: {
      sender: 'ann@alpha.test',
      author: 'ann@alpha.test',
      forwarded: false,
      letterId: randomUUID(),
      parents: [],
      created: now,
      mediaType: mediaTypes.cover,
      length: 1,
      plaintextHash: hash,
      payloadSize: 1,
      payloadHash: hash,
      ...more,
    },
  };
}

const listing = (...names: readonly string[]): readonly ListedPart[] =>
  names.map((name) => ({ id: idOf(name), expires: now + day, mediaType: 'text/plain', length: 1 }));

function stateOf(...all: readonly Received[]): ClientState {
  const entries = all.map((one) => [`${one.pollKey} ${one.id}`, one] as const);
  return {
    address: 'bob@beta.test',
    received: Object.fromEntries(entries),
    sent: [],
    drops: {},
    contacts: {},
    accepts: [],
    done: {},
  } as unknown as ClientState;
}

test('covers that list covers stand by themselves, in a circle too', (t) => {
  const state = stateOf(
    received(1, 'a', { parts: listing('b') }),
    received(2, 'b', { parts: listing('c') }),
    received(3, 'c', { parts: listing('b', 'd') }),
    received(4, 'd', { mediaType: 'text/plain', part: true }),
  );
  t.like(inboxOf(state), [{ number: 1, parts: [] }, { number: 2, parts: [] }, { parts: [{ number: 4 }] }]);
});

test('a cover in whose own header the flag stands is shown all the same', (t) => {
  t.like(inboxOf(stateOf(received(1, 'a', { parts: [], part: true }))), [{ number: 1, status: 'opened' }]);
});

test('a cover that came another way does not make a part of a message', (t) => {
  const part = received(1, 'b', { mediaType: 'text/plain', part: true });
  const cover = received(2, 'a', { parts: listing('b') });
  for (const other of [{ pollKey: idOf('q') }, { senderDomain: 'gamma.test' }])
    t.like(inboxOf(stateOf(part, { ...cover, ...other })), [
      { number: 1, restUntil: now + day },
      { number: 2 },
    ]);
  t.like(inboxOf(stateOf(part, cover)), [{ number: 2, parts: [{ number: 1, status: 'opened' }] }]);
});

test('time lets alone what no cover lists, and nothing else', (t) => {
  const part = { mediaType: 'text/plain', part: true } as const;
  const state = stateOf(
    received(1, 'a', { parts: listing('b') }),
    received(2, 'b', part),
    received(3, 'c', part),
    { ...received(4, 'd', part), firstSeen: now + 1 },
    { ...received(5, 'e', part), status: 'withdrawn' },
    received(6, 'f', { mediaType: 'text/plain' }),
  );
  const later = letAlone(state, now + day);
  t.deepEqual(
    Object.values(later.received).flatMap(({ number, alone }) => (alone === true ? [number] : [])),
    [3],
  );
});
