/** A sending that is cut off goes on: nothing is lost, nothing doubled, and no key meets two contents. */
import test from 'ava';
import type { Client, OutgoingPart } from '../../src/client/index.ts';
import { BeckonError, type ErrorCode } from '../../src/errors.ts';
import { now, rejected, seededRandom } from '../support/identities.ts';
import { sameBytes } from '../support/bytes.ts';
import { filePart, mailPart, memorySink } from './sink.ts';
import { machineOf } from './machine.ts';
import { createWorld, type World } from './world.ts';

/** Several pieces of ciphertext, and several parts of an upload. */
const photo = new Uint8Array(300_000).map((_, at) => at * 7 + (at >> 9));
const partBytes = 80_000;

interface Part {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Whether two parts have other bytes where they overlap. */
function differ(a: Part, b: Part): boolean {
  const [start, end] = [Math.max(a.offset, b.offset), Math.min(endOf(a), endOf(b))];
  const within = ({ offset, bytes }: Part): Uint8Array => bytes.subarray(start - offset, end - offset);
  return start < end && Buffer.compare(within(a), within(b)) !== 0;
}

function endOf({ offset, bytes }: Part): number {
  return offset + bytes.length;
}

interface Uploads {
  readonly uploads: Map<string, readonly Part[]>;
  /** How often a place of an upload got another content. */
  differences: number;
}

/** Notes all ciphertext that leaves. */
function watchUploads(world: World): Uploads {
  const seen: Uploads = { uploads: new Map(), differences: 0 };
  const before = world.before;
  world.before = (request) => {
    before(request);
    const [, upload, offset] = /uploads\/([\w-]+)\/parts\/(\d+)$/.exec(request.path) ?? [];
    if (upload === undefined || offset === undefined) return;
    const bytes = request.body as Uint8Array;
    const known = seen.uploads.get(upload) ?? [];
    for (const one of known) if (differ(one, { offset: Number(offset), bytes })) seen.differences++;
    seen.uploads.set(upload, [...known, { offset: Number(offset), bytes: bytes.slice() }]);
  };
  return seen;
}

async function family() {
  const world = createWorld('alpha.test', 'beta.test', 'gamma.test');
  const ann = await world.addUser('ann', 'alpha.test');
  const bob = await world.addUser('bob', 'beta.test');
  const cem = await world.addUser('cem', 'gamma.test');
  const machine = machineOf(world, ann, { partBytes });
  return { world, bob, cem, machine, uploads: watchUploads(world) };
}

const contents = (bytes: Uint8Array): readonly OutgoingPart[] => [
  { ...mailPart('see the photo'), source: 'text' },
  { ...filePart(bytes, { mediaType: 'image/png', fileName: 'photo.png' }), source: 'photo' },
];

const contentOf =
  (bytes = photo) =>
  async ({ source }: { readonly source?: string }) =>
    contents(bytes).find((part) => part.source === source) as OutgoingPart;

const to = ['bob@beta.test', 'cem@gamma.test'];
const letter = (bytes = photo) => ({ to, parts: contents(bytes), subject: 'photo' });

/** What came to somebody, opened and read. */
async function inboxOf(client: Client): Promise<readonly (readonly Uint8Array[])[]> {
  await client.sync();
  for (const { status, number } of client.inbox()) if (status === 'waiting') await client.open(number);
  await client.sync();
  const found: Uint8Array[][] = [];
  for (const { parts = [] } of client.inbox()) {
    const read: Uint8Array[] = [];
    for (const part of parts) {
      const sink = memorySink();
      await client.payload(part.number, sink);
      read.push(sink.bytes);
    }
    found.push(read);
  }
  return found;
}

test('a sending goes on from every step at which its process can die, and arrives once', async (t) => {
  const { world, bob, cem, machine, uploads } = await family();
  const chance = seededRandom('where the next process dies');
  let arrived = 0;
  let uploaded = 0;
  for (let steps = 1; ; steps += 1 + (chance(1)[0]! % 4)) {
    const before = world.messages().length;
    let client = await machine.start(steps);
    const died = await client.send(letter()).then(
      () => false,
      () => true,
    );
    client = await machine.start(1 + (chance(1)[0]! % 30));
    for (;;) {
      const [unfinished] = await client.sending.unfinished();
      if (unfinished === undefined) break;
      t.true(unfinished.done <= unfinished.total);
      const failed = await client.sending
        .resume(unfinished.number, contentOf())
        .catch((error: Error) => error);
      t.true(!(failed instanceof Error) || machine.steps() > 0);
      client = await machine.start(1 + (chance(1)[0]! % 60));
    }
    const fresh = world.messages().slice(before);
    t.true(fresh.every(({ state }) => state === 'stored'));
    t.true([0, 6].includes(fresh.length), `${fresh.length} messages after step ${steps}`);
    if (fresh.length > 0) arrived++;
    if (!died) break;
  }
  t.true(arrived > 10);
  t.is(uploads.differences, 0);
  for (const sent of uploads.uploads.values()) if (sent.some((part) => endOf(part) > 299_000)) uploaded++;
  t.is(uploaded, arrived, 'no upload began anew');
  const last = await machine.start();
  t.is((await last.sent()).length, arrived);
  t.is(new Set((await last.sent()).map(({ number }) => number)).size, arrived);
  for (const { client } of [bob, cem]) {
    const found = await inboxOf(client);
    t.is(found.length, arrived);
    t.true(found.every(([, bytes = new Uint8Array()]) => Buffer.from(bytes).equals(photo)));
  }
});

/** Cut off in the middle of the photo. */
async function cutOff() {
  const parts = await family();
  const { world, machine } = parts;
  const client = await machine.start();
  const { after } = world;
  let count = 0;
  world.after = (request) => {
    after(request);
    if (request.path.includes('/parts/') && ++count === 3)
      throw new BeckonError('storage_failed', 'no power');
  };
  await refusedWith(client.send(letter()), 'storage_failed');
  world.after = after;
  world.requests.length = 0;
  return { ...parts, client: await machine.start() };
}

async function refusedWith(action: Promise<unknown>, code: ErrorCode): Promise<void> {
  const found = await rejected(action);
  if (found !== code) throw new Error(`${found} instead of ${code}`);
}

test('what was cut off says how far it came, and is not sent again', async (t) => {
  const { world, client } = await cutOff();
  const [entry] = await client.sending.unfinished();
  t.like(entry, {
    number: 1,
    subject: 'photo',
    created: now,
    to,
    parts: [
      { mediaType: 'message/rfc822', source: 'text' },
      { fileName: 'photo.png', length: 300_000 },
    ],
  });
  t.true(entry !== undefined && entry.done > 0 && entry.done < entry.total);
  t.deepEqual(await client.sent(), []);
  const steps: number[] = [];
  const result = await client.sending.resume(1, contentOf(), ({ part, done }) => steps.push(part, done));
  t.is(result.number, 1);
  t.deepEqual(
    result.recipients.map(({ handles }) => handles?.length),
    [3, 3],
  );
  t.is(steps[0], 1, 'the text is there already');
  t.true(steps[1]! >= 2 * partBytes);
  const sentParts = world.requests.filter((request) => /parts\/[1-9]/.test(request));
  t.true(
    sentParts.length > 0 && sentParts.every((request) => Number(request.split('/').at(-1)) >= 2 * partBytes),
  );
  t.deepEqual(await client.sending.unfinished(), []);
  t.is(await rejected(client.sending.resume(1, contentOf())), 'not_found');
  t.like(await client.sent(), [{ number: 1, recipients: [{ state: 'stored' }, { state: 'stored' }] }]);
});

for (const [what, bytes] of [
  ['at its beginning', photo.with(0, 1)],
  ['in what may have left', photo.with(200_000, 1)],
  ['in length', photo.subarray(0, 299_999)],
] as const)
  test(`a content that changed ${what} is sent as it is now, under another key`, async (t) => {
    const { world, bob, client, uploads } = await cutOff();
    const before = new Set(uploads.uploads.keys());
    await client.sending.resume(1, contentOf(bytes));
    t.is(uploads.differences, 0);
    t.is(world.domains.get('alpha.test')?.uploads.size, 0, 'the one before is given up');
    t.true(
      [...uploads.uploads].some(
        ([name, all]) => !before.has(name) && all.some((part) => endOf(part) > 299_000),
      ),
    );
    const [read] = await inboxOf(bob.client);
    sameBytes(t, read?.[1], bytes);
  });

test('where the domain has forgotten upload and ids, they are made anew', async (t) => {
  const { world, bob, client, machine } = await cutOff();
  const home = world.domains.get('alpha.test')!;
  home.uploads.clear();
  home.reserved.clear();
  world.clock.advance(2 * 86_400);
  await client.sending.resume(1, contentOf());
  t.is((await inboxOf(bob.client)).length, 1);
  t.is(world.messages().length, 6);
  t.is((await (await machine.start()).sent()).length, 1);
});

test('a commit that the domain forgot is another one', async (t) => {
  const { world, bob, machine } = await family();
  const client = await machine.start();
  const { before } = world;
  world.before = (request) => {
    before(request);
    if (request.method === 'POST' && request.path.endsWith('/messages'))
      throw new BeckonError('unavailable', 'not now');
  };
  t.is(await rejected(client.send(letter())), 'unavailable');
  world.before = before;
  const home = world.domains.get('alpha.test')!;
  home.uploads.clear();
  home.reserved.clear();
  const later = await machine.start();
  await later.sending.resume(1, contentOf());
  t.is((await inboxOf(bob.client)).length, 1);
  t.is(world.messages().length, 6);
});

test('who is reached another way by now gets all of it that way', async (t) => {
  const { world, bob, cem, client } = await cutOff();
  const { number } = await bob.client.send({ to: ['ann@alpha.test'], parts: [mailPart('hi')], subject: '' });
  t.is(number, 1);
  await client.sync();
  await client.open(client.inbox()[0]?.number ?? 0);
  const result = await client.sending.resume(1, contentOf());
  t.like(result.recipients, [{ way: 'drop' }, { way: 'introduction' }]);
  const own = world.messages().filter(({ destination }) => destination !== 'alpha.test');
  t.deepEqual(own.map(({ state }) => state).toSorted(), [
    ...Array.from({ length: 6 }, () => 'stored'),
    ...Array.from({ length: 2 }, () => 'withdrawn'),
  ]);
  for (const one of [bob, cem])
    t.is((await inboxOf(one.client)).filter((parts) => parts.length === 2).length, 1);
});

test('what is discarded is taken back', async (t) => {
  const { world, client } = await cutOff();
  const { uploads } = world.domains.get('alpha.test')!;
  t.is(uploads.size, 1);
  await client.sending.discard(1);
  t.is(uploads.size, 0, 'nor does it count any more');
  t.deepEqual(
    world.messages().map(({ state }) => state),
    ['withdrawn', 'withdrawn'],
  );
  t.deepEqual(await client.sending.unfinished(), []);
  t.deepEqual(await client.sent(), []);
  t.is(await rejected(client.sending.discard(1)), 'not_found');
  t.is((await client.send(letter())).number, 2);
});

test('who cannot be written to now stops it for now', async (t) => {
  const { world, client } = await cutOff();
  world.outcomes.set('bob@beta.test', { kind: 'later', reason: 'timeout' });
  const stopped = await client.sending.resume(1, contentOf());
  t.is(stopped.number, undefined);
  t.like(stopped.recipients, [{ code: 'discovery_later' }, { outcome: 'native' }]);
  t.is((await client.sending.unfinished()).length, 1);
  world.clock.advance(14 * 86_400 - 3599);
  t.is(await rejected(client.sending.resume(1, contentOf())), 'message_gone');
});

test('a request to forget goes on as what it is', async (t) => {
  const { world, bob, machine } = await family();
  const client = await machine.start();
  const { number = 0, letterId = '' } = await client.send({ ...letter(), to: to.slice(0, 1) });
  await inboxOf(bob.client);
  const { before } = world;
  world.before = (request) => {
    before(request);
    if (request.path.endsWith('/messages') && request.method === 'POST')
      throw new BeckonError('unavailable', 'not now');
  };
  t.is(await rejected(client.retract(number)), 'unavailable');
  world.before = before;
  const later = await machine.start();
  const [entry] = await later.sending.unfinished();
  t.like(entry, { parts: [{ length: 0 }] });
  await later.sending.resume(entry?.number ?? 0, async () => ({ length: 0, open: async function* () {} }));
  await bob.client.sync();
  t.like(bob.client.inbox().at(-1), { parents: [letterId], retracts: 3 });
});

test('what is damaged, or of an enrolment before, is not sent', async (t) => {
  const { machine } = await cutOff();
  const saved = machine.sending.text ?? '';
  machine.sending.text = saved.replace('"number":1,', '"number":99,');
  t.deepEqual(await (await machine.start()).sending.unfinished(), []);
  machine.sending.text = saved.replace('ann@alpha.test', 'eve@alpha.test');
  t.deepEqual(await (await machine.start()).sending.unfinished(), []);
  for (const damaged of [saved.slice(1), saved.replace('"done":1', '"done":-1'), '{}']) {
    machine.sending.text = damaged;
    t.is(await rejected((await machine.start()).sending.unfinished()), 'state_invalid');
  }
  t.true(saved.includes('beckon-sending-1'));
});
