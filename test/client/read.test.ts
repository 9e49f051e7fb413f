import test from 'ava';
import { createUserKeys } from '../../src/keys/user-keys.ts';
import { signUserRecord } from '../../src/keys/user-record.ts';
import { flipped, now, rejected, seededRandom } from '../support/identities.ts';
import { sameBytes } from '../support/bytes.ts';
import { filePart, mailPart, memorySink } from './sink.ts';
import { createWorld, homeOf, notify } from './world.ts';

const content = new Uint8Array(100_000).map((_, i) => (i * i) >> 3);

/** Bob knows that a message of 100,000 bytes waits; it is opened where asked for. */
async function waiting({ open = true } = {}) {
  const world = createWorld('alpha.test', 'beta.test');
  const ann = await world.addUser('ann', 'alpha.test');
  const bob = await world.addUser('bob', 'beta.test');
  await ann.client.send({ to: [bob.address], parts: [filePart(content)], subject: '' });
  await bob.client.sync();
  if (open) await bob.client.open(1);
  world.fetches.length = 0;
  const [message] = world.messages();
  if (message === undefined) throw new Error('nothing was sent');
  return { world, ann, bob, message };
}

test('a waiting message is opened when it is read', async (t) => {
  const { bob, world } = await waiting({ open: false });
  const sink = memorySink();
  const progress: number[] = [];
  t.like(await bob.client.payload(1, sink, ({ done, total }) => progress.push(done / total)), {
    status: 'accepted',
  });
  sameBytes(t, sink.bytes, content);
  t.is(progress.at(-1), 1);
  t.deepEqual(world.fetches, ['message alpha.test', 'payload alpha.test 0', 'accept alpha.test']);
  t.is(await rejected(bob.client.payload(1, memorySink())), 'message_gone');
  t.is(await rejected(bob.client.payload(2, memorySink())), 'not_found');
});

test('a transfer that breaks is taken up again at the last whole chunk', async (t) => {
  const { bob, world } = await waiting();
  world.breakAfter = 60_000;
  const sink = memorySink();
  await bob.client.payload(1, sink);
  sameBytes(t, sink.bytes, content);
  t.is(sink.committed, 1);
  t.deepEqual(world.fetches, [
    'payload alpha.test 0',
    'payload alpha.test 0',
    `payload alpha.test ${56 + 3 * 16_400}`,
    'accept alpha.test',
  ]);
});

test('what an earlier run left is kept, whatever its length', async (t) => {
  for (const saved of [1, 16_384, 50_000, 98_304, 100_000]) {
    const { bob, world } = await waiting();
    const sink = memorySink(content.slice(0, saved));
    await bob.client.payload(1, sink);
    sameBytes(t, sink.bytes, content);
    const chunk = Math.floor(saved / 16_384);
    t.true(world.fetches.includes(`payload alpha.test ${chunk === 0 ? 0 : 56 + chunk * 16_400}`));
  }
});

test('what an earlier run left and is wrong is fetched anew, not blamed on the sender', async (t) => {
  for (const saved of [new Uint8Array(40_000), new Uint8Array(500_000)]) {
    const { bob } = await waiting();
    const sink = memorySink(saved);
    t.like(await bob.client.payload(1, sink), { status: 'accepted' });
    sameBytes(t, sink.bytes, content);
  }
});

test('a server that ignores ranges is read from the start', async (t) => {
  const { bob, world } = await waiting();
  world.ranges = false;
  const sink = memorySink(content.slice(0, 50_000));
  await bob.client.payload(1, sink);
  sameBytes(t, sink.bytes, content);
});

test('a line that never holds is given up, and what came is kept', async (t) => {
  const { bob, world } = await waiting();
  let breaks = 0;
  world.fetch = (what) => {
    if (what === 'payload') world.breakAfter = breaks++ === 0 ? 40_000 : 100;
    return undefined;
  };
  const sink = memorySink();
  t.is(await rejected(bob.client.payload(1, sink)), 'network_failed');
  t.is(sink.bytes.length, 32_768);
  t.is(sink.committed, 0);
  world.fetch = () => undefined;
  world.breakAfter = undefined;
  t.like(await bob.client.payload(1, sink), { status: 'accepted' });
  sameBytes(t, sink.bytes, content);
});

test('bytes that are not what was signed are refused, and never accepted', async (t) => {
  for (const [at, code] of [
    [60, 'open_failed'],
    [10, 'commitment_mismatch'],
  ] as const) {
    const { bob, message, world } = await waiting();
    message.payload = flipped(message.payload, at);
    const sink = memorySink();
    t.is(await rejected(bob.client.payload(1, sink)), code);
    t.is(sink.committed, 0);
    t.like(bob.client.entry(1), { status: 'refused', refusal: code });
    t.is(message.state, 'stored');
    t.false(world.fetches.includes('accept alpha.test'));
    t.is(await rejected(bob.client.payload(1, sink)), code);
  }
});

test('a wrong plaintext hash in the state is a mismatch', async (t) => {
  const { bob, world } = await waiting();
  bob.state.text = (bob.state.text ?? '').replace(/"plaintextHash":"./, '"plaintextHash":"_');
  const again = await bob.restart();
  t.is(await rejected(again.client.payload(1, memorySink())), 'payload_mismatch');
  t.like(again.client.entry(1), { status: 'refused', refusal: 'payload_mismatch' });
  t.false(world.fetches.includes('accept alpha.test'));
});

test('a sink that cannot commit is told to nobody', async (t) => {
  const { bob, message } = await waiting();
  const sink = Object.assign(memorySink(), { fail: true });
  await t.throwsAsync(bob.client.payload(1, sink), { message: 'the disk is full' });
  t.is(message.state, 'stored');
  t.is(bob.client.entry(1).status, 'opened');
  sink.fail = false;
  await bob.client.payload(1, sink);
  t.is(message.state, 'accepted');
});

test('an accept that does not arrive is owed until it does', async (t) => {
  const { bob, world, message } = await waiting();
  world.fetch = (what) => (what === 'accept' ? { kind: 'later', reason: 'network_failed' } : undefined);
  t.is((await bob.client.payload(1, memorySink())).status, 'accepted');
  t.is(message.state, 'stored');
  world.fetch = () => undefined;
  const later = await bob.restart();
  world.outcomes.set('alpha.test', { kind: 'later', reason: 'timeout' });
  await later.client.sync();
  t.is(message.state, 'stored', 'the domain is still not found');
  world.outcomes.clear();
  await later.client.sync();
  t.is(message.state, 'accepted');
  world.fetches.length = 0;
  await later.client.sync();
  t.deepEqual(world.fetches, []);
});

test('gone at the sender is expired here', async (t) => {
  const { bob, message, world } = await waiting();
  message.state = 'withdrawn';
  t.is(await rejected(bob.client.payload(1, memorySink())), 'message_gone');
  t.is(bob.client.entry(1).status, 'expired');
  world.fetches.length = 0;
  t.is(await rejected(bob.client.payload(1, memorySink())), 'message_gone');
  t.deepEqual(world.fetches, []);
});

test('a message gone before it was opened is expired', async (t) => {
  const { bob, message } = await waiting({ open: false });
  message.state = 'expired';
  t.is((await bob.client.open(1)).status, 'expired');
});

test('time ends what waits', async (t) => {
  const { bob, world } = await waiting({ open: false });
  world.clock.advance(14 * 86_400 + 1);
  await bob.client.sync();
  t.is(bob.client.entry(1).status, 'expired');
  t.deepEqual(JSON.parse(bob.state.text ?? '').drops, {});
});

test('a message to somebody else is refused', async (t) => {
  const { world, bob, message } = await waiting({ open: false });
  const eve = await world.addUser('eve', 'beta.test');
  const ann = await world.addUser('ann2', 'alpha.test');
  await ann.client.send({ to: [eve.address], parts: [mailPart('for eve')], subject: '' });
  const other = world.messages().at(-1);
  message.header = other?.header ?? message.header;
  message.envelope = other?.envelope ?? message.envelope;
  t.like(await bob.client.open(1), { status: 'refused', refusal: 'open_failed' });
});

test('an envelope that is not of this header, and bytes that are none', async (t) => {
  for (const [change, code] of [
    [{ header: (bytes: Uint8Array) => flipped(bytes, 2000) }, 'open_failed'],
    [{ envelope: (bytes: Uint8Array) => flipped(bytes) }, 'open_failed'],
    [{ envelope: () => Uint8Array.of(0x80) }, 'cbor_type'],
  ] as const) {
    const { bob, message } = await waiting({ open: false });
    if ('header' in change) message.header = change.header(message.header);
    else message.envelope = change.envelope(message.envelope);
    t.like(await bob.client.open(1), { status: 'refused', refusal: code });
  }
});

test('an impostor is found out: the introduction is not of the published identity', async (t) => {
  const { world, ann, bob, message } = await waiting({ open: false });
  const alpha = homeOf(world, 'alpha.test');
  const hash = [...alpha.users.keys()][0] ?? '';
  const keys = createUserKeys('alpha.test', seededRandom('impostor'), now);
  const record = signUserRecord({ keys, address: ann.address, serial: now, now });
  alpha.users.set(hash, { record, device: 'none' });
  t.like(await bob.client.open(1), {
    status: 'refused',
    refusal: 'fingerprint_mismatch',
    fromVerified: false,
  });
  t.is(message.state, 'stored');
});

test('a sender whom their domain does not list is refused', async (t) => {
  const { world, bob } = await waiting({ open: false });
  homeOf(world, 'alpha.test').users.clear();
  t.like(await bob.client.open(1), { status: 'refused', refusal: 'user_unknown' });
});

test('what cannot be asked now is held, says why, and is tried again', async (t) => {
  const { world, ann, bob } = await waiting({ open: false });
  const cases = [
    ['alpha.test', { kind: 'later', reason: 'timeout' }, 'discovery_later'],
    ['alpha.test', { kind: 'changed', pinned: new Uint8Array(32) }, 'trust_changed'],
    [ann.address, { kind: 'later', reason: 'http_500' }, 'discovery_later'],
    [ann.address, { kind: 'changed', of: 'user', pinned: new Uint8Array(32) }, 'trust_changed'],
  ] as const;
  for (const [name, outcome, held] of cases) {
    world.outcomes.clear();
    world.outcomes.set(name, outcome);
    t.like(await bob.client.open(1), { status: 'waiting', held });
  }
  world.outcomes.clear();
  t.like((await bob.client.sync()).entries, [{ status: 'opened', from: ann.address }]);
  t.is(bob.client.entry(1).held, undefined);
});

test('a ref that comes again after it was done with is done with again', async (t) => {
  const { world, bob, message } = await waiting();
  await bob.client.payload(1, memorySink());
  await bob.client.sync();
  const beta = homeOf(world, 'beta.test');
  t.deepEqual(beta.pending, []);
  notify(world, homeOf(world, 'alpha.test'), message, {});
  await bob.client.sync();
  t.is(beta.pending.length, 1);
  await bob.client.sync();
  t.deepEqual(beta.pending, []);
  t.is(bob.client.inbox().length, 1);
});
