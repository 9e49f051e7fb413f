import test, { type ExecutionContext } from 'ava';
import { invitationLife } from '../../src/account/invite.ts';
import { sha256 } from '../../src/crypto/kdf.ts';
import { signUserRecord } from '../../src/keys/user-record.ts';
import { parseInvitation } from '../../src/wire/invitation.ts';
import { userRecord } from '../../src/wire/users.ts';
import { opened, random, start } from '../store/fixture.ts';
import { flipped, makeUser, rejected, resign } from '../support/identities.ts';
import { access, newDevice, signed } from './access.ts';
import { alpha, amy, ann, gamma, otherAnn } from './fixture.ts';

async function home(t: ExecutionContext) {
  const { store, clock, dir } = await opened(t);
  return { store, clock, dir, ...access(store, clock, [alpha, gamma]) };
}

const device = newDevice().publicKey;
const invalid = 'invitation_invalid';

test('an invitation names the user, the token and the domain’s identity, for 14 days', async (t) => {
  const { invite, store } = await home(t);
  const { invitation, expires } = await invite({ local: 'ann', domain: 'alpha.test' });
  t.is(expires, start + invitationLife);
  const { token, ...rest } = parseInvitation(invitation);
  t.deepEqual(rest, { domain: 'alpha.test', local: 'ann', fingerprint: alpha.keys.fingerprint });
  t.is(token.length, 16);
  const user = await store.users.get('alpha.test', ann.verified.addressHash);
  t.like(user, { status: 'invited', local: 'ann', invitedUntil: expires, devices: [] });
});

test('nobody is invited to a domain that is not served, and nobody twice once enrolled', async (t) => {
  const { invite, enrolled } = await home(t);
  t.is(await rejected(invite({ local: 'ann', domain: 'beta.test' })), 'not_found');
  await enrolled(ann);
  t.is(await rejected(invite({ local: 'ann', domain: 'alpha.test' })), 'exists');
  t.is(
    await rejected(invite({ local: 'ann', domain: 'gamma.test' })),
    'no error',
    'another domain, another user',
  );
});

test('enrolment makes the user: with the record, the device and no invitation left', async (t) => {
  const { enroll, invited, store } = await home(t);
  const token = await invited(ann.address);
  const hash = await enroll('alpha.test', { token, record: ann.inner, device });
  t.deepEqual(hash, ann.verified.addressHash);
  const user = (await store.users.get('alpha.test', hash))!;
  t.like(user, { status: 'active', local: 'ann' });
  t.deepEqual(user.devices, [{ device, kind: 'device', name: '', added: start }]);
  t.deepEqual(user.record, ann.inner);
  t.false('invitedUntil' in user);
  t.deepEqual((await store.users.byDevice(device))?.addressHash, hash);
});

test('repeated with the same record and device it gives the same answer, even past the invitation', async (t) => {
  const { enroll, invited, clock } = await home(t);
  const enrolment = { token: await invited(ann.address), record: ann.inner, device };
  const hash = await enroll('alpha.test', enrolment);
  t.deepEqual(await enroll('alpha.test', enrolment), hash);
  clock.advance(invitationLife + 1);
  t.deepEqual(await enroll('alpha.test', enrolment), hash);
});

test('a token serves once: another record or device is refused', async (t) => {
  const { enroll, invited, store } = await home(t);
  const token = await invited(ann.address);
  await enroll('alpha.test', { token, record: ann.inner, device });
  const thief = makeUser(alpha, 'ann', 'a thief');
  const newer = signUserRecord({ keys: ann.keys, address: ann.address, serial: start, now: start });
  const other = newDevice().publicKey;
  for (const attempt of [
    { token, record: ann.inner, device: other },
    { token, record: newer, device },
    { token, record: thief.inner, device },
    { token, record: thief.inner, device: other },
  ])
    t.is(await rejected(enroll('alpha.test', attempt)), invalid);
  const user = await store.users.get('alpha.test', ann.verified.addressHash);
  t.deepEqual(user?.record, ann.inner);
  t.deepEqual(
    user?.devices.map((one) => one.device),
    [device],
  );
  t.is(await store.users.byDevice(other), undefined);
});

test('of two enrolments at once by different devices one wins', async (t) => {
  const { enroll, invited, store } = await home(t);
  const token = await invited(ann.address);
  const devices = [device, newDevice().publicKey];
  const outcomes = await Promise.all(
    devices.map((one) => rejected(enroll('alpha.test', { token, record: ann.inner, device: one }))),
  );
  t.deepEqual(outcomes.sort(), [invalid, 'no error']);
  t.is((await store.users.get('alpha.test', ann.verified.addressHash))?.devices.length, 1);
});

test('a token that is unknown, past, replaced or of another address is refused', async (t) => {
  const { enroll, invited, clock } = await home(t);
  const outcome = (token: Uint8Array, record = ann.inner, domain = 'alpha.test') =>
    rejected(enroll(domain, { token, record, device }));
  t.is(await outcome(random(16)), invalid, 'nobody was invited');
  const first = await invited(ann.address);
  t.is(await outcome(random(16)), invalid);
  t.is(await outcome(sha256(first)), invalid, 'what the domain keeps is no token');
  t.is(await outcome(first, amy.inner), invalid, 'of another user');
  t.is(await outcome(first, otherAnn.inner, 'gamma.test'), invalid, 'of another domain');
  const second = await invited(ann.address);
  t.is(await outcome(first), invalid, 'a newer one took its place');
  clock.advance(invitationLife);
  t.is(await outcome(second), invalid, 'past');
  t.is(await outcome(await invited(ann.address)), 'no error');
});

test('an invitation that is refused stays good for its user', async (t) => {
  const { enroll, invited } = await home(t);
  const token = await invited(ann.address);
  t.is(await rejected(enroll('alpha.test', { token, record: amy.inner, device })), invalid);
  t.is(await rejected(enroll('alpha.test', { token, record: flipped(ann.inner), device })), 'record_invalid');
  t.is(await rejected(enroll('alpha.test', { token, record: ann.inner, device })), 'no error');
});

test('a record that does not verify is refused', async (t) => {
  const { enroll, invited, clock } = await home(t);
  const token = await invited(ann.address);
  const by = { purpose: 'user record', domain: 'alpha.test', key: ann.keys.identity } as const;
  const thief = makeUser(alpha, 'ann', 'a thief').keys.identity;
  const records: Readonly<Record<string, Uint8Array>> = {
    nothing: new Uint8Array(),
    'no record': random(300),
    'an altered one': flipped(ann.inner, 40),
    'an altered signature': flipped(ann.inner),
    'one with a byte behind': Uint8Array.of(...ann.inner, 0),
    'a listing in its place': ann.listing,
    'one of another domain': otherAnn.inner,
    'one signed by another key': resign(userRecord, ann.inner, {}, { ...by, key: thief }),
    'one signed for another purpose': resign(userRecord, ann.inner, {}, { ...by, purpose: 'letter' }),
    'one signed at another domain': resign(userRecord, ann.inner, {}, { ...by, domain: 'gamma.test' }),
    'one without keys to write to': resign(userRecord, ann.inner, { keys: [] }, by),
    'one with a serial far ahead': resign(userRecord, ann.inner, { serial: start + 30 * 86_400 }, by),
  };
  for (const [what, record] of Object.entries(records))
    t.is(await rejected(enroll('alpha.test', { token, record, device })), 'record_invalid', what);
  clock.advance(500 * 86_400);
  t.is(
    await rejected(enroll('alpha.test', { token, record: ann.inner, device })),
    'record_invalid',
    'expired',
  );
});

test('a device serves one user', async (t) => {
  const { enroll, invited, enrolled, store } = await home(t);
  const anns = await enrolled(ann);
  for (const [user, domain] of [
    [amy, 'alpha.test'],
    [otherAnn, 'gamma.test'],
  ] as const) {
    const token = await invited(user.address);
    const taken = { token, record: user.inner, device: anns.publicKey };
    t.is(await rejected(enroll(domain, taken)), 'conflict');
    t.is(
      (await store.users.get(domain, user.verified.addressHash))?.status,
      'invited',
      'nothing of it stays',
    );
  }
  t.deepEqual((await store.users.byDevice(anns.publicKey))?.addressHash, ann.verified.addressHash);
});

test('the device that enrols signs the request itself', async (t) => {
  const { authenticate } = await home(t);
  const own = newDevice();
  const body = { sha256: sha256(random(10)) };
  const target = '/.well-known/beckon/account/enroll';
  const request = signed({ method: 'POST', domain: 'alpha.test', target, body }, own);
  t.notThrows(() => authenticate.device(request, own.publicKey));
  t.throws(() => authenticate.device(request, newDevice().publicKey), { code: 'unauthorized' });
  t.throws(() => authenticate.device({ ...request, domain: 'gamma.test' }, own.publicKey), {
    code: 'unauthorized',
  });
});

/** The first record of other keys, after that of ann's lost ones. */
function anew(previous: Uint8Array | undefined = ann.verified.recordFingerprint, serial = start) {
  const { keys } = makeUser(alpha, 'ann', 'new keys');
  const named = previous === undefined ? {} : { previous };
  return signUserRecord({ keys, address: ann.address, serial, ...named, now: start });
}

test('who was invited again enrols with a record that follows the listed one', async (t) => {
  const { enroll, enrolled, reinvited, store, authenticate } = await home(t);
  const lost = await enrolled(ann);
  const token = await reinvited(ann.address);
  const attempt = (record: Uint8Array) => rejected(enroll('alpha.test', { token, record, device }));
  t.is(await attempt(ann.inner), 'conflict', 'the listed one itself');
  t.is(await attempt(makeUser(alpha, 'ann', 'new keys').inner), 'conflict', 'names none');
  t.is(await attempt(anew(amy.verified.recordFingerprint)), 'conflict', 'names another');
  t.is(await attempt(anew(undefined, ann.verified.serial)), 'conflict');
  t.is(await attempt(anew(ann.verified.recordFingerprint, ann.verified.serial)), 'conflict', 'no newer');
  const request = { method: 'GET', domain: 'alpha.test', target: '/.well-known/beckon/account/user' };
  t.is(await rejected(authenticate.user('alpha.test', signed(request, lost))), 'no error', 'until then');
  t.is(await attempt(anew()), 'no error');
  t.is(await attempt(anew()), 'no error', 'the answer was lost');
  t.deepEqual((await store.users.get('alpha.test', ann.verified.addressHash))?.record, anew());
  t.is(await rejected(authenticate.user('alpha.test', signed(request, lost))), 'unauthorized');
  const other = newDevice().publicKey;
  const twice = enroll('alpha.test', { token, record: anew(), device: other });
  t.is(await rejected(twice), invalid, 'it serves once');
});

test('what was stolen is refused from the new invitation on', async (t) => {
  const { enroll, enrolled, reinvited, authenticate } = await home(t);
  const stolen = await enrolled(ann);
  const token = await reinvited(ann.address, true);
  const request = { method: 'GET', domain: 'alpha.test', target: '/.well-known/beckon/account/user' };
  t.is(await rejected(authenticate.user('alpha.test', signed(request, stolen))), 'unauthorized');
  const own = newDevice();
  await enroll('alpha.test', { token, record: anew(), device: own.publicKey });
  t.is(await rejected(authenticate.user('alpha.test', signed(request, own))), 'no error');
  t.is(await rejected(authenticate.user('alpha.test', signed(request, stolen))), 'unauthorized');
});
