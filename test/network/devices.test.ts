/** Several devices of one user, and the state they share, over the real network. */
import test from 'ava';
import { createOwnDomain, maxKeptPart, type OwnDomain } from '../../src/client/own-domain.ts';
import { createAskOwn } from '../../src/client/own-request.ts';
import { sha256 } from '../../src/crypto/kdf.ts';
import { systemRandom as random } from '../../src/crypto/random.ts';
import type { KeyPair } from '../../src/keys/key-pair.ts';
import { addressHash, recordFingerprint } from '../../src/keys/fingerprints.ts';
import { userKeysFromJson } from '../../src/keys/user-key-file.ts';
import { createDeviceKey, createUserKeys } from '../../src/keys/user-keys.ts';
import { signUserRecord } from '../../src/keys/user-record.ts';
import { parseInvitation } from '../../src/wire/invitation.ts';
import { userStatuses } from '../../src/wire/registry.ts';
import { decode } from '../../src/wire/schema.ts';
import { decodeSign1 } from '../../src/wire/sign1.ts';
import { userAnswer, userListing } from '../../src/wire/users.ts';
import { rejected } from '../support/identities.ts';
import { b64, deviceOf, openCaller, type Caller } from './caller.ts';
import { openPerson } from './person.ts';
import { startTown, type Town } from './town.ts';

/** The own domain as whoever has a key sees it. */
function asKey(town: Town, { network }: Caller, device: KeyPair, domain = 'alpha.test'): OwnDomain {
  const signer = async () => ({ domain, device });
  return createOwnDomain(createAskOwn({ network, signer, clock: town.clock, wait: async () => {} }));
}

/** A user whose client does nothing by itself: it has written no state. */
async function bareUser(town: Town, caller: Caller, address: string): Promise<KeyPair> {
  const now = town.clock.seconds();
  const { invitation } = await town.hoster('alpha').admin.inviteUser(address);
  const device = createDeviceKey('alpha.test', random, now);
  const keys = createUserKeys('alpha.test', random, now);
  const record = signUserRecord({ keys, address, serial: now, now });
  const { token } = parseInvitation(invitation);
  await asKey(town, caller, device).enroll({ token, record, device: device.publicKey });
  return device;
}

test('a second device is paired, shares the state, and is refused everywhere once it is removed', async (t) => {
  await using town = await startTown();
  await using caller = openCaller(town);
  const now = town.clock.seconds();
  const [pairing, phone] = [1, 2].map(() => createDeviceKey('alpha.test', random, now)) as [KeyPair, KeyPair];
  const laptop = asKey(town, caller, await bareUser(town, caller, 'ann@alpha.test'));

  t.is(await laptop.state(), undefined);
  const first = random(300_000);
  const tag = await laptop.putState(first);
  t.is(await laptop.putState(first), tag, 'a lost answer');
  const expires = now + 600;
  t.is(await laptop.openPairing({ pairing: pairing.publicKey, expires }), expires);

  const newcomer = asKey(town, caller, pairing);
  t.deepEqual(await newcomer.state(), { bytes: first, tag });
  const added = { device: phone.publicKey, name: 'phone', added: now, kind: 'device' };
  t.deepEqual(await newcomer.addDevice({ device: phone.publicKey, name: 'phone' }), added);
  t.is(await rejected(newcomer.state()), 'unauthorized');
  t.is(await rejected(newcomer.user()), 'unauthorized');

  const second = asKey(town, caller, phone);
  const newer = await second.putState(random(500), tag);
  t.is(await rejected(laptop.putState(random(500), tag)), 'precondition_failed');
  await laptop.putState(random(500), newer);
  t.deepEqual((await second.user()).devices[1], added);

  await laptop.removeDevice(phone.publicKey);
  for (const call of [
    second.state(),
    second.user(),
    second.feed({}),
    second.reserve(1),
    second.sent(),
    second.addDevice({ device: pairing.publicKey, name: '' }),
    second.setRecovery(pairing.publicKey),
  ])
    t.is(await rejected(call), 'unauthorized');
  await town.hoster('alpha').restart();
  t.is((await laptop.user()).devices.length, 1);
  t.is(await rejected(second.state()), 'unauthorized');
});

test('the recovery key brings a new device in, and a newer phrase takes its place', async (t) => {
  await using town = await startTown();
  await using caller = openCaller(town);
  const now = town.clock.seconds();
  const key = () => createDeviceKey('alpha.test', random, now);
  const [phrase, found, newer] = [key(), key(), key()];
  const laptop = asKey(town, caller, await bareUser(town, caller, 'ann@alpha.test'));
  await laptop.setRecovery(phrase.publicKey);
  const recovery = asKey(town, caller, phrase);
  t.is(await recovery.state(), undefined);
  const state = random(200);
  const tag = await recovery.putState(state);
  for (const call of [recovery.user(), recovery.sent(), recovery.removeDevice(found.publicKey)])
    t.is(await rejected(call), 'unauthorized');
  await recovery.addDevice({ device: found.publicKey, name: 'found again' });
  const again = asKey(town, caller, found);
  t.deepEqual(await again.state(), { bytes: state, tag });
  t.deepEqual(
    (await again.user()).devices.map(({ kind, name }) => `${kind} ${name}`.trim()),
    ['device', 'recovery', 'device found again'],
  );
  await again.setRecovery(newer.publicKey);
  t.is(await rejected(recovery.state()), 'unauthorized');
  t.is((await asKey(town, caller, newer).state())?.tag, tag);
});

test('a next record is listed at once, also for who looked the user up before', async (t) => {
  await using town = await startTown();
  await using caller = openCaller(town);
  const ann = await town.enroll('ann@alpha.test');
  const look = async () => {
    const path = `users/alpha.test/${b64(addressHash('ann@alpha.test'))}`;
    const { listing } = decode(userAnswer, (await caller.call('alpha.test', path)).bytes);
    return decode(userListing, decodeSign1(listing!).payload);
  };
  const before = (await look()).inner;
  const laptop = asKey(town, caller, await deviceOf(ann));
  const { userKeys } = JSON.parse(ann.state.text ?? '') as { userKeys: unknown };
  const record = signUserRecord({
    keys: userKeysFromJson(userKeys),
    address: ann.address,
    serial: town.clock.seconds() + 5,
    previous: recordFingerprint(before),
    now: town.clock.seconds(),
  });
  await laptop.putRecord(record);
  t.deepEqual((await look()).inner, record);
  t.deepEqual((await laptop.user()).record, record);
  await town.hoster('alpha').restart();
  t.deepEqual((await look()).inner, record);
  t.is(await rejected(laptop.putRecord(before)), 'conflict');
});

test('who lost everything begins anew, and correspondents are told', async (t) => {
  await using town = await startTown();
  await using caller = openCaller(town);
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  const { recipients } = await ann.send([bob.address], 'sent before the loss');
  await bob.arrivals();
  t.is(await bob.read(1), 'sent before the loss');
  const [old, now] = [await deviceOf(ann), town.clock.seconds()];
  const { admin } = town.hoster('alpha');
  await admin.reinviteUser(ann.address, { revoke: false });
  t.is((await asKey(town, caller, old).user()).address, ann.address);
  const { invitation } = await admin.reinviteUser(ann.address, { revoke: true });
  t.is(await rejected(asKey(town, caller, old).user()), 'unauthorized');

  const look = await caller.call('alpha.test', `users/alpha.test/${b64(addressHash(ann.address))}`);
  const listed = decode(userListing, decodeSign1(decode(userAnswer, look.bytes).listing!).payload);
  t.is(listed.status, userStatuses.suspended);
  const keys = createUserKeys('alpha.test', random, now);
  const own = createDeviceKey('alpha.test', random, now);
  const previous = recordFingerprint(listed.inner);
  const record = signUserRecord({ keys, address: ann.address, serial: now + 5, previous, now });
  const { token } = parseInvitation(invitation);
  const begun = asKey(town, caller, own);
  await begun.enroll({ token, record, device: own.publicKey });
  await begun.enroll({ token, record, device: own.publicKey });
  t.is(await rejected(asKey(town, caller, old).user()), 'unauthorized');
  t.deepEqual((await begun.user()).record, record);
  t.is((await begun.sent()).messages[0]?.handle, recipients[0]?.handles?.[0], 'what was sent is there');

  town.clock.advance(86_400);
  await town.hoster('beta').restart();
  await bob.restart();
  const answer = await bob.send([ann.address], 'are you still yourself?');
  t.like(answer.recipients[0], { outcome: 'changed', code: 'trust_changed' });
});

test('who is removed is refused, and is nobody’s address', async (t) => {
  await using town = await startTown();
  await using caller = openCaller(town);
  const ann = await town.enroll('ann@alpha.test');
  const device = await deviceOf(ann);
  const { admin } = town.hoster('alpha');
  await admin.removeUser(ann.address);
  t.is(await rejected(asKey(town, caller, device).user()), 'unauthorized');
  const { bytes } = await caller.call('alpha.test', `users/alpha.test/${b64(addressHash(ann.address))}`);
  const answer = decode(userAnswer, bytes);
  t.deepEqual([answer.listing, answer.byMail === undefined], [undefined, false]);
  t.like((await admin.users('alpha.test'))[0], { address: ann.address, state: 'gone' });
});

test('what one device keeps the other reads, until its end', async (t) => {
  await using town = await startTown();
  await using caller = openCaller(town);
  const laptop = asKey(town, caller, await bareUser(town, caller, 'ann@alpha.test'));
  const eve = asKey(town, caller, await bareUser(town, caller, 'eve@alpha.test'));
  const key = createDeviceKey('alpha.test', random, town.clock.seconds());
  await laptop.addDevice({ device: key.publicKey, name: 'phone' });
  const phone = asKey(town, caller, key);

  const bytes = random(maxKeptPart + 1000);
  const [name, upload] = [random(32), random(16)];
  await laptop.openUpload(upload, bytes.length);
  await laptop.writePart(upload, 0, bytes);
  const { expires } = await laptop.keep({ name, upload, payloadHash: sha256(bytes) });
  t.is(expires, town.clock.seconds() + (await laptop.user()).keep);
  await laptop.keep({ name, upload, payloadHash: sha256(bytes) });

  await town.hoster('alpha').restart();
  const first = await phone.keptPart(name, 0);
  const second = await phone.keptPart(name, first.bytes.length);
  t.true(Buffer.concat([first.bytes, second.bytes]).equals(bytes));
  t.is(second.size, bytes.length);
  t.is(await rejected(phone.keptPart(name, bytes.length)), 'range_invalid');
  t.like(await phone.kept(), { kept: [{ name, size: bytes.length, expires }] });
  t.is(await rejected(eve.keptPart(name, 0)), 'not_found');
  t.deepEqual((await eve.kept()).kept, []);
  await eve.removeKept(name);

  town.clock.advance(expires - town.clock.seconds());
  await town.hoster('alpha').catchUp();
  t.is(await rejected(phone.keptPart(name, 0)), 'not_found');
  t.is((await laptop.user()).used, 0);
});

for (const revoke of [false, true])
  test(`a client begins anew with the invitation alone, the old device ${revoke ? 'revoked' : 'going on'}`, async (t) => {
    await using town = await startTown();
    const ann = await town.enroll('ann@alpha.test');
    const bob = await town.enroll('bob@beta.test');
    await ann.send([bob.address], 'before');
    await bob.arrivals();
    await bob.read(1);
    const { invitation } = await town.hoster('alpha').admin.reinviteUser(ann.address, { revoke });
    const anew = await openPerson(ann.address, invitation, town.clock, town.surroundings);
    t.teardown(() => anew.close());
    t.is(await rejected(ann.client().sync()), 'unauthorized');

    await bob.restart();
    town.clock.advance(86_400);
    const refused = await bob.send([ann.address], 'is it you?');
    t.like(refused.recipients[0], { outcome: 'changed', code: 'trust_changed' });
    // Ann reads hers aloud.
    await bob.client().trust.accept(ann.address, (await anew.client().trust.show()).words);
    await bob.send([ann.address], 'after');
    await anew.arrivals();
    t.is(await anew.read(1), 'after');
  });
