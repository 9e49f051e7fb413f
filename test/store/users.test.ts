import test from 'ava';
import { filled, opened, start } from './fixture.ts';

const hash = filled(1);
const invitation = { addressHash: hash, local: 'bob', tokenHash: filled(9), expires: start + 100 };
const enrolment = { tokenHash: filled(9), device: filled(5), record: filled(6, 300), now: start };

test('an invited user enrols once, the same device may repeat it', async (t) => {
  const first = await opened(t);
  await first.store.users.invite('beta.test', invitation);
  t.like(await first.store.users.get('beta.test', hash), { status: 'invited', invitedUntil: start + 100 });
  const user = await first.store.users.enroll('beta.test', hash, enrolment);
  t.like(user, { status: 'active', local: 'bob', record: enrolment.record, devices: [enrolment.device] });
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
  await t.throwsAsync(store.users.addDevice('beta.test', filled(2), enrolment.device), { code: 'conflict' });
  t.is(await store.users.byDevice(filled(77)), undefined);
  t.is(await store.users.byDevice(filled(7, 3)), undefined);
});

test('devices come and go', async (t) => {
  const { store } = await opened(t);
  await t.throwsAsync(store.users.addDevice('beta.test', hash, filled(7)), { code: 'not_found' });
  await store.users.invite('beta.test', invitation);
  await store.users.enroll('beta.test', hash, enrolment);
  await store.users.addDevice('beta.test', hash, filled(7));
  await store.users.addDevice('beta.test', hash, filled(7));
  t.deepEqual((await store.users.byDevice(filled(7)))?.devices, [filled(5), filled(7)]);
  await store.users.removeDevice('beta.test', hash, filled(5));
  await store.users.removeDevice('beta.test', hash, filled(5));
  t.is(await store.users.byDevice(filled(5)), undefined);
  t.deepEqual((await store.users.get('beta.test', hash))?.devices, [filled(7)]);
});

test('a listing holds for the record it was signed for', async (t) => {
  const { store } = await opened(t);
  await store.users.invite('beta.test', invitation);
  const signed = { record: enrolment.record, listing: filled(3, 400) };
  t.false(await store.users.putListing('beta.test', hash, signed));
  await store.users.enroll('beta.test', hash, enrolment);
  t.true(await store.users.putListing('beta.test', hash, signed));
  t.deepEqual((await store.users.get('beta.test', hash))?.listing, signed.listing);
  const change = { previous: enrolment.record, record: filled(8, 310) };
  await store.users.putRecord('beta.test', hash, change);
  t.false(await store.users.putListing('beta.test', hash, signed));
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
