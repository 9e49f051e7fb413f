import test from 'ava';
import { maxCards } from '../../src/store/api/cards.ts';
import { alice, bob, filled, opened, start } from './fixture.ts';

const ends = start + 1000;
const card = (id: number, content = id, expires = ends) => ({
  id: filled(id, 16),
  sealed: filled(content, 4168),
  expires,
});

test('a card is served at its domain until its owner takes it away', async (t) => {
  const { store, reopen } = await opened(t);
  await store.cards.put(alice, card(1));
  const again = await reopen();
  t.deepEqual(await again.cards.get(alice.domain, filled(1, 16)), filled(1, 4168));
  t.is(await again.cards.get('gamma.test', filled(1, 16)), undefined);
  t.is(await again.cards.get(alice.domain, filled(2, 16)), undefined);
  await again.cards.remove({ ...alice, user: filled(9) }, filled(1, 16));
  t.deepEqual(await again.cards.get(alice.domain, filled(1, 16)), filled(1, 4168), 'not hers to remove');
  await again.cards.remove(alice, filled(1, 16));
  await again.cards.remove(alice, filled(1, 16));
  t.is(await again.cards.get(alice.domain, filled(1, 16)), undefined);
});

test('the same card again is the same one; another under its id is a conflict', async (t) => {
  const { store } = await opened(t);
  await store.cards.put(alice, card(1));
  await store.cards.put(alice, card(1));
  for (const [owner, other] of [
    [alice, card(1, 2)],
    [alice, card(1, 1, ends + 1)],
    [{ ...alice, user: filled(9) }, card(1)],
  ] as const)
    await t.throwsAsync(store.cards.put(owner, other), { code: 'conflict' });
});

test('past its end a card is gone, swept or not, and its id is free', async (t) => {
  const { store, clock } = await opened(t);
  await store.cards.put(alice, card(1));
  await store.cards.put(alice, card(2, 2, ends + 1));
  clock.advance(1000);
  t.is(await store.cards.get(alice.domain, filled(1, 16)), undefined);
  await store.cards.put(alice, card(1, 3, ends + 5));
  t.is(await store.cards.expire(ends, 10), 0);
  t.is(await store.cards.expire(ends + 1, 10), 1);
  t.deepEqual(await store.cards.get(alice.domain, filled(1, 16)), filled(3, 4168));
});

test('a user has so many cards; what ended does not count', async (t) => {
  const { store, clock } = await opened(t);
  for (let id = 1; id <= maxCards; id++) await store.cards.put(alice, card(id));
  await t.throwsAsync(store.cards.put(alice, card(100)), { code: 'quota_exceeded' });
  await store.cards.put(bob, card(100));
  await store.cards.put(alice, card(1));
  await store.cards.remove(alice, filled(1, 16));
  await store.cards.put(alice, card(101));
  clock.advance(1000);
  await store.cards.put(alice, card(102, 2, ends + 9));
});
