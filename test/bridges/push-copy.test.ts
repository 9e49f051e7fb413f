/** Messages of several parts become one mail of the store, whatever came when. wire-spec/bridges.md section 6. */
import test from 'ava';
import type { MailStore } from '../../src/bridges/imap-store.ts';
import { copyNew, type CopyParts } from '../../src/bridges/push-copy.ts';
import type { Later } from '../../src/directory/remote.ts';
import { Secret } from '../../src/crypto/secret.ts';
import { BeckonError } from '../../src/errors.ts';
import type { PushMark } from '../../src/store/api/gateways.ts';
import { pushRuleKinds, times } from '../../src/wire/registry.ts';
import { rejected } from '../support/identities.ts';
import { filePart, mailPart, memorySink } from '../client/sink.ts';
import { createWorld, type TestClient, type World } from '../client/world.ts';

const day = times.partWait;
const letter = 'From: ann@alpha.test\r\nTo: bob@beta.test\r\nSubject: cat\r\n\r\nsee the cat\r\n';
const cat = filePart(Uint8Array.of(1, 2, 3), { mediaType: 'image/png', fileName: 'cat.png' });
const dog = filePart(Uint8Array.of(4, 5, 6), { mediaType: 'image/png', fileName: 'dog.png' });
const [catBytes, dogBytes, letterBytes] = [/AQID/, /BAUG/, /RnJvbTogYW5uQGFscGhh/];

interface Home {
  readonly world: World;
  readonly ann: TestClient;
  readonly bob: TestClient;
  readonly stored: { readonly folder: string; readonly text: string }[];
  /** The store takes it, and the line breaks before it says so. */
  breakAfterAppend: boolean;
  /** Collects and copies; gives all that the store has by then. */
  look(more?: Partial<CopyParts>): Promise<readonly string[]>;
}

/** Bob knows Ann, and has what is new copied. */
async function home(): Promise<Home> {
  const world = createWorld('alpha.test', 'beta.test');
  const ann = await world.addUser('ann', 'alpha.test');
  const bob = await world.addUser('bob', 'beta.test');
  await ann.client.send({ to: [bob.address], parts: [mailPart('hello')], subject: '' });
  await bob.client.sync();
  await bob.client.payload(1, memorySink());
  const marks = new Map<string, PushMark>();
  const stored: { folder: string; text: string }[] = [];
  const made: Home = {
    world,
    ann,
    bob,
    stored,
    breakAfterAppend: false,
    async look(more) {
      await bob.client.sync();
      await copyNew({
        client: bob.client,
        owner: { domain: 'beta.test', user: new Uint8Array(32) },
        push: { folder: 'INBOX', rules: [] },
        since: 0,
        secret: new Secret(new Uint8Array(32).fill(7)),
        marks: {
          mark: async (_owner, mark) => marks.get(String(mark)),
          setMark: async (_owner, mark, state) => void marks.set(String(mark), state),
        },
        clock: world.clock,
        store: async () => store,
        appended: () => undefined,
        ...more,
      });
      return stored.map(({ text }) => text);
    },
  };
  const store: MailStore = {
    has: async (folder, name) =>
      stored.some((one) => one.folder === folder && one.text.startsWith(`X-Beckon-Letter: ${name}\r\n`)),
    async append(folder, message) {
      stored.push({ folder, text: Buffer.from(message).toString('utf8') });
      if (made.breakAfterAppend) throw new BeckonError('network_failed', 'the line broke');
    },
    close: async () => undefined,
  };
  return made;
}

/** Sends until the line breaks before the nth commit; gives how to go on. */
async function cutOff({ world, ann, bob }: Home, parts: readonly (typeof cat)[], nth: number) {
  let commits = 0;
  world.before = ({ method, path }) => {
    if (method === 'POST' && path.endsWith('account/messages') && ++commits >= nth)
      throw new BeckonError('network_failed', 'the line broke');
  };
  const failed = await rejected(ann.client.send({ to: [bob.address], parts, subject: 'cat' }));
  if (failed !== 'network_failed') throw new Error(`it was not cut off: ${failed}`);
  world.before = () => {};
  const [unfinished] = await ann.client.sending.unfinished();
  const left = parts.slice(nth - 1).values();
  return () => ann.client.sending.resume(unfinished?.number ?? 0, async () => left.next().value ?? cat);
}

const states = ({ world }: Home) => world.messages().map(({ state }) => state);
const silence: Later = { kind: 'later', reason: 'http_503' };

/** The nth fetch of this kind from now on, and those after it, find nobody. */
function silentFrom({ world }: Home, kind: 'message' | 'payload', nth: number): () => void {
  let count = 0;
  world.fetch = (what) => (what === kind && ++count >= nth ? silence : undefined);
  return () => {
    world.fetch = () => undefined;
  };
}

test('a part is not copied before its cover: one mail has all, and then it is accepted', async (t) => {
  const at = await home();
  const resume = await cutOff(at, [mailPart(letter), cat], 3);
  t.deepEqual(await at.look(), []);
  at.world.clock.advance(day - 1);
  t.deepEqual(await at.look(), []);
  t.deepEqual(states(at).slice(1), ['stored', 'stored']);
  await resume();
  const [mail = '', ...more] = await at.look();
  t.deepEqual(more, []);
  t.regex(mail, letterBytes);
  t.regex(mail, catBytes);
  t.true((await at.look()).length === 1);
  t.true(states(at).every((state) => state === 'accepted'));
});

test('after a day parts are copied by themselves; a cover that comes later adds what the store has not', async (t) => {
  const at = await home();
  const resume = await cutOff(at, [mailPart(letter), cat], 2);
  t.deepEqual(await at.look(), []);
  at.world.clock.advance(day);
  const [alone = ''] = await at.look();
  t.true(alone.endsWith(letter));
  await resume();
  const [, mail = '', ...more] = await at.look();
  t.deepEqual(more, []);
  t.regex(mail, catBytes);
  t.regex(mail, /\[a letter: 70 bytes, it was copied before, by itself\]/);
  t.notRegex(mail, letterBytes);
  t.true(states(at).every((state) => state === 'accepted'));

  // All of another one stood alone: its cover has nothing to add.
  const goOn = await cutOff(at, [cat, dog], 3);
  await at.look();
  at.world.clock.advance(day);
  t.is((await at.look()).length, 4);
  await goOn();
  await at.look();
  t.is((await at.look()).length, 4);
  t.true(states(at).every((state) => state === 'accepted'));
});

test('what is gone of a message is named, and the rest is copied', async (t) => {
  const at = await home();
  await at.ann.client.send({ to: [at.bob.address], parts: [mailPart(letter), cat, dog], subject: '' });
  await at.bob.client.sync();
  const [, withdrawn] = at.bob.client.inbox().at(-1)?.parts ?? [];
  at.world.message(withdrawn?.handle ?? '').state = 'withdrawn';
  const [mail = '', ...more] = await at.look();
  t.deepEqual(more, []);
  t.regex(mail, /\[cat\.png: 3 bytes, gone: it expired before it was fetched\]/);
  t.regex(mail, letterBytes);
  t.regex(mail, dogBytes);
  t.deepEqual(states(at), ['accepted', 'accepted', 'withdrawn', 'accepted', 'accepted']);
  t.is((await at.look()).length, 1);
});

test('a part that was withdrawn, ignored or read elsewhere is named as that', async (t) => {
  const at = await home();
  const parts = [mailPart(letter), cat, dog, mailPart('four')];
  const { recipients } = await at.ann.client.send({ to: [at.bob.address], parts, subject: '' });
  await at.bob.client.sync();
  const [, , third, fourth] = at.bob.client.inbox().at(-1)?.parts ?? [];
  await at.ann.client.retract(recipients[0]?.handles?.[2] ?? '');
  await at.bob.client.ignore(third?.number ?? 0);
  await at.bob.client.payload(fourth?.number ?? 0, memorySink());
  const [mail = '', ...more] = await at.look();
  t.deepEqual(more, []);
  t.regex(mail, /\[cat\.png: 3 bytes, gone: its sender withdrew it\]/);
  t.regex(mail, /\[dog\.png: 3 bytes, it was ignored\]/);
  t.regex(mail, /\[a letter: 4 bytes, it was read already, and is kept nowhere\]/);
  t.regex(mail, letterBytes);
});

for (const [what, kind, nth] of [
  ['opened', 'message', 3],
  ['fetched', 'payload', 3],
] as const)
  test(`a message waits for a part that cannot be ${what} yet, for a day; then it is named`, async (t) => {
    const at = await home();
    // The letter, the cover's list; then nothing more.
    const mend = silentFrom(at, kind, nth);
    await at.ann.client.send({ to: [at.bob.address], parts: [cat, mailPart(letter)], subject: '' });
    const held = at.world.domains.get('beta.test')?.pending;
    // The cover first, and its first part: so it is the second that is late.
    held?.splice(-3, 3, held.at(-1)!, held.at(-3)!, held.at(-2)!);
    t.deepEqual(await at.look(), []);
    at.world.clock.advance(day - 1);
    mend();
    silentFrom(at, kind, kind === 'message' ? 1 : 2);
    t.deepEqual(await at.look(), []);
    at.world.clock.advance(1);
    silentFrom(at, kind, kind === 'message' ? 1 : 2);
    const [mail = '', ...more] = await at.look();
    t.deepEqual(more, []);
    t.regex(mail, catBytes);
    t.regex(mail, /\[a letter: 70 bytes, it could not be fetched yet: beckon save\]/);
    at.world.fetch = () => undefined;
    await at.look();
    t.is(at.stored.length, 1);
    const letterState = at.world.messages().find(({ state }) => state === 'stored');
    t.truthy(letterState, 'what is not in the store is not accepted');
  });

test('what does not fit is named, and stays where it is', async (t) => {
  const at = await home();
  const big = filePart(new Uint8Array(60), { fileName: 'big.bin' });
  await at.ann.client.send({ to: [at.bob.address], parts: [big, big, cat], subject: '' });
  await at.ann.client.send({ to: [at.bob.address], parts: [mailPart('x'.repeat(101))], subject: '' });
  const [mail = '', single = '', ...more] = await at.look({ mostBytes: 100 });
  t.deepEqual(more, []);
  t.regex(mail, /\[big\.bin: 60 bytes, too large to be copied: beckon save\]/);
  t.regex(mail, catBytes);
  t.regex(single, /\[a letter: 101 bytes, too large to be copied: beckon save\]/);
  await at.look({ mostBytes: 100 });
  t.is(at.stored.length, 2);
  t.deepEqual(states(at), ['accepted', 'accepted', 'stored', 'accepted', 'stored', 'stored']);
});

test('a store that took a message and could not say so has it once, and all that is in it is accepted', async (t) => {
  const at = await home();
  const big = filePart(new Uint8Array(101), { fileName: 'big.bin' });
  await at.ann.client.send({ to: [at.bob.address], parts: [mailPart(letter), cat, big], subject: '' });
  await at.ann.client.send({ to: [at.bob.address], parts: [big], subject: '' });
  at.breakAfterAppend = true;
  for (let turn = 0; turn < 2; turn++) {
    t.is(await rejected(at.look({ mostBytes: 100 })), 'network_failed');
    if (turn === 0)
      t.true(
        states(at)
          .slice(1)
          .every((state) => state === 'stored'),
      );
  }
  at.breakAfterAppend = false;
  await at.look({ mostBytes: 100 });
  t.is(at.stored.length, 2);
  t.deepEqual(states(at), ['accepted', 'accepted', 'accepted', 'stored', 'stored', 'stored']);
});

test('a rule that copies introductions makes one mail of what a stranger wrote in several parts', async (t) => {
  const at = await home();
  const eve = await at.world.addUser('eve', 'alpha.test');
  await eve.client.send({ to: [at.bob.address], parts: [mailPart(letter), cat], subject: '' });
  const rules = [{ kind: pushRuleKinds.introductions, match: '', folder: 'Requests' }];
  const [mail = '', ...more] = await at.look({ push: { folder: 'INBOX', rules } });
  t.deepEqual(more, []);
  t.regex(mail, letterBytes);
  t.regex(mail, catBytes);
  t.is(at.stored[0]?.folder, 'Requests');
});

test('a sender whose domain is silent does not hold up what others wrote', async (t) => {
  const at = await home();
  for (const text of ['one', 'two'])
    await at.ann.client.send({ to: [at.bob.address], parts: [mailPart(text)], subject: '' });
  await at.bob.client.sync();
  let asked = 0;
  at.world.fetch = (what) => (what === 'payload' && ++asked === 1 ? silence : undefined);
  const [mail = '', ...more] = await at.look();
  t.deepEqual(more, []);
  t.regex(mail, /dHdv/);
  at.world.fetch = () => undefined;
  t.is((await at.look()).length, 2);
});

test('a message of several parts that is being taken back is not copied', async (t) => {
  const at = await home();
  const parts = [mailPart(letter), cat];
  const { recipients } = await at.ann.client.send({ to: [at.bob.address], parts, subject: '' });
  await at.bob.client.sync();
  await at.ann.client.retract(recipients[0]?.handles?.[0] ?? '');
  t.deepEqual(await at.look(), []);
});

test('a message of several parts that the user ignores is not copied', async (t) => {
  const at = await home();
  await at.ann.client.send({ to: [at.bob.address], parts: [mailPart(letter), cat], subject: '' });
  await at.bob.client.sync();
  const [cover] = at.bob.client.inbox().slice(1);
  t.like(await at.bob.client.ignore(cover?.number ?? 0), {
    status: 'ignored',
    parts: [{ status: 'ignored' }, { status: 'ignored' }],
  });
  t.deepEqual(await at.look(), []);
});
