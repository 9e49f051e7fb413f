/** What becomes of messages to addresses that nobody has, and of the further addresses of somebody. */
import { base64urlnopad } from '@scure/base';
import test from 'ava';
import { addressHash } from '../../src/keys/fingerprints.ts';
import { decode } from '../../src/wire/schema.ts';
import { decodeSign1 } from '../../src/wire/sign1.ts';
import { userAnswer, userListing } from '../../src/wire/users.ts';
import { openCaller, type Caller } from './caller.ts';
import { startTown, type Town } from './town.ts';

const hour = 3600;
const day = 86_400;

async function decoysAtBeta(town: Town): Promise<void> {
  await town.hoster('beta').admin.setDomain('beta.test', { unknownUsers: 'decoy' });
}

async function lookUp({ call }: Caller, address: string) {
  const hash = base64urlnopad.encode(addressHash(address));
  return await call('beta.test', `users/beta.test/${hash}`);
}

test('a message to a decoy goes the way of others, waits, and ends as not fetched', async (t) => {
  await using town = await startTown();
  await decoysAtBeta(town);
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  const sent = await ann.send(['nobody@beta.test', bob.address], 'is anybody there?');
  t.like(sent.recipients, [
    { address: 'nobody@beta.test', outcome: 'native', way: 'introduction' },
    { address: bob.address, outcome: 'native', way: 'introduction' },
  ]);
  await bob.arrivals();
  t.is(await bob.read(1), 'is anybody there?');
  await town.hoster('alpha').catchUp();
  t.is((await town.hoster('beta').admin.status()).received.introductions, 2);
  const states = async () =>
    (await ann.client().sent()).flatMap(({ recipients }) => recipients.map(({ to, state }) => [to, state]));
  const after = await states();
  t.deepEqual(after, [
    ['nobody@beta.test', 'stored'],
    ['bob@beta.test', 'accepted'],
  ]);
  t.true((await ann.client().trust.show('nobody@beta.test')).unconfirmed);

  town.clock.advance(15 * day);
  for (const hoster of town.hosters()) await hoster.catchUp();
  t.deepEqual((await states())[0], ['nobody@beta.test', 'expired']);
});

test('who signs up where a decoy was gets what is written from then on; who wrote to the decoy is not alarmed', async (t) => {
  await using town = await startTown();
  await decoysAtBeta(town);
  const ann = await town.enroll('ann@alpha.test');
  await ann.send(['carol@beta.test'], 'too early');
  town.clock.advance(hour);
  const carol = await town.enroll('carol@beta.test');
  town.clock.advance(hour);
  const { recipients } = await ann.send(['carol@beta.test'], 'in time');
  t.like(recipients, [{ outcome: 'native', way: 'introduction' }]);
  await carol.arrivals();
  t.is(await carol.read(1), 'in time');
});

test('answers for addresses with and without a user are alike to the last header, also of who left and over restarts', async (t) => {
  await using town = await startTown();
  await decoysAtBeta(town);
  await town.enroll('bob@beta.test');
  await town.enroll('dora@beta.test');
  await using caller = openCaller(town);
  const beta = town.hoster('beta');
  const [user, decoy] = [await lookUp(caller, 'bob@beta.test'), await lookUp(caller, 'nobody@beta.test')];
  t.is(user.status, 200);
  t.deepEqual([decoy.status, decoy.type, decoy.bytes.length], [user.status, user.type, user.bytes.length]);

  await beta.admin.suspendUser('bob@beta.test', true);
  const dora = await lookUp(caller, 'dora@beta.test');
  await beta.admin.removeUser('dora@beta.test');
  await beta.restart();
  t.deepEqual((await lookUp(caller, 'nobody@beta.test')).bytes, decoy.bytes);
  t.deepEqual((await lookUp(caller, 'bob@beta.test')).bytes, user.bytes);
  t.deepEqual((await lookUp(caller, 'dora@beta.test')).bytes, dora.bytes);
});

test('new keys of the domain sign for the same decoys', async (t) => {
  await using town = await startTown();
  await decoysAtBeta(town);
  await town.enroll('bob@beta.test');
  await using caller = openCaller(town);
  const innerOf = async (): Promise<Uint8Array> => {
    const { listing } = decode(userAnswer, (await lookUp(caller, 'nobody@beta.test')).bytes);
    return decode(userListing, decodeSign1(listing as Uint8Array).payload).inner;
  };
  const before = await innerOf();
  const beta = town.hoster('beta');
  await beta.admin.rotateKeys('beta.test');
  await beta.restart();
  t.deepEqual(await innerOf(), before);
});

test('one user of a domain starts while its mail stays where it is', async (t) => {
  await using town = await startTown();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await using caller = openCaller(town);
  const { recipients } = await ann.send([bob.address, 'carol@beta.test'], 'hello');
  t.like(recipients, [
    { address: bob.address, outcome: 'native' },
    { address: 'carol@beta.test', outcome: 'legacy' },
  ]);
  t.is((await lookUp(caller, 'carol@beta.test')).status, 200);
  await town.hoster('beta').admin.setDomain('beta.test', { unknownUsers: '404' });
  t.like(await lookUp(caller, 'carol@beta.test'), { status: 404, code: 'user_unknown' });
  town.clock.advance(hour);
  t.like((await ann.send(['carol@beta.test'], 'hello')).recipients, [{ outcome: 'unknown' }]);
});

test('an alias is nobody until its user’s client signed for it, then is written to, and ends', async (t) => {
  await using town = await startTown();
  await decoysAtBeta(town);
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  const beta = town.hoster('beta');
  await using caller = openCaller(town);
  const decoy = await lookUp(caller, 'info@beta.test');
  await beta.admin.setAlias(bob.address, 'info@beta.test', true);
  t.deepEqual((await lookUp(caller, 'info@beta.test')).bytes, decoy.bytes);

  town.clock.advance(3 * hour);
  await bob.client().sync();
  t.deepEqual((await beta.admin.aliases(bob.address)).aliases, [{ address: 'info@beta.test', listed: true }]);
  t.like((await ann.send(['INFO+shop@beta.test'], 'to the shop')).recipients, [{ outcome: 'native' }]);
  await bob.arrivals();
  t.is(await bob.read(1), 'to the shop');

  const listed = await lookUp(caller, 'info@beta.test');
  await beta.admin.setAlias(bob.address, 'info@beta.test', false);
  t.deepEqual((await lookUp(caller, 'info@beta.test')).bytes, listed.bytes);
});
