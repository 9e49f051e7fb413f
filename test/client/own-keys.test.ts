import { base64urlnopad } from '@scure/base';
import test from 'ava';
import { BeckonError } from '../../src/errors.ts';
import { addressHash, recordFingerprint } from '../../src/keys/fingerprints.ts';
import { times } from '../../src/wire/registry.ts';
import { decode } from '../../src/wire/schema.ts';
import { decodeSign1 } from '../../src/wire/sign1.ts';
import { userRecord, type UserRecord } from '../../src/wire/users.ts';
import { makeDomain, makeUser, rejected } from '../support/identities.ts';
import { mailPart, memorySink, textIn } from './sink.ts';
import { createWorld, homeOf, invite, listed, memoryFile, type TestClient, type World } from './world.ts';

const day = 86_400;
const month = times.userKeyRotation + times.userKeyRotationSpread;
const b64 = base64urlnopad.encode;

async function twoUsers() {
  const world = createWorld('alpha.test', 'beta.test');
  const ann = await world.addUser('ann', 'alpha.test');
  const bob = await world.addUser('bob', 'beta.test');
  return { world, ann, bob };
}

/** The record that the domain of the first of two users lists for them. */
function listedRecord(world: World, { address }: TestClient): UserRecord & { readonly fingerprint: string } {
  const outcome = listed(world, address);
  if (outcome.kind !== 'native') throw new Error('not listed');
  const { inner } = outcome.user;
  return { ...decode(userRecord, decodeSign1(inner).payload), fingerprint: b64(recordFingerprint(inner)) };
}

function puts(world: World): number {
  return world.requests.filter((request) => request === 'PUT account/record').length;
}

const write = (from: TestClient, to: TestClient, text = 'hello') =>
  from.client.send({ to: [to.address], parts: [mailPart(text)], subject: '' });

test('keys rotate after a month or so, on their own, and the record names the one before', async (t) => {
  const { world, ann } = await twoUsers();
  const first = listedRecord(world, ann);
  await ann.client.sync();
  const { rotates = 0, made } = ann.client.ownKeys();
  t.true(rotates >= made + times.userKeyRotation && rotates < made + month);
  world.clock.advance(rotates - made - 1);
  await ann.client.sync();
  t.is(puts(world), 0);
  world.clock.advance(1);
  await ann.client.sync();
  const second = listedRecord(world, ann);
  t.is(b64(second.previous ?? new Uint8Array()), first.fingerprint);
  t.true(second.serial > first.serial);
  t.deepEqual(second.identityKey, first.identityKey);
  t.is(second.dropsSince, undefined);
  t.deepEqual(
    second.keys.map(({ use, status, notAfter }) => [use, status, notAfter - rotates]),
    [
      [17, 1, times.userRecordValidity],
      [18, 1, times.userRecordValidity],
      [17, 2, times.retiredUserKey],
      [18, 2, times.retiredUserKey],
    ],
  );
  t.deepEqual(
    second.keys.slice(2).map(({ key }) => b64(key)),
    first.keys.map(({ key }) => b64(key)),
  );
  await ann.client.sync();
  t.is(puts(world), 1);
  t.like(ann.client.ownKeys(), { made: rotates, published: true, record: second.fingerprint });
});

test('who only sends rotates as well, and introduces themselves with the new key', async (t) => {
  const { world, ann, bob } = await twoUsers();
  world.clock.advance(month);
  t.like((await write(ann, bob)).recipients, [{ way: 'introduction' }]);
  t.is(puts(world), 1);
  await bob.client.sync();
  t.like(await bob.client.open(1), { status: 'opened', from: ann.address });
});

test('messages to keys that rotated still open, introductions to the old addressing key among them', async (t) => {
  const { world, ann, bob } = await twoUsers();
  for (let i = 1; i <= 3; i++) {
    await bob.client.sync();
    const before = listed(world, bob.address);
    world.clock.advance(month);
    await bob.client.sync();
    world.outcomes.set(bob.address, before);
    await write(ann, bob, `to keys that rotated ${i} times`);
    world.outcomes.delete(bob.address);
    await bob.client.sync();
    const sink = memorySink();
    await bob.client.payload(i, sink);
    t.is(textIn(sink), `to keys that rotated ${i} times`);
  }
  t.is(puts(world), 6, 'both rotated each time');
});

test('what breaks off between the steps goes on with the same bytes, in this process or the next', async (t) => {
  const { world, ann, bob } = await twoUsers();
  world.clock.advance(month);
  world.before = ({ path }) => {
    if (path.endsWith('account/record')) throw new BeckonError('network_failed', 'the line is down');
  };
  const before = listedRecord(world, ann).fingerprint;
  await ann.client.sync();
  const made = ann.client.ownKeys();
  t.false(made.published);
  t.is(listedRecord(world, ann).fingerprint, before);
  // Others can look up the keys before only: with these the first message introduces.
  await write(ann, bob);
  await bob.client.sync();
  t.like(await bob.client.open(1), { status: 'opened', from: ann.address });

  world.before = () => {};
  world.after = ({ path }) => {
    if (path.endsWith('account/record')) throw new BeckonError('network_failed', 'the answer is lost');
  };
  await ann.client.sync();
  t.false(ann.client.ownKeys().published);
  t.is(listedRecord(world, ann).fingerprint, made.record);
  world.after = () => {};
  const again = await ann.restart();
  await again.client.sync();
  t.deepEqual(again.client.ownKeys(), { ...made, published: true });
  t.deepEqual(again.client.alarms(), []);
});

test('nobody sees keys that are not on disk', async (t) => {
  const { world, ann } = await twoUsers();
  await ann.client.sync();
  world.clock.advance(month);
  const before = listedRecord(world, ann).fingerprint;
  ann.state.fail = true;
  t.is(await rejected(ann.client.sync()), 'storage_failed');
  t.is(puts(world), 0);
  ann.state.fail = false;
  await ann.client.sync();
  t.not(listedRecord(world, ann).fingerprint, before);
  t.true(ann.client.ownKeys().published);
});

test('old keys are forgotten at their end, with their private parts', async (t) => {
  const { world, ann } = await twoUsers();
  const secrets = (): readonly string[] =>
    (JSON.parse(ann.state.text ?? '').userKeys.keys as { secret: string }[]).map(({ secret }) => secret);
  const first = secrets();
  world.clock.advance(month);
  await ann.client.sync();
  t.deepEqual(secrets().slice(2), first);
  world.clock.advance(times.retiredUserKey - 1);
  await ann.client.sync();
  t.true(first.every((secret) => ann.state.text?.includes(secret)));
  world.clock.advance(1);
  await ann.client.sync();
  t.true(first.every((secret) => !ann.state.text?.includes(secret)));
});

test('a client that was away for longer than its record lasts renews it', async (t) => {
  const { world, ann, bob } = await twoUsers();
  await ann.client.sync();
  world.clock.advance(390 * day);
  await ann.client.sync();
  t.true(listedRecord(world, ann).expires > world.clock.seconds() + 399 * day);
  t.is(puts(world), 1);
  t.truthy(bob);
});

test('after theft: new keys at once, the old ones revoked, all drops void, and what comes for them is refused', async (t) => {
  const { world, ann, bob } = await twoUsers();
  await write(ann, bob);
  await bob.client.sync();
  await bob.client.payload(1, memorySink());
  await write(bob, ann, 'over a drop that will be void');
  const stale = listed(world, ann.address);
  world.clock.advance(60);
  const before = JSON.parse(ann.state.text ?? '') as Record<string, unknown>;
  const secretsBefore = JSON.parse(ann.secrets.text ?? '') as Record<string, unknown>;

  const report = await ann.client.revokeKeys();
  t.like(report, { published: true, dropsSince: world.clock.seconds() });
  t.like(ann.client.inbox(), [{ status: 'opened' }], 'what waited was collected before');
  const record = listedRecord(world, ann);
  t.is(record.dropsSince, world.clock.seconds());
  t.deepEqual(
    record.keys.map(({ status, revokedAt }) => [status, revokedAt]),
    [
      [1, undefined],
      [1, undefined],
      [3, world.clock.seconds()],
      [3, world.clock.seconds()],
    ],
  );
  const after = JSON.parse(ann.state.text ?? '') as Record<string, unknown>;
  for (const name of ['master', 'epoch'] as const) t.not(after[name], before[name], name);
  t.deepEqual(after['drops'], {});

  // Written to the record that was revoked, by who did not read it again.
  world.clock.advance(60);
  const thief = await world.addUser('tom', 'beta.test');
  world.outcomes.set(ann.address, stale);
  await write(thief, ann, 'to revoked keys');
  world.outcomes.delete(ann.address);
  await ann.client.sync();
  const last = ann.client.inbox().at(-1);
  t.like(await ann.client.open(last?.number ?? 0), { status: 'refused', refusal: 'message_misdirected' });
  t.deepEqual(ann.client.alarms(), [], 'nobody lied');

  // And all goes on, in the next process too.
  const again = await ann.restart();
  await write(again, bob, 'with the new keys');
  await bob.client.sync();
  const [, fresh] = bob.client.inbox();
  const sink = memorySink();
  await bob.client.payload(fresh?.number ?? 0, sink);
  t.is(textIn(sink), 'with the new keys');
  t.like((await write(bob, again)).recipients, [{ way: 'drop' }]);
  t.like((await again.client.sync()).entries, [{ status: 'opened', way: 'drop' }]);
  const secretsAfter = JSON.parse(ann.secrets.text ?? '') as Record<string, unknown>;
  t.not(secretsAfter['chain'], secretsBefore['chain']);
  t.is(secretsAfter['epoch'], (JSON.parse(ann.state.text ?? '') as Record<string, unknown>)['epoch']);
});

test('what was written before the theft was noticed still counts', async (t) => {
  const { world, ann, bob } = await twoUsers();
  await write(bob, ann, 'first');
  world.clock.advance(60);
  world.before = ({ path }) => {
    if (path.includes('introductions')) throw new BeckonError('unavailable', 'not now');
  };
  await ann.client.revokeKeys();
  world.before = () => {};
  await ann.client.sync();
  t.like(await ann.client.open(1), { status: 'opened', from: bob.address });
});

test('a crash while keys are revoked leaves a client that works, before or after', async (t) => {
  for (const which of ['state', 'secrets'] as const) {
    const { ann, bob } = await twoUsers();
    await ann.client.sync();
    ann[which].fail = true;
    t.is(await rejected(ann.client.revokeKeys()), 'storage_failed', which);
    ann[which].fail = false;
    const again = await ann.restart();
    t.like((await write(again, bob)).recipients, [{ way: 'introduction' }]);
    await again.client.revokeKeys();
    t.true((await again.restart()).client.ownKeys().published);
  }
});

test('a later rotation keeps what was revoked, and since when drops are void', async (t) => {
  const { world, ann } = await twoUsers();
  await ann.client.revokeKeys();
  const at = world.clock.seconds();
  world.clock.advance(month);
  await ann.client.sync();
  const record = listedRecord(world, ann);
  t.is(record.dropsSince, at);
  t.deepEqual(
    record.keys.map(({ status }) => status),
    [1, 1, 2, 2, 3, 3],
  );
  t.is(homeOf(world, 'alpha.test').users.size, 1);
});

test('where another device published first, the next record follows that one', async (t) => {
  const { world, ann, bob } = await twoUsers();
  await ann.client.sync();
  const { stateKey: _, ...unshared } = JSON.parse(ann.secrets.text ?? '') as Record<string, unknown>;
  const files = { state: memoryFile(ann.state.text), secrets: memoryFile(JSON.stringify(unshared)) };
  world.clock.advance(month);
  await ann.client.sync();
  const theirs = listedRecord(world, ann);
  // The same device from an older copy of its files, which shares no state: it knows nothing of that record.
  const other = await world.client(files, 'other');
  world.clock.advance(10);
  await other.sync();
  const record = listedRecord(world, ann);
  t.is(b64(record.previous ?? new Uint8Array()), theirs.fingerprint);
  t.true(record.serial > theirs.serial);
  t.like(other.ownKeys(), { published: true, record: record.fingerprint });
  await write(bob, ann);
  await other.sync();
  t.like(await other.open(1), { status: 'opened', from: bob.address });
});

test('a domain that lists another identity keeps nobody from reading, and says so', async (t) => {
  const { world, ann, bob } = await twoUsers();
  await ann.client.sync();
  const home = homeOf(world, 'alpha.test');
  const hash = [...home.users.keys()][0] ?? '';
  const known = home.users.get(hash);
  if (known === undefined) throw new Error('not enrolled');
  const impostor = makeUser(makeDomain('alpha.test'), 'ann', 'somebody else');
  home.users.set(hash, { ...known, record: impostor.inner });
  world.clock.advance(month);
  const before = listed(world, ann.address, known.record);
  world.outcomes.set(ann.address, before);
  await write(bob, ann);
  await ann.client.sync();
  t.false(ann.client.ownKeys().published);
  t.like(ann.client.alarms(), [{ code: 'identity_other', address: ann.address }]);
  t.like(await ann.client.open(1), { status: 'opened' });
});

test('who read a record just before its keys rotated reads it again for an introduction with the new ones', async (t) => {
  const { world, ann, bob } = await twoUsers();
  await write(ann, bob);
  await bob.client.sync();
  await bob.client.open(1);
  world.outcomes.set(`stale ${ann.address}`, listed(world, ann.address));
  await ann.client.revokeKeys();
  await write(ann, bob);
  await bob.client.sync();
  t.like(bob.client.entry(2), { status: 'opened', way: 'introduction' });
});

test('aliases get records of their own, are written to, and write', async (t) => {
  const { world, ann, bob } = await twoUsers();
  const alias = 'anna@alpha.test';
  const home = homeOf(world, 'alpha.test');
  const of = b64(addressHash(ann.address));
  home.aliases.set(b64(addressHash(alias)), { address: alias, of });
  home.aliases.set(b64(addressHash('eve@gamma.test')), { address: 'eve@gamma.test', of });
  await ann.client.sync();
  t.is(home.users.size, 2, 'and none for an address of another domain');
  t.like(await bob.client.send({ to: [alias], parts: [mailPart('to the alias')], subject: '' }), {
    recipients: [{ address: alias, way: 'introduction' }],
  });
  await ann.client.sync();
  const [waiting] = ann.client.inbox();
  const sink = memorySink();
  t.like(await ann.client.payload(waiting?.number ?? 0, sink), { status: 'accepted', from: bob.address });
  t.is(textIn(sink), 'to the alias');

  const letter = { to: [bob.address], parts: [mailPart('from the alias')], subject: '', from: alias };
  await ann.client.send(letter);
  await bob.client.sync();
  t.like(bob.client.inbox(), [{ status: 'opened', from: alias, author: alias }]);
  t.is(await rejected(ann.client.send({ ...letter, from: 'carl@alpha.test' })), 'request_invalid');

  world.clock.advance(month);
  await ann.client.sync();
  t.is(puts(world), 3);
  t.deepEqual(ann.client.alarms(), []);
  home.aliases.clear();
  world.clock.advance(2 * 3600);
  await ann.client.sync();
  t.is(await rejected(ann.client.send(letter)), 'request_invalid');
});

test('a drop takes what comes from the address that it was handed to: other addresses introduce themselves', async (t) => {
  const { world, ann, bob } = await twoUsers();
  const alias = 'anna@alpha.test';
  const of = b64(addressHash(ann.address));
  homeOf(world, 'alpha.test').aliases.set(b64(addressHash(alias)), { address: alias, of });
  await ann.client.sync();
  const from = async (address: string) => {
    const parts = [mailPart(`from ${address}`)];
    const { recipients } = await ann.client.send({ to: [bob.address], parts, subject: '', from: address });
    await bob.client.sync();
    return recipients[0]?.way;
  };
  const answer = async () => {
    await ann.client.sync();
    const { number = 0 } = ann.client.inbox().at(-1) ?? {};
    await ann.client.open(number);
    return ann.client.reply(number);
  };
  await write(bob, ann);
  t.is((await answer()).from, undefined);
  t.is(await from(ann.address), 'drop');
  t.is(await from(alias), 'introduction');

  await bob.client.send({ to: [alias], parts: [mailPart('to the alias')], subject: '' });
  t.like(await answer(), { to: bob.address, from: alias });
  world.clock.advance(1);
  t.is(await from(alias), 'drop');
  t.is(await from(ann.address), 'introduction');
  t.deepEqual(
    bob.client.inbox().map(({ from: sender, refusal }) => [sender, refusal]),
    [ann.address, alias, alias, ann.address].map((address) => [address, undefined]),
  );
});

test('who enrols anew names what the domain listed before, with a higher serial', async (t) => {
  const { world, ann, bob } = await twoUsers();
  await write(bob, ann, 'lost');
  const before = listedRecord(world, ann);
  const home = homeOf(world, 'alpha.test');
  const hash = b64(addressHash(ann.address));
  const { device = '' } = home.users.get(hash) ?? {};
  // The hoster lets the user in again: the old device goes.
  home.replaced.add(hash);
  const files = { state: memoryFile(), secrets: memoryFile() };
  const again = await world.client(files, 'ann again');
  await again.enroll(invite(world, 'ann', 'alpha.test'));
  const after = listedRecord(world, ann);
  t.is(b64(after.previous ?? new Uint8Array()), before.fingerprint);
  t.true(after.serial > before.serial);
  t.notDeepEqual(after.identityKey, before.identityKey);
  t.not(home.users.get(hash)?.device, device);
  t.deepEqual(again.inbox(), []);
  await again.sync();
  t.deepEqual(again.inbox(), [], 'what was written to the old keys does not open with the new ones');
  t.deepEqual(again.alarms(), []);
});

test('nobody enrols before they know what the domain listed', async (t) => {
  const world = createWorld('alpha.test');
  const files = { state: memoryFile(), secrets: memoryFile() };
  await world.addUser('ann', 'alpha.test');
  world.listing = () => ({ kind: 'later', reason: 'network_failed' });
  homeOf(world, 'alpha.test').replaced.add(b64(addressHash('ann@alpha.test')));
  const client = await world.client(files, 'ann again');
  t.is(await rejected(client.enroll(invite(world, 'ann', 'alpha.test'))), 'discovery_later');
  t.is(files.state.text, undefined);
});
