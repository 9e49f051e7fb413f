import test, { type ExecutionContext } from 'ava';
import { join } from 'node:path';
import type { Store } from '../../src/store/api/store.ts';
import { maxDevices, maxPairings, type User } from '../../src/store/api/users.ts';
import { openEngine, schemaCodec } from '../../src/store/engine.ts';
import { joined, name } from '../../src/store/keys.ts';
import { openStore } from '../../src/store/store.ts';
import { domainName } from '../../src/wire/items.ts';
import { bool, bytes, field, list, record, text, tuple, uint } from '../../src/wire/schema.ts';
import { testClock } from '../support/clock.ts';
import { rejected } from '../support/identities.ts';
import { filled, opened, pieces, sent, sha256, start, temporaryDir, uploaded } from './fixture.ts';

const hash = filled(1);
const invitation = { addressHash: hash, local: 'bob', tokenHash: filled(9), expires: start + 100 };
const enrolment = { tokenHash: filled(9), device: filled(5), record: filled(6, 300), now: start };
const recovery = { recovery: filled(66), by: filled(5), now: start };
const pairing = { pairing: filled(77), expires: start + 60, by: filled(5), now: start };

/** The device of 32 such bytes, added by another key. */
function added(value: number, by = 5) {
  return { device: filled(value), name: 'phone', by: filled(by), now: start + 9 };
}

function names({ devices }: User): readonly string[] {
  return devices.map((device) => device.name);
}

async function bytesOf(store: Store): Promise<number> {
  return (await store.transit.usage('beta.test', hash)).bytes;
}

async function enrolled(t: ExecutionContext, as: Parameters<Store['users']['enroll']>[2] = enrolment) {
  const home = await opened(t);
  await home.store.users.invite('beta.test', invitation);
  await home.store.users.enroll('beta.test', hash, as);
  return home;
}

test('an invited user enrols once, the same device may repeat it', async (t) => {
  const first = await opened(t);
  await first.store.users.invite('beta.test', invitation);
  t.like(await first.store.users.get('beta.test', hash), { status: 'invited', invitedUntil: start + 100 });
  const user = await first.store.users.enroll('beta.test', hash, enrolment);
  t.like(user, { status: 'active', local: 'bob', record: enrolment.record });
  t.deepEqual(user.devices, [{ device: enrolment.device, kind: 'device', name: '', added: start }]);
  t.is(user.invitedUntil, undefined);
  const store = await first.reopen();
  const late = { ...enrolment, now: start + 500 };
  t.deepEqual(await store.users.enroll('beta.test', hash, late), user);
  t.deepEqual(await store.users.byDevice(enrolment.device), user);
  const code = 'invitation_invalid';
  for (const changes of [{ device: filled(7) }, { record: filled(7, 300) }, { tokenHash: filled(7) }])
    await t.throwsAsync(store.users.enroll('beta.test', hash, { ...enrolment, ...changes }), { code });
});

test('an invitation must be there, right and in time', async (t) => {
  const { store } = await opened(t);
  const code = 'invitation_invalid';
  await t.throwsAsync(store.users.enroll('beta.test', hash, enrolment), { code });
  await store.users.invite('beta.test', invitation);
  await t.throwsAsync(store.users.enroll('beta.test', hash, { ...enrolment, tokenHash: filled(8) }), {
    code,
  });
  await t.throwsAsync(store.users.enroll('beta.test', hash, { ...enrolment, now: start + 100 }), { code });
  await t.throwsAsync(store.users.enroll('gamma.test', hash, enrolment), { code });
  t.is((await store.users.get('beta.test', hash))?.record, undefined);
});

test('a new invitation takes the place of one that was not used', async (t) => {
  const { store } = await opened(t);
  await store.users.invite('beta.test', invitation);
  await store.users.invite('beta.test', { ...invitation, tokenHash: filled(8), expires: start + 900 });
  await t.throwsAsync(store.users.enroll('beta.test', hash, enrolment), { code: 'invitation_invalid' });
  await store.users.enroll('beta.test', hash, { ...enrolment, tokenHash: filled(8), now: start + 500 });
  await t.throwsAsync(store.users.invite('beta.test', invitation), { code: 'exists' });
});

test('a device serves one user', async (t) => {
  const { store } = await opened(t);
  await store.users.invite('beta.test', invitation);
  await store.users.enroll('beta.test', hash, enrolment);
  await store.users.invite('beta.test', { ...invitation, addressHash: filled(2), local: 'carol' });
  const second = store.users.enroll('beta.test', filled(2), enrolment);
  await t.throwsAsync(second, { code: 'conflict' });
  await store.users.enroll('beta.test', filled(2), { ...enrolment, device: filled(6) });
  await t.throwsAsync(store.users.addDevice('beta.test', filled(2), added(5, 6)), { code: 'conflict' });
  t.is(await store.users.byDevice(filled(77)), undefined);
  t.is(await store.users.byDevice(filled(7, 3)), undefined);
});

test('devices come and go', async (t) => {
  const { store, reopen } = await opened(t);
  await t.throwsAsync(store.users.addDevice('beta.test', hash, added(7)), { code: 'not_found' });
  await store.users.invite('beta.test', invitation);
  await store.users.enroll('beta.test', hash, { ...enrolment, name: 'laptop' });
  const device = await store.users.addDevice('beta.test', hash, added(7));
  t.deepEqual(device, { device: filled(7), kind: 'device', name: 'phone', added: start + 9 });
  t.deepEqual(
    await store.users.addDevice('beta.test', hash, { ...added(7), name: 'other' }),
    device,
    'again',
  );
  t.deepEqual(names((await store.users.byDevice(filled(7)))!), ['laptop', 'phone']);
  await store.users.removeDevice('beta.test', hash, { device: filled(5), by: filled(7) });
  await store.users.removeDevice('beta.test', hash, { device: filled(5), by: filled(7) });
  const again = await reopen();
  t.is(await again.users.byDevice(filled(5)), undefined);
  t.deepEqual(names((await again.users.get('beta.test', hash))!), ['phone']);
});

test('whom a removed key adds is not added, and the last device stays', async (t) => {
  const { store } = await enrolled(t);
  await store.users.addDevice('beta.test', hash, added(7));
  await store.users.removeDevice('beta.test', hash, { device: filled(5), by: filled(7) });
  const code = 'unauthorized';
  await t.throwsAsync(store.users.addDevice('beta.test', hash, added(8)), { code });
  await t.throwsAsync(store.users.setRecovery('beta.test', hash, recovery), { code });
  await t.throwsAsync(store.users.openPairing('beta.test', hash, pairing), { code });
  await t.throwsAsync(store.users.removeDevice('beta.test', hash, { device: filled(7), by: filled(5) }), {
    code,
  });
  await t.throwsAsync(store.users.removeDevice('beta.test', hash, { device: filled(7), by: filled(7) }), {
    code: 'conflict',
  });
});

test('a user has sixteen devices at most, and a removed one makes room', async (t) => {
  const { store } = await enrolled(t, { ...enrolment, recovery: filled(6) });
  for (let i = 1; i < maxDevices; i++) await store.users.addDevice('beta.test', hash, added(100 + i));
  const code = 'quota_exceeded';
  await t.throwsAsync(store.users.addDevice('beta.test', hash, added(99)), { code });
  await store.users.removeDevice('beta.test', hash, { device: filled(101), by: filled(5) });
  await store.users.addDevice('beta.test', hash, added(99));
});

test('a recovery key adds devices, and a newer one takes its place', async (t) => {
  const { store } = await enrolled(t, { ...enrolment, recovery: filled(6) });
  t.is((await store.users.byDevice(filled(6)))?.local, 'bob');
  await store.users.addDevice('beta.test', hash, added(7, 6));
  const code = 'unauthorized';
  await t.throwsAsync(store.users.removeDevice('beta.test', hash, { device: filled(5), by: filled(6) }), {
    code,
  });
  await t.throwsAsync(store.users.openPairing('beta.test', hash, { ...pairing, by: filled(6) }), { code });
  await store.users.setRecovery('beta.test', hash, recovery);
  await store.users.setRecovery('beta.test', hash, recovery);
  t.is(await store.users.byDevice(filled(6)), undefined);
  await t.throwsAsync(store.users.addDevice('beta.test', hash, added(8, 6)), { code });
  await store.users.addDevice('beta.test', hash, added(8, 66));
  const kinds = (await store.users.get('beta.test', hash))?.devices.map(({ kind }) => kind);
  t.deepEqual(kinds, ['device', 'device', 'recovery', 'device']);
  const same = { ...recovery, recovery: filled(7) };
  await t.throwsAsync(store.users.setRecovery('beta.test', hash, same), { code: 'conflict' });
});

test('a pairing adds one device, in its time, and goes with the device that opened it', async (t) => {
  const { store } = await enrolled(t);
  await store.users.openPairing('beta.test', hash, pairing);
  await store.users.openPairing('beta.test', hash, pairing);
  t.like((await store.users.byDevice(filled(77)))?.devices[1], { kind: 'pairing', expires: start + 60 });
  const first = await store.users.addDevice('beta.test', hash, added(7, 77));
  t.deepEqual(await store.users.addDevice('beta.test', hash, added(7, 77)), first, 'the answer was lost');
  await t.throwsAsync(store.users.addDevice('beta.test', hash, added(8, 77)), { code: 'conflict' });
  await store.users.removeDevice('beta.test', hash, { device: filled(7), by: filled(5) });
  await t.throwsAsync(store.users.addDevice('beta.test', hash, added(7, 77)), { code: 'unauthorized' });

  const late = { ...pairing, pairing: filled(78) };
  await store.users.openPairing('beta.test', hash, late);
  const past = { ...added(8, 78), now: start + 60 };
  await t.throwsAsync(store.users.addDevice('beta.test', hash, past), { code: 'unauthorized' });

  await store.users.addDevice('beta.test', hash, added(9));
  await store.users.removeDevice('beta.test', hash, { device: filled(5), by: filled(9) });
  t.is(await store.users.byDevice(filled(78)), undefined);
  await t.throwsAsync(store.users.addDevice('beta.test', hash, added(8, 78)), { code: 'unauthorized' });
});

test('so many pairings are open at once; those that ended make room', async (t) => {
  const { store } = await enrolled(t);
  for (let i = 0; i < maxPairings; i++)
    await store.users.openPairing('beta.test', hash, { ...pairing, pairing: filled(70 + i) });
  const more = { ...pairing, pairing: filled(80) };
  await t.throwsAsync(store.users.openPairing('beta.test', hash, more), { code: 'quota_exceeded' });
  await store.users.openPairing('beta.test', hash, { ...more, now: start + 60, expires: start + 90 });
  t.is(await store.users.byDevice(filled(70)), undefined);
});

test('users whose devices had no names yet keep them', async (t) => {
  const dir = temporaryDir(t);
  const engine = openEngine({ dir: join(dir, 'tables'), mapSize: 2 ** 30, onFailure: () => t.fail() });
  const before = record('user', {
    domain: field(1, domainName),
    addressHash: field(2, bytes(32)),
    local: field(3, text(64)),
    created: field(4, uint()),
    record: field(6, bytes(1, 1000)),
    devices: field(8, list(bytes(32), { max: 32 })),
    suspended: field(9, bool),
  });
  const row = {
    domain: 'beta.test',
    addressHash: hash,
    local: 'bob',
    created: start,
    record: filled(6, 300),
  };
  const place = tuple(domainName, bytes(32));
  await engine.write(() => {
    engine
      .table('users', schemaCodec(before))
      .put(joined(name('beta.test'), hash), { ...row, devices: [filled(5), filled(6)], suspended: false });
    for (const device of [filled(5), filled(6)])
      engine.table('devices', schemaCodec(place)).put(device, ['beta.test', hash]);
  });
  await engine.close();
  const store = await openStore({ dir, clock: testClock(start), onFailure: () => t.fail() });
  t.teardown(() => store.close());
  t.deepEqual((await store.users.byDevice(filled(5)))?.devices, [
    { device: filled(5), kind: 'device', name: '', added: start },
    { device: filled(6), kind: 'device', name: '', added: start },
  ]);
  await store.users.removeDevice('beta.test', hash, { device: filled(6), by: filled(5) });
  await store.users.addDevice('beta.test', hash, added(7));
  t.deepEqual(names((await store.users.get('beta.test', hash))!), ['', 'phone']);
});

test('a record takes the place of the one that it is said to, once', async (t) => {
  const { store } = await opened(t);
  await store.users.invite('beta.test', invitation);
  await store.users.enroll('beta.test', hash, enrolment);
  const change = { previous: enrolment.record, record: filled(8, 310) };
  await store.users.putRecord('beta.test', hash, change);
  await t.throwsAsync(store.users.putRecord('beta.test', hash, change), { code: 'conflict' });
  t.deepEqual((await store.users.get('beta.test', hash))?.record, change.record);
});

test('a suspended user can come back', async (t) => {
  const { store } = await opened(t);
  await t.throwsAsync(store.users.suspend('beta.test', hash, true), { code: 'not_found' });
  await store.users.invite('beta.test', invitation);
  await store.users.enroll('beta.test', hash, enrolment);
  await store.users.suspend('beta.test', hash, true);
  t.is((await store.users.get('beta.test', hash))?.status, 'suspended');
  await store.users.suspend('beta.test', hash, false);
  t.is((await store.users.get('beta.test', hash))?.status, 'active');
});

const again = { addressHash: hash, local: 'bob', tokenHash: filled(10), expires: start + 900 };
const anew = {
  tokenHash: filled(10),
  device: filled(15),
  recovery: filled(16),
  record: filled(17, 300),
  replaces: enrolment.record,
  now: start + 500,
};

/** What bob has at the domain, for who looks whether it is gone. */
async function furnished(t: ExecutionContext) {
  const home = await enrolled(t, { ...enrolment, recovery: filled(6) });
  const { store } = home;
  const owner = { domain: 'beta.test', user: hash };
  await store.users.openPairing('beta.test', hash, pairing);
  const state = filled(1, 5000);
  await store.states.put(owner, { size: 5000, hash: sha256(state), bytes: pieces(state) });
  await store.uploads.open(owner, filled(3, 16), 700);
  const upload = await uploaded(store, owner, state);
  const ends = start + 999_999;
  await store.kept.keep(owner, { name: filled(4), upload, hash: sha256(state), expires: ends });
  await store.aliases.add('beta.test', { addressHash: filled(30), local: 'b', user: hash });
  await store.aliases.putRecord('beta.test', filled(30), { user: hash, record: filled(31, 200) });
  const waiting = await sent(store, owner);
  return { ...home, owner, waiting, before: await bytesOf(store) };
}

test('a user who is invited again goes on until the invitation is used, or not where it was stolen', async (t) => {
  const { store } = await enrolled(t);
  const reinvite = (suspend: boolean) => store.users.reinvite('beta.test', { ...again, suspend });
  await reinvite(false);
  t.like(await store.users.byDevice(filled(5)), { status: 'active', invitedUntil: start + 900 });
  await reinvite(true);
  t.is((await store.users.byDevice(filled(5)))?.status, 'suspended');
  t.is((await store.listed.get('beta.test', hash))?.status, 'suspended');
  await reinvite(false);
  t.is(
    (await store.users.byDevice(filled(5)))?.status,
    'suspended',
    'a second invitation takes nothing back',
  );
  await store.users.enroll('beta.test', hash, anew);
  t.is((await store.users.byDevice(filled(15)))?.status, 'active');
  const unknown = store.users.reinvite('beta.test', { ...again, addressHash: filled(2), suspend: false });
  await t.throwsAsync(unknown, { code: 'not_found' });
});

test('who begins anew keeps what waits at the domain, and nothing else of before', async (t) => {
  const { store, owner, waiting, before, reopen } = await furnished(t);
  await store.users.reinvite('beta.test', { ...again, suspend: false });
  await store.users.enroll('beta.test', hash, anew);
  await store.users.enroll('beta.test', hash, anew);
  const later = await reopen();
  const user = (await later.users.get('beta.test', hash))!;
  t.deepEqual(
    user.devices.map(({ device }) => device),
    [anew.device, anew.recovery],
  );
  t.deepEqual([user.record, user.invitedUntil], [anew.record, undefined]);
  for (const value of [5, 6, 77]) t.is(await later.users.byDevice(filled(value)), undefined);
  t.is(await later.states.get(owner), undefined);
  t.is(await later.kept.get(owner, filled(4)), undefined);
  t.is(await later.uploads.status(owner, filled(3, 16)), undefined);
  t.is(await bytesOf(later), before - 10_700);
  t.truthy(await later.transit.read(waiting.idHash));
  t.like((await later.aliases.of('beta.test', hash))[0], { local: 'b', record: undefined });
  t.is((await later.listed.get('beta.test', filled(30)))?.gone, start);
  await t.throwsAsync(later.users.enroll('beta.test', hash, enrolment), { code: 'invitation_invalid' });
});

test('a record that does not follow the stored one does not use the invitation up', async (t) => {
  const { store } = await enrolled(t);
  await store.users.reinvite('beta.test', { ...again, suspend: false });
  const { replaces: _, ...without } = anew;
  const code = 'conflict';
  await t.throwsAsync(store.users.enroll('beta.test', hash, without), { code });
  await t.throwsAsync(store.users.enroll('beta.test', hash, { ...anew, replaces: filled(1) }), { code });
  const record = filled(8, 310);
  await store.users.putRecord('beta.test', hash, { previous: enrolment.record, record });
  await t.throwsAsync(store.users.enroll('beta.test', hash, anew), { code }, 'the old device was faster');
  await store.users.enroll('beta.test', hash, { ...anew, replaces: record });
});

test('who is removed leaves a record of the past and what was sent; the address can be given again', async (t) => {
  const { store, owner, waiting, before } = await furnished(t);
  await store.users.remove('beta.test', hash);
  await store.users.remove('beta.test', hash);
  const user = (await store.users.get('beta.test', hash))!;
  t.like(user, { status: 'gone', gone: start, record: enrolment.record });
  t.deepEqual(user.devices, []);
  for (const value of [5, 6, 77]) t.is(await store.users.byDevice(filled(value)), undefined);
  t.is(await store.states.get(owner), undefined);
  t.is(await store.kept.get(owner, filled(4)), undefined);
  t.is(await bytesOf(store), before - 10_700);
  t.truthy(await store.transit.read(waiting.idHash));
  t.deepEqual(await store.aliases.of('beta.test', hash), []);
  t.deepEqual(await store.listed.get('beta.test', hash), {
    status: 'active',
    record: enrolment.record,
    gone: start,
  });
  const gone = { code: 'not_found' };
  await t.throwsAsync(store.users.reinvite('beta.test', { ...again, suspend: false }), gone);
  await t.throwsAsync(store.users.addDevice('beta.test', hash, added(7)), gone);
  const record = { previous: enrolment.record, record: filled(8, 310) };
  await t.throwsAsync(store.users.putRecord('beta.test', hash, record), gone);

  await store.users.invite('beta.test', again);
  t.is((await store.users.get('beta.test', hash))?.status, 'invited');
  t.is((await store.listed.get('beta.test', hash))?.gone, start);
  const { replaces: _, ...fresh } = anew;
  const next = await store.users.enroll('beta.test', hash, fresh);
  t.deepEqual([next.status, next.gone], ['active', undefined]);
});

test('who never enrolled leaves nothing', async (t) => {
  const { store } = await opened(t);
  await t.throwsAsync(store.users.remove('beta.test', hash), { code: 'not_found' });
  await store.users.invite('beta.test', invitation);
  await store.users.remove('beta.test', hash);
  t.is(await store.users.get('beta.test', hash), undefined);
});

test('users are listed by domain', async (t) => {
  const { store } = await opened(t);
  await store.users.invite('beta.test', invitation);
  await store.users.invite('beta.test', { ...invitation, addressHash: filled(2), local: 'carol' });
  await store.users.invite('beta.tests', { ...invitation, local: 'dave' });
  t.deepEqual(
    (await store.users.list('beta.test')).map(({ local }) => local),
    ['bob', 'carol'],
  );
  t.is((await store.stats()).users, 3);
});

test('who was suspended is not taken back by an invitation of before', async (t) => {
  for (const again of [false, true]) {
    const { store } = again ? await enrolled(t) : await opened(t);
    const { users } = store;
    const fresh = { ...invitation, tokenHash: filled(8) };
    if (again) await users.reinvite('beta.test', { ...fresh, suspend: false });
    else await users.invite('beta.test', fresh);
    await users.suspend('beta.test', hash, true);
    const anew = { tokenHash: filled(8), device: filled(4), record: filled(7, 300), now: start };
    const replaces = again ? { replaces: enrolment.record } : {};
    const attempt = users.enroll('beta.test', hash, { ...anew, ...replaces });
    t.is(await rejected(attempt), 'invitation_invalid');
    t.like(await users.get('beta.test', hash), { status: 'suspended', invitedUntil: undefined });
    await users.suspend('beta.test', hash, false);
    t.is((await users.get('beta.test', hash))?.status, again ? 'active' : 'invited');
    if (again) await users.reinvite('beta.test', { ...fresh, tokenHash: filled(3), suspend: true });
    else await users.invite('beta.test', { ...fresh, tokenHash: filled(3) });
    await users.enroll('beta.test', hash, { ...anew, ...replaces, tokenHash: filled(3) });
    t.like(await users.get('beta.test', hash), { status: 'active' });
  }
});

test('whoever remembers what is published of an address hears of what is published alone', async (t) => {
  const { store } = await enrolled(t);
  const told: Uint8Array[] = [];
  store.listed.watch((_domain, address) => void told.push(address));
  await store.users.setRecovery('beta.test', hash, recovery);
  await store.users.openPairing('beta.test', hash, pairing);
  await store.users.addDevice('beta.test', hash, added(7));
  await store.users.removeDevice('beta.test', hash, { device: filled(7), by: filled(5) });
  await store.users.reinvite('beta.test', { ...invitation, tokenHash: filled(8), suspend: false });
  t.is(told.length, 0);
  await store.users.putRecord('beta.test', hash, { previous: enrolment.record, record: filled(7, 300) });
  t.is(told.length, 1);
  await store.users.suspend('beta.test', hash, true);
  t.is(told.length, 2);
  await store.users.remove('beta.test', hash);
  t.true(told.length > 2);
});
