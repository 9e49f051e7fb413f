import test from 'ava';
import { sha256 } from '../../src/crypto/kdf.ts';
import { signMandate } from '../../src/keys/mandate.ts';
import { createShelves, userName } from '../../src/directory/pins.ts';
import { noticesOf } from '../../src/directory/user-pins.ts';
import type { UserKeys } from '../../src/keys/user-keys.ts';
import type { KeyPair } from '../../src/keys/key-pair.ts';
import { address, innerOf, later, now, path, seen, start, userKeys } from './user-world.ts';
import { failed } from './world.ts';

const hour = 3600;

async function nativeOf(users: Awaited<ReturnType<typeof start>>['users']) {
  const outcome = await users.user(address);
  if (outcome.kind !== 'native') throw new Error(outcome.kind);
  return outcome;
}

const kindsOf = (notices: readonly { readonly kind: string }[]) => notices.map(({ kind }) => kind);

/** One key of theirs, changed. */
function withKey(keys: UserKeys, use: KeyPair['use'], change: Partial<KeyPair>): UserKeys {
  return { ...keys, keys: keys.keys.map((key) => (key.use === use ? { ...key, ...change } : key)) };
}

test('an orderly rotation does not wait, and is reported until it was looked at; the history keeps it', async (t) => {
  const { users, restarted, keys, serve, clock } = await seen(t);
  const before = sha256(innerOf({ keys }));
  serve({ record: { previous: before } });
  const { notices, user } = await nativeOf(users);
  t.like(notices, [{ kind: 'rotated', linked: true, at: clock.seconds(), fromRecord: before }]);
  t.deepEqual(notices[0]?.toRecord, user.recordFingerprint);
  t.is(notices[0]?.toIdentity, undefined);
  t.is((await nativeOf(restarted().users)).notices.length, 1);
  await users.acknowledge(address);
  t.deepEqual((await nativeOf(restarted().users)).notices, []);
  t.like(noticesOf(await users.pin(address)), [{ kind: 'rotated', seen: true }]);
});

test('records in between that were not seen are no reason to wait, and the report says so', async (t) => {
  const { users, serve } = await seen(t);
  serve({ record: { previous: new Uint8Array(32) } });
  t.like((await nativeOf(users)).notices, [{ kind: 'rotated', linked: false }]);
});

test('an identity that never answered is replaced as at first sight, and that is reported', async (t) => {
  const { users, keys, serve, clock } = await seen(t);
  t.false((await nativeOf(users)).confirmed);
  const next = userKeys();
  serve({ keys: next });
  clock.advance(hour);
  const outcome = await nativeOf(users);
  t.like(outcome, { since: clock.seconds(), confirmed: false });
  t.deepEqual(outcome.trust.reasons[0], 'first_sight');
  t.like(outcome.notices, [{ kind: 'replaced' }]);
  t.deepEqual(outcome.notices[0]?.fromIdentity, keys.identityFingerprint);
  t.deepEqual(outcome.notices[0]?.toIdentity, next.identityFingerprint);
});

test('who answered is confirmed, in this identity and no other', async (t) => {
  const { users, restarted, keys, clock } = await start(t);
  await users.answered(address, keys.identityFingerprint);
  t.is(await users.pin(address), undefined, 'nobody was seen yet');
  t.false((await nativeOf(users)).confirmed);
  await users.answered(address, userKeys().identityFingerprint);
  t.false((await nativeOf(users)).confirmed);
  await users.answered(address, keys.identityFingerprint);
  clock.advance(10);
  await users.answered(address, keys.identityFingerprint);
  const { confirmed, trust, notices } = await nativeOf(restarted().users);
  t.true(confirmed);
  t.true(trust.reasons.includes('answered'));
  t.deepEqual(notices, []);
  t.like(await users.pin(address), { confirmed: now, history: [{ at: now, seen: true }] });
});

test('a change that was shown waits though the domain falls silent, and is told once', async (t) => {
  const { users, restarted, keys, serve, site, clock } = await seen(t);
  await users.answered(address, keys.identityFingerprint);
  const next = userKeys();
  serve({ keys: next });
  t.is((await users.user(address)).kind, 'changed');
  t.is((await restarted().users.user(address)).kind, 'changed');
  site.routes.set(path, failed(503, 'unavailable'));
  const again = restarted().users;
  t.like(await again.user(address), { kind: 'changed', offered: next.identityFingerprint });
  const pin = await again.pin(address);
  t.deepEqual(kindsOf(noticesOf(pin)), ['answered', 'identity_offered']);
  serve();
  clock.advance(hour);
  t.is(
    (await nativeOf(restarted().users)).notices.length,
    2,
    'back again: it is reported, with the rotation',
  );
});

test('an accepted identity holds: the next one waits, also before an answer', async (t) => {
  const world = await seen(t);
  const { users, restarted, keys, serve } = world;
  await users.answered(address, keys.identityFingerprint);
  const next = userKeys();
  serve({ keys: next });
  await users.user(address);
  await users.acceptChange(address, next.identityFingerprint);
  t.like(await nativeOf(users), { confirmed: false, since: world.clock.seconds(), notices: [] });
  t.deepEqual(kindsOf(noticesOf(await users.pin(address))), [
    'answered',
    'identity_offered',
    'identity_accepted',
  ]);
  later(world, hour);
  serve({ keys: userKeys() });
  t.like(await restarted().users.user(address), { kind: 'changed', pinned: next.identityFingerprint });
});

test('weaker sealing keys wait for the word of the user, the same identity or not', async (t) => {
  const { users, restarted, cache, keys, serve, clock } = await seen(t);
  await users.answered(address, keys.identityFingerprint);
  const shelf = createShelves(cache).userPins;
  const pin = await users.pin(address);
  if (!pin) return t.fail();
  // As a later version would have pinned keys of a suite that this one has not.
  await shelf.put(userName(address), { ...pin, sealingRank: 2 });
  serve();
  const waits = { kind: 'changed', of: 'user', what: 'suite', offered: keys.identityFingerprint } as const;
  t.like(await users.user(address), waits);
  t.like(await restarted().users.user(address), waits);
  const again = restarted().users;
  await again.acceptChange(address, keys.identityFingerprint);
  clock.advance(1);
  t.like(await again.user(address), { kind: 'native', confirmed: true });
  t.like(await again.pin(address), { sealingRank: 1, since: now });
});

test('drops are void from the last revocation or drops-since on, and no later record takes that back', async (t) => {
  const world = await seen(t);
  const { users, keys, serve } = world;
  t.is((await nativeOf(users)).dropsSince, undefined);
  later(world, hour);
  serve({ record: { dropsSince: now + 5 } });
  t.like(await nativeOf(users), { dropsSince: now + 5 });
  later(world, hour);
  serve({ keys: withKey(keys, 'sealing', { status: 'revoked', revokedAt: now + 9 }) });
  t.like(await nativeOf(users), { dropsSince: now + 9 });
  later(world, hour);
  serve();
  const { dropsSince, notices } = await nativeOf(users);
  t.is(dropsSince, now + 9);
  t.deepEqual(kindsOf(notices), ['rotated', 'drops_void', 'rotated', 'drops_void', 'rotated']);
});

test('who else can read is told when it begins and when it ends', async (t) => {
  const world = await seen(t);
  const { users, keys, serve } = world;
  t.like(await nativeOf(users), { escrow: false, bridged: false });
  later(world, hour);
  serve({ at: world.clock.seconds(), escrow: true, record: { bridged: true } });
  t.like(await nativeOf(users), { escrow: true, bridged: true });
  later(world, hour);
  serve({ keys, at: world.clock.seconds() });
  const { escrow, bridged, notices } = await nativeOf(users);
  t.deepEqual([escrow, bridged], [false, false]);
  t.deepEqual(
    kindsOf(notices).filter((kind) => kind !== 'rotated'),
    ['escrow_began', 'bridged_began', 'escrow_ended', 'bridged_ended'],
  );
});

test('a pin of version 0.1.0 is read, holds against another identity, and is completed', async (t) => {
  const world = await seen(t);
  const { users, restarted, cache, serve } = world;
  const shelf = createShelves(cache).userPins;
  const pin = await users.pin(address);
  if (!pin) return t.fail();
  const { fingerprint, since, compared, serial, recordFingerprint, created, mailAccepted } = pin;
  const old = { fingerprint, since, compared, serial, created, mailAccepted };
  await shelf.put(userName(address), { ...old, recordFingerprint: recordFingerprint ?? new Uint8Array(32) });
  serve({ keys: userKeys() });
  t.like(await restarted().users.user(address), { kind: 'changed' });
  serve();
  world.clock.advance(hour);
  t.like(await nativeOf(restarted().users), { confirmed: true, since: now });
  t.like(await users.pin(address), { sealingRank: 1, escrow: false });
});

test('the history is bounded, and orderly rotations are forgotten first', async (t) => {
  const world = await seen(t);
  const { users, serve, keys } = world;
  await users.answered(address, keys.identityFingerprint);
  for (let month = 0; month < 70; month++) {
    serve();
    await users.user(address);
    later(world, hour);
  }
  const history = noticesOf(await users.pin(address));
  t.is(history.length, 64);
  t.is(history[0]?.kind, 'answered');
});

test('that an address takes mail only now is told once', async (t) => {
  const { users, restarted, byMail } = await seen(t);
  byMail();
  t.deepEqual(await users.user(address), { kind: 'later', reason: 'pinned_native' });
  t.deepEqual(await restarted().users.user(address), { kind: 'later', reason: 'pinned_native' });
  t.deepEqual(kindsOf(noticesOf(await users.pin(address))), ['mail_offered']);
});

test('what happened to the domain of a correspondent is told until it was looked at', async (t) => {
  const world = await seen(t);
  const { users, site, clock, serve } = world;
  t.deepEqual((await nativeOf(users)).domainNotices, []);
  later(world, hour);
  const { domain, identity, recoveryHash, keys } = site.keys;
  if (!identity) return t.fail();
  const signingKeys = keys.filter(({ use }) => use === 'domainSigning');
  const at = clock.seconds();
  const mandate = signMandate({
    domain,
    identity,
    signingKeys,
    recoveryHash,
    previousSerial: now,
    now: at,
    escrow: true,
  });
  site.publish(at, { ...site.keys, mandate });
  serve({ escrow: true });
  const { domainNotices, notices } = await nativeOf(users);
  t.like(domainNotices, [{ kind: 'escrow', escrow: true, noticed: at }]);
  t.deepEqual(kindsOf(notices), ['rotated', 'escrow_began']);
  await users.acknowledge(address);
  clock.advance(1);
  t.like(await nativeOf(users), { notices: [], domainNotices: [], escrow: true });
});
