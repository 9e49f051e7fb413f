import test from 'ava';
import { formsOf } from '../../src/client/trust-report.ts';
import { rejected } from '../support/identities.ts';
import { createWorld } from './world.ts';

test('a fingerprint is shown, a change waits until it is accepted', async (t) => {
  const world = createWorld('alpha.test', 'beta.test');
  const ann = await world.addUser('ann', 'alpha.test');
  const bob = await world.addUser('bob', 'beta.test');
  const { trust } = ann.client;
  t.is((await trust.show()).address, ann.address);
  const shown = await trust.show('Bob@beta.test');
  t.like(shown, { address: bob.address, outcome: 'native', trust: { level: 'dns' } });
  t.is(shown.fingerprint, (await bob.client.trust.show()).fingerprint);

  const offered = new Uint8Array(32).fill(1);
  world.outcomes.set(bob.address, {
    kind: 'changed',
    of: 'user',
    what: 'identity',
    pinned: new Uint8Array(32),
    offered,
  });
  t.like(await trust.show(bob.address), { outcome: 'changed', code: 'trust_changed', of: 'user' });
  t.not((await trust.show(bob.address)).offered, undefined);
  t.like(await trust.accept(bob.address), { outcome: 'native' });

  world.outcomes.set('beta.test', { kind: 'changed', pinned: offered, offered });
  world.outcomes.set(bob.address, {
    kind: 'changed',
    of: 'domain',
    what: 'identity',
    pinned: offered,
    offered,
  });
  t.is(await rejected(trust.accept(bob.address)), 'trust_changed', 'which one is not said');
  t.is(await rejected(trust.accept('beta.test', formsOf(new Uint8Array(32)).words)), 'fingerprint_mismatch');
  await trust.accept(bob.address, formsOf(offered).digits);
  t.false(world.outcomes.has('beta.test'));
  world.outcomes.clear();

  t.like(await trust.verify(bob.address, shown.fingerprint ?? ''), { outcome: 'native' });
  t.is(await rejected(trust.verify(bob.address, 'short')), 'usage');
  t.is(await rejected(trust.show('nobody')), 'address_invalid');
  t.like(await trust.show('nobody@beta.test'), { outcome: 'unknown', code: 'user_unknown' });
});
