/** Senders who are ignored, where the domain keeps no preferences: the client passes over what comes. */
import test from 'ava';
import { rejected } from '../support/identities.ts';
import { mailPart } from './sink.ts';
import { createWorld } from './world.ts';

async function twoUsers() {
  const world = createWorld('alpha.test', 'beta.test');
  return {
    world,
    ann: await world.addUser('ann', 'alpha.test'),
    bob: await world.addUser('bob', 'beta.test'),
  };
}

const mail = (to: string) => ({ to: [to], parts: [mailPart('hello')], subject: '' });

test('what comes is done with, unseen, and nobody is asked for it; what was there before stays', async (t) => {
  const { world, ann, bob } = await twoUsers();
  await ann.client.send(mail(bob.address));
  await bob.client.sync();
  t.deepEqual(await bob.client.ignoreSender(ann.address), {
    address: ann.address,
    ignored: true,
    notTold: 'unsupported',
  });
  const again = await bob.restart();
  await ann.client.send(mail(bob.address));
  t.deepEqual((await again.client.sync()).entries, []);
  t.like(again.client.inbox(), [{ number: 1, status: 'waiting' }]);
  await again.client.sync();
  t.is(world.domains.get('beta.test')?.pending.length, 1, 'the domain was told that it is done with');
  t.deepEqual(world.fetches, []);
  t.is((await again.client.open(1)).status, 'opened');

  await again.client.ignoreSender(ann.address, false);
  await ann.client.send(mail(bob.address));
  t.is((await again.client.sync()).entries.length, 1);
});

test('who is no address, or oneself, is not ignored; who is not ignored stays so', async (t) => {
  const { bob } = await twoUsers();
  t.is(await rejected(bob.client.ignoreSender('nobody')), 'address_invalid');
  t.is(await rejected(bob.client.ignoreSender(bob.address)), 'request_invalid');
  await bob.client.ignoreSender('ann@alpha.test', false);
  t.deepEqual(bob.client.ignoredSenders(), []);
});
