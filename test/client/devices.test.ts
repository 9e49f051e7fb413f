/** Several devices of one user, and a lost one: in memory, message by message. */
import { base64urlnopad } from '@scure/base';
import test from 'ava';
import { parseState } from '../../src/client/state-json.ts';
import { sha256 } from '../../src/crypto/kdf.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { Secret } from '../../src/crypto/secret.ts';
import { BeckonError } from '../../src/errors.ts';
import { userKeysFromJson, userKeysToJson } from '../../src/keys/user-key-file.ts';
import { createUserKeys, type UserKeys } from '../../src/keys/user-keys.ts';
import { signUserRecord } from '../../src/keys/user-record.ts';
import { openState, sealState } from '../../src/message/state-blob.ts';
import { parsePairing } from '../../src/wire/state.ts';
import { now, rejected } from '../support/identities.ts';
import { mailPart, memorySink, textIn } from './sink.ts';
import { createWorld, homeOf, invite, memoryFile, type ClientFiles, type World } from './world.ts';

const files = (): ClientFiles => ({ state: memoryFile(), secrets: memoryFile() });

/** Ann, who enrolled and noted her phrase, and Bob. */
async function annAndBob() {
  const world = createWorld('alpha.test', 'beta.test');
  const saved = files();
  const client = await world.client(saved, 'ann');
  const { phrase = '' } = await client.enroll(invite(world, 'ann', 'alpha.test'), 'laptop');
  const bob = await world.addUser('bob', 'beta.test');
  return { world, ann: { ...saved, client }, bob, phrase };
}

/** A second machine of Ann's. */
async function paired(world: World, ann: { readonly client: Awaited<ReturnType<World['client']>> }) {
  const saved = files();
  const client = await world.client(saved, 'ann second');
  const { code } = await ann.client.devices.add();
  await client.pair(code, 'phone');
  return { ...saved, client };
}

const letter = (text: string) => ({ parts: [mailPart(text)], subject: text });
const read = async (client: Awaited<ReturnType<World['client']>>, number: number): Promise<string> => {
  const sink = memorySink();
  await client.payload(number, sink);
  return textIn(sink);
};

test('enrolment gives a phrase of 24 words that is kept nowhere', async (t) => {
  const { world, ann, phrase } = await annAndBob();
  t.is(phrase.split(' ').length, 24);
  const kept = `${ann.state.text} ${ann.secrets.text} ${[...homeOf(world, 'alpha.test').states.values()].map((bytes) => Buffer.from(bytes).toString('latin1')).join()}`;
  t.false(kept.includes(phrase));
  t.false(kept.includes(phrase.split(' ').slice(0, 3).join(' ')));
  t.deepEqual(
    (await ann.client.devices.list()).map(({ name, kind, here }) => [name, kind, here]),
    [
      ['laptop', 'device', true],
      ['', 'recovery', false],
    ],
  );
});

test('a lost device: the phrase gives back what was known, and what comes over its drops', async (t) => {
  const { world, ann, bob, phrase } = await annAndBob();
  await ann.client.send({ to: [bob.address], ...letter('hello') });
  await bob.client.sync();
  await bob.client.payload(1, memorySink());
  await bob.client.send({ to: ['ann@alpha.test'], ...letter('to the drop of the lost device') });
  const sealed = parseState(ann.state.text ?? '');

  const saved = files();
  const client = await world.client(saved, 'restored');
  t.like(await client.restore('Ann@alpha.test', phrase, 'new laptop'), {
    address: 'ann@alpha.test',
    sent: 1,
    contacts: 1,
  });
  const restored = parseState(saved.state.text ?? '');
  t.not(restored.epoch, sealed.epoch);
  t.deepEqual([restored.master, restored.record], [sealed.master, sealed.record]);
  const { device: lost, chain } = JSON.parse(ann.secrets.text ?? '') as {
    device: { secret: string };
    chain: string;
  };
  for (const secret of [lost.secret, chain])
    t.false(
      `${saved.state.text} ${saved.secrets.text}`.includes(secret),
      'device key and chain are not shared',
    );

  const { entries } = await client.sync();
  t.like(entries, [{ status: 'opened', from: bob.address, way: 'drop' }]);
  t.is(await read(client, entries[0]?.number ?? 0), 'to the drop of the lost device');
  t.like(await client.send({ to: [bob.address], ...letter('from the new one') }), {
    recipients: [{ way: 'drop' }],
  });
  await bob.client.sync();
  t.is(await read(bob.client, 3), 'from the new one');
});

test('a restore that was cut off goes on', async (t) => {
  const { world, phrase } = await annAndBob();
  const saved = files();
  world.after = ({ path }) => {
    if (path.endsWith('account/devices')) throw new BeckonError('network_failed', 'the answer was lost');
  };
  t.is(
    await rejected((await world.client(saved, 'new')).restore('ann@alpha.test', phrase, 'new')),
    'network_failed',
  );
  world.after = () => {};
  const again = await world.client(saved, 'new');
  t.is(again.address(), undefined);
  await again.restore('ann@alpha.test', phrase, 'new');
  t.is(again.address(), 'ann@alpha.test');
  t.is((await again.devices.list()).filter(({ name }) => name === 'new').length, 1);
});

test('what cannot be restored says why', async (t) => {
  const { world, ann, phrase } = await annAndBob();
  const attempt = async (address: string, words: string) =>
    rejected((await world.client(files(), 'new')).restore(address, words, ''));
  t.is(await attempt('ann@alpha.test', phrase.split(' ').slice(1).join(' ')), 'key_invalid');
  t.is(await attempt('bob@beta.test', phrase), 'unauthorized');
  t.is(await attempt('ann@gamma.test', phrase), 'discovery_none');
  homeOf(world, 'alpha.test').states.clear();
  t.is(await attempt('ann@alpha.test', phrase), 'not_found');
  t.is(await rejected(ann.client.restore('ann@alpha.test', phrase, '')), 'exists');
  t.is(await rejected(ann.client.restore('bob@beta.test', phrase, '')), 'exists');
});

test('a domain that is another one than the devices pinned is not told of the new device', async (t) => {
  const { world, ann, phrase } = await annAndBob();
  const { directory } = parseState(ann.state.text ?? '');
  t.truthy(directory);
  const saved = files();
  const client = await world.client(saved, 'new');
  const before = world.requests.length;
  world.outcomes.set('alpha.test', {
    kind: 'changed',
    pinned: new Uint8Array(32),
    offered: new Uint8Array(32),
  });
  t.is(await rejected(client.restore('ann@alpha.test', phrase, '')), 'trust_changed');
  t.is(world.requests.length, before);
});

test('a second device knows what the first knew, and each learns what the other does', async (t) => {
  const { world, ann, bob } = await annAndBob();
  await ann.client.send({ to: [bob.address], ...letter('one') });
  const phone = await paired(world, ann);
  t.like(await phone.client.sent(), [{ subject: 'one' }]);
  await phone.client.send({ to: [bob.address], ...letter('two') });
  await bob.client.sync();
  t.deepEqual(
    bob.client.inbox().map(({ status }) => status),
    ['waiting', 'waiting'],
  );
  await bob.client.payload(1, memorySink());
  await bob.client.send({ to: ['ann@alpha.test'], ...letter('answer') });

  await phone.client.sync();
  await ann.client.sync();
  t.deepEqual((await ann.client.sent()).map(({ subject }) => subject).toSorted(), ['one', 'two']);
  const answer = (client: typeof ann.client) => client.inbox().find(({ status }) => status !== 'waiting');
  t.like(answer(ann.client), { status: 'opened', from: bob.address });
  t.is(await read(phone.client, answer(phone.client)?.number ?? 0), 'answer');
  await ann.client.sync();
  t.is(answer(ann.client)?.status, 'accepted', 'read on one is read on both');
  t.is(ann.client.inbox().length, 1);
});

test('what is put off on one device is put off on all, and so is taking it back', async (t) => {
  const { world, ann, bob } = await annAndBob();
  const second = await paired(world, ann);
  await bob.client.send({ to: ['ann@alpha.test'], ...letter('hello') });
  await ann.client.sync();
  await second.client.sync();
  const [here, there] = [ann.client, second.client].map((client) => client.inbox()[0]?.number ?? 0);
  t.is((await ann.client.defer(here ?? 0, now + 5000)).deferred, now + 5000);
  await second.client.sync();
  t.is(second.client.entry(there ?? 0).deferred, now + 5000);
  await second.client.defer(there ?? 0, 0);
  await ann.client.sync();
  t.is(ann.client.entry(here ?? 0).deferred, 0, 'the later word counts');
  await second.client.sync();
  t.is(second.client.entry(there ?? 0).deferred, 0);
});

test('two devices that write at once lose nothing and hand out drops of their own', async (t) => {
  const { world, ann, bob } = await annAndBob();
  const phone = await paired(world, ann);
  await Promise.all([
    ann.client.send({ to: [bob.address], ...letter('from the laptop') }),
    phone.client.send({ to: [bob.address], ...letter('from the phone') }),
  ]);
  await ann.client.sync();
  await phone.client.sync();
  await ann.client.sync();
  const [here, there] = [ann, phone].map(({ state }) => parseState(state.text ?? ''));
  t.deepEqual(Object.keys(here?.drops ?? {}).toSorted(), Object.keys(there?.drops ?? {}).toSorted());
  t.is(Object.keys(here?.drops ?? {}).length, 2);
  t.is(new Set(Object.values(here?.drops ?? {}).map((drop) => 'epoch' in drop && drop.epoch)).size, 2);
  t.is((await ann.client.sent()).length, 2);
  t.is(here?.blob?.tag, there?.blob?.tag);
});

test('a drop is handed out once the blob holds it: where the domain does not take it, nothing is sent', async (t) => {
  const { world, ann, bob } = await annAndBob();
  const seen: string[] = [];
  world.before = ({ method, path }) => {
    if (method === 'PUT' && path.endsWith('account/state')) {
      seen.push('state');
      throw new BeckonError('storage_full', 'no room');
    }
    if (path.includes('reservations')) seen.push('reserve');
  };
  t.is(await rejected(ann.client.send({ to: [bob.address], ...letter('x') })), 'storage_full');
  t.deepEqual(seen, ['state']);
  t.is(world.messages().length, 0);
  world.before = ({ method, path }) => {
    if (method === 'PUT' && path.endsWith('account/state')) seen.push('state');
    if (path.includes('reservations')) seen.push('reserve');
  };
  await ann.client.send({ to: [bob.address], ...letter('x') });
  t.deepEqual(seen.slice(1, 3), ['state', 'reserve']);
});

test('a device that dies between the blob and its own disk goes on where it was', async (t) => {
  const { world, ann, bob } = await annAndBob();
  const phone = await paired(world, ann);
  await phone.client.sync();
  world.after = ({ method, path }) => {
    if (method === 'PUT' && path.endsWith('account/state')) {
      phone.state.fail = true;
      world.after = () => {};
    }
  };
  t.is(await rejected(phone.client.send({ to: [bob.address], ...letter('x') })), 'storage_failed');
  phone.state.fail = false;
  const again = await world.client(phone, 'ann second');
  await again.send({ to: [bob.address], ...letter('after the crash') });
  await again.sync();
  await ann.client.sync();
  t.deepEqual(
    (await ann.client.sent()).map(({ subject }) => subject),
    ['after the crash'],
  );
  await bob.client.sync();
  t.is(await read(bob.client, 1), 'after the crash');
  const { drops } = parseState(phone.state.text ?? '');
  const used = Object.values(drops).map((drop) => ('n' in drop ? `${drop.epoch} ${drop.n}` : ''));
  t.is(new Set(used).size, used.length, 'no n of an epoch serves twice');
});

test('a domain that shows an old state, or none, is found out, and what is known here is written again', async (t) => {
  const { world, ann, bob } = await annAndBob();
  const { states } = homeOf(world, 'alpha.test');
  const old = new Map(states);
  await ann.client.send({ to: [bob.address], ...letter('x') });
  t.is((await ann.client.sync()).troubles, undefined);
  for (const shown of [old, new Map<string, Uint8Array>()]) {
    states.clear();
    for (const [user, bytes] of shown) states.set(user, bytes);
    t.deepEqual((await ann.client.sync()).troubles, ['older']);
    t.is((await ann.client.sync()).troubles, undefined);
    t.is((await ann.client.sent()).length, 1);
  }
  const phone = await paired(world, ann);
  t.is((await phone.client.sent()).length, 1, 'the state is whole again');
});

test('a state that does not open is left alone', async (t) => {
  const { world, ann, bob } = await annAndBob();
  const { states } = homeOf(world, 'alpha.test');
  const [user = ''] = states.keys();
  const changed = (states.get(user) ?? new Uint8Array(1)).slice();
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  states.set(user, changed);
  t.is(await rejected(ann.client.send({ to: [bob.address], ...letter('x') })), 'open_failed');
  t.is(states.get(user), changed);
});

test('a removed device speaks for nobody, and the last one stays', async (t) => {
  const { world, ann } = await annAndBob();
  const phone = await paired(world, ann);
  t.is(await rejected(ann.client.devices.remove('tablet')), 'not_found');
  t.is(await rejected(ann.client.devices.remove('laptop')), 'request_invalid');
  t.like(await ann.client.devices.remove('phone'), { removed: { name: 'phone' } });
  t.is(await rejected(phone.client.sync()), 'unauthorized');
  t.is((await ann.client.devices.list()).filter(({ kind }) => kind === 'device').length, 1);
});

test('after theft neither the old phrase nor the thief’s files open anything new, and a device that stays is paired again', async (t) => {
  const { world, ann, bob, phrase } = await annAndBob();
  const stolen = await paired(world, ann);
  const { code } = await ann.client.devices.add();
  const tablet = { ...files() };
  const third = await world.client(tablet, 'ann third');
  await third.pair(code, 'tablet');
  const thief = { state: memoryFile(stolen.state.text), secrets: memoryFile(stolen.secrets.text) };

  const { phrase: next = '', left } = await ann.client.devices.remove('phone', { stolen: true });
  t.not(next, phrase);
  t.deepEqual(left.map(({ name }) => name).toSorted(), ['', 'laptop', 'tablet']);
  t.is(await rejected((await world.client(thief, 'thief')).sync()), 'unauthorized');
  t.is(
    await rejected((await world.client(files(), 'thief')).restore('ann@alpha.test', phrase, '')),
    'unauthorized',
  );

  t.deepEqual((await third.sync()).troubles, ['other_phrase']);
  t.is(await rejected(third.send({ to: [bob.address], ...letter('x') })), 'key_unknown');
  await third.pair((await ann.client.devices.add()).code, 'tablet');
  t.is((await third.sync()).troubles, undefined);
  await third.send({ to: [bob.address], ...letter('paired again') });
  const { master } = parseState(tablet.state.text ?? '');
  t.is(master, parseState(ann.state.text ?? '').master);
  t.not(master, parseState(thief.state.text ?? '').master);
  const restored = await world.client(files(), 'restored');
  await restored.restore('ann@alpha.test', next, 'again');
  t.is((await restored.sent()).length, 1);
});

test('a thief who made a phrase of their own, or left a state that nobody can read, keeps nobody from ending it', async (t) => {
  for (const leave of ['phrase', 'garbage'] as const) {
    const { world, ann } = await annAndBob();
    const thief = await paired(world, ann);
    if (leave === 'phrase') await thief.client.devices.phrase();
    else {
      const { states } = homeOf(world, 'alpha.test');
      for (const user of states.keys()) states.set(user, new Uint8Array(5000));
    }
    const before = parseState(ann.state.text ?? '');

    const { phrase = '' } = await ann.client.devices.remove('phone', { stolen: true });
    t.not(parseState(ann.state.text ?? '').master, before.master, leave);
    t.not(parseState(ann.state.text ?? '').record, before.record, leave);
    const restored = files();
    await (await world.client(restored, 'restored')).restore('ann@alpha.test', phrase, 'restored');
    t.is(parseState(restored.state.text ?? '').record, parseState(ann.state.text ?? '').record, leave);
  }
});

type Content = Record<string, unknown>;
const farOff = 4_000_000_000;

/** What a thief can write with a device's keys, and what it would do to a device that joins it. */
const poisons: readonly (readonly [string, (content: Content, keys: UserKeys) => Content])[] = [
  ['numbers of revisions that run out', (content) => ({ ...content, revision: Number.MAX_SAFE_INTEGER })],
  ['another address', (content) => ({ ...content, address: 'zoe@alpha.test' })],
  [
    'another identity',
    (content) => ({ ...content, userKeys: userKeysToJson(createUserKeys('alpha.test', systemRandom, 0)) }),
  ],
  ['a record that is none', (content) => ({ ...content, record: 'AAAA' })],
  [
    'a record that no later one can follow',
    (content, keys) => ({
      ...content,
      record: base64urlnopad.encode(
        signUserRecord({ keys, address: 'ann@alpha.test', serial: farOff, now: farOff }),
      ),
    }),
  ],
  [
    'all drops void for ever',
    (content) => ({
      ...content,
      records: {
        [base64urlnopad.encode(new Uint8Array(32))]: {
          address: 'ann@alpha.test',
          serial: 1,
          created: 1,
          expires: 2,
          dropsSince: farOff,
        },
      },
    }),
  ],
  [
    'a message under another name than its own',
    (content) => {
      const [pollKey, id] = [
        base64urlnopad.encode(new Uint8Array(32)),
        base64urlnopad.encode(new Uint8Array(32)),
      ];
      const received = {
        id,
        pollKey,
        senderDomain: 'x.test',
        expires: farOff,
        firstSeen: 1,
        sizeClass: 1,
        status: 'waiting',
      };
      return {
        ...content,
        received: { [`${pollKey} ${base64urlnopad.encode(new Uint8Array(32).fill(1))}`]: received },
      };
    },
  ],
  [
    'a letter without a name',
    (content) => ({
      ...content,
      sent: { ['A'.repeat(22)]: { letterIds: [], subject: '', created: 1, parts: [] } },
    }),
  ],
  [
    'a contact under another name',
    (content) => ({ ...content, contacts: { 'x@x.test': { address: 'y@x.test', known: true } } }),
  ],
  [
    'a pin that is none',
    (content) => ({
      ...content,
      pins: { 'user-pin:x@x.test': { [base64urlnopad.encode(new Uint8Array(32))]: 'AAAA' } },
    }),
  ],
];

for (const [name, poison] of poisons)
  test(`what a thief writes into the state outlasts nothing: ${name}`, async (t) => {
    const { world, ann, bob } = await annAndBob();
    const thief = await paired(world, ann);
    await thief.client.sync();
    const { stateKey } = JSON.parse(thief.secrets.text ?? '') as { readonly stateKey: string };
    const key = new Secret(base64urlnopad.decode(stateKey));
    const { states } = homeOf(world, 'alpha.test');
    const [user = ''] = states.keys();
    const content = JSON.parse(
      new TextDecoder().decode(openState(key, 'ann@alpha.test', states.get(user) ?? new Uint8Array())),
    ) as Content;
    const keys = userKeysFromJson(content['userKeys']);
    const poisoned = { ...poison({ ...content, revision: Number(content['revision']) + 1 }, keys) };
    const bytes = new TextEncoder().encode(JSON.stringify(poisoned));
    states.set(user, sealState(key, 'ann@alpha.test', bytes, systemRandom));

    t.deepEqual((await ann.client.sync()).troubles, ['not_ours']);
    t.is(await rejected(ann.client.send({ to: [bob.address], ...letter('not now') })), 'record_mismatch');
    const again = await world.client(ann, 'ann');
    const { phrase = '' } = await again.devices.remove('phone', { stolen: true });
    await again.send({ to: [bob.address], ...letter('as ever') });
    await again.sync();

    const later = await world.client(ann, 'ann');
    t.is((await later.sent()).length, 1);
    const { record, records = {} } = parseState(ann.state.text ?? '');
    const [newest] = Object.values(records).toSorted((a, b) => b.serial - a.serial);
    t.truthy(newest?.dropsSince);
    t.truthy(newest?.published);
    const restored = files();
    await (await world.client(restored, 'restored')).restore('ann@alpha.test', phrase, 'restored');
    t.is(parseState(restored.state.text ?? '').record, record);
  });

test('a pairing code serves one device, names its domain, and is no invitation', async (t) => {
  const { world, ann } = await annAndBob();
  const { code } = await ann.client.devices.add();
  t.like(parsePairing(code), { domain: 'alpha.test', local: 'ann' });
  await (await world.client(files(), 'first')).pair(code, 'first');
  t.is(await rejected((await world.client(files(), 'second')).pair(code, 'second')), 'unauthorized');
  t.is(
    await rejected((await world.client(files(), 'x')).pair('beckon-device:AAAA', '')),
    'invitation_invalid',
  );
  t.is(await rejected((await world.client(files(), 'x')).enroll(code)), 'invitation_invalid');
});

test('a client of version 0.1.0 has no phrase until it makes one', async (t) => {
  const { world, ann, bob } = await annAndBob();
  const { stateKey: _, ...secrets } = JSON.parse(ann.secrets.text ?? '') as Record<string, unknown>;
  const { blob: _blob, ...state } = JSON.parse(ann.state.text ?? '') as Record<string, unknown>;
  homeOf(world, 'alpha.test').states.clear();
  const old = { state: memoryFile(JSON.stringify(state)), secrets: memoryFile(JSON.stringify(secrets)) };
  const client = await world.client(old, 'ann');
  await client.send({ to: [bob.address], ...letter('as ever') });
  t.is(homeOf(world, 'alpha.test').states.size, 0);
  t.is(await rejected(client.devices.add()), 'request_invalid');
  const phrase = await client.devices.phrase();
  const restored = await world.client(files(), 'restored');
  await restored.restore('ann@alpha.test', phrase, '');
  t.is((await restored.sent()).length, 1);
});

test('a phrase that was cut off in the making is made again', async (t) => {
  for (const step of ['account/state', 'account/recovery']) {
    const { world, ann } = await annAndBob();
    world.before = ({ method, path }) => {
      if (method === 'PUT' && path.endsWith(step)) throw new BeckonError('network_failed', 'no line');
    };
    t.is(await rejected(ann.client.devices.phrase()), 'network_failed');
    world.before = () => {};
    const again = await world.client(ann, 'ann');
    t.is((await again.sync()).troubles, undefined);
    const phrase = await again.devices.phrase();
    const restored = await world.client(files(), 'restored');
    t.is((await restored.restore('ann@alpha.test', phrase, '')).address, 'ann@alpha.test');
  }
});

/** Ann reads what Bob wrote, at a domain that keeps what she reads. */
async function readAndKept(keep: number) {
  const known = await annAndBob();
  const { world, ann, bob } = known;
  homeOf(world, 'alpha.test').keep = keep;
  await ann.client.send({ to: [bob.address], ...letter('hello') });
  await bob.client.sync();
  await bob.client.payload(1, memorySink());
  await bob.client.send({ to: ['ann@alpha.test'], ...letter('worth keeping') });
  await ann.client.sync();
  const number = ann.client.inbox()[0]?.number ?? 0;
  await ann.client.payload(number, memorySink());
  return { ...known, number };
}

test('what was read opens on another device, and after a loss, where the domain keeps it', async (t) => {
  const { world, ann, phrase, number } = await readAndKept(90 * 86_400);
  t.like(ann.client.entry(number), { status: 'accepted', kept: true });
  t.is(world.messages().filter(({ state }) => state === 'accepted').length, 2, 'the sender may drop it');
  const phone = await paired(world, ann);
  const restored = await world.client(files(), 'restored');
  await restored.restore('ann@alpha.test', phrase, '');
  for (const client of [phone.client, restored, ann.client]) {
    const [entry] = client.inbox();
    t.like(entry, { status: 'accepted', kept: true });
    t.is(await read(client, entry?.number ?? 0), 'worth keeping');
    t.is(client.inbox().length, 1);
  }
});

test('a domain that keeps nothing changes nothing else', async (t) => {
  const { world, ann, number } = await readAndKept(0);
  t.is(ann.client.entry(number).kept, undefined);
  t.is(homeOf(world, 'alpha.test').kept.size, 0);
  t.is(await rejected(ann.client.payload(number, memorySink())), 'message_gone');
  t.false((ann.state.text ?? '').includes('contentKey'));
});

test('the key of what is kept goes when the domain lets it go, or says that it is not there', async (t) => {
  for (const ending of ['time', 'word'] as const) {
    const { world, ann, number } = await readAndKept(86_400);
    const phone = await paired(world, ann);
    t.true((ann.state.text ?? '').includes('contentKey'));
    homeOf(world, 'alpha.test').kept.clear();
    if (ending === 'time') world.clock.advance(2 * 86_400);
    else t.is(await rejected(ann.client.payload(number, memorySink())), 'message_gone');
    await ann.client.sync();
    await phone.client.sync();
    for (const { state } of [ann, phone]) t.false((state.text ?? '').includes('contentKey'), ending);
    t.is(ann.client.entry(number).kept, undefined);
  }
});

test('what the domain gives back instead of what was kept is refused', async (t) => {
  const { world, ann, number } = await readAndKept(86_400);
  const { kept } = homeOf(world, 'alpha.test');
  for (const [name, bytes] of kept)
    kept.set(
      name,
      bytes.map((byte, index) => (index === 70 ? byte ^ 1 : byte)),
    );
  t.is(await rejected(ann.client.payload(number, memorySink())), 'open_failed');
  for (const [name, bytes] of kept) kept.set(name, bytes.subarray(1));
  t.is(await rejected(ann.client.payload(number, memorySink())), 'payload_mismatch');
  t.like(ann.client.entry(number), { status: 'accepted', kept: true });
});

test('a state that correspondents filled keeps nobody from sending: the oldest is left out of what devices share', async (t) => {
  const { world, ann, bob, phrase } = await annAndBob();
  const state = JSON.parse(ann.state.text ?? '') as Content;
  const pollKey = base64urlnopad.encode(new Uint8Array(32));
  const flood = Array.from({ length: 300 }, (_, n) => {
    const id = base64urlnopad.encode(sha256(Uint8Array.of(n, n >> 8)));
    const times = { expires: now + 86_400, firstSeen: now - 300 + n };
    const more = { sizeClass: 12, status: 'waiting', number: n + 10, tag: 'x'.repeat(60_000) };
    return [`${pollKey} ${id}`, { id, pollKey, senderDomain: 'beta.test', ...times, ...more }] as const;
  });
  const filled = { ...state, nextNumber: 1000, received: Object.fromEntries(flood) };
  const client = await world.client({ ...ann, state: memoryFile(JSON.stringify(filled)) }, 'ann');
  await client.send({ to: [bob.address], ...letter('all the same') });
  t.is(client.inbox().length, 300, 'here nothing is lost');
  const restored = files();
  await (await world.client(restored, 'restored')).restore('ann@alpha.test', phrase, 'restored');
  const { received, sent } = parseState(restored.state.text ?? '');
  const known = Object.keys(received);
  t.is(sent.length, 1);
  t.true(known.length > 200 && known.length < 300);
  t.true(known.includes(flood[299]?.[0] ?? ''));
  t.false(known.includes(flood[0]?.[0] ?? ''));
});
