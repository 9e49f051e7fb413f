import test from 'ava';
import { setImmediate } from 'node:timers/promises';
import { alice, filled, opened, sent, start } from './fixture.ts';

test('what is due comes oldest first, grouped by sender and destination', async (t) => {
  const { store, clock } = await opened(t);
  await sent(store, alice, { destination: 'beta.test' });
  clock.advance(1);
  await sent(store, alice, { destination: 'gamma.test' });
  await sent(store, { domain: 'delta.test', user: filled(1) }, { destination: 'beta.test' });
  clock.advance(1);
  await sent(store, alice, { destination: 'beta.test' });
  const summary = (await store.outbox.due(start + 2, 10)).map((group) => [
    group.sender,
    group.destination,
    group.entries.map(({ due }) => due - start),
  ]);
  t.deepEqual(
    summary.toSorted((a, b) => (String(a) < String(b) ? -1 : 1)),
    [
      ['alpha.test', 'beta.test', [0, 2]],
      ['alpha.test', 'gamma.test', [1]],
      ['delta.test', 'beta.test', [1]],
    ],
  );
  t.is((await store.outbox.due(start + 2, 3)).flatMap(({ entries }) => entries).length, 3);
  t.deepEqual(await store.outbox.due(start - 1, 10), []);
});

test('entries come up again when they are told to', async (t) => {
  const { store } = await opened(t);
  await sent(store);
  const [group] = await store.outbox.due(start, 10);
  const key = group?.entries[0]?.key ?? filled(0);
  await store.outbox.reschedule([{ key, attempt: 1, due: start + 4 }]);
  t.is(await store.outbox.nextDue(), start + 4);
  t.deepEqual(await store.outbox.due(start + 3, 10), []);
  const [later] = await store.outbox.due(start + 4, 10);
  t.like(later?.entries[0], { attempt: 1, due: start + 4 });
});

test('entries that ended are passed over', async (t) => {
  const { store } = await opened(t);
  const { idHash, message } = await sent(store);
  const [group] = await store.outbox.due(start, 10);
  const key = group?.entries[0]?.key ?? filled(0);
  await store.transit.accept(idHash, message.acceptTokenHash, start);
  await store.outbox.reschedule([
    { key, attempt: 1, due: start + 4 },
    { key: filled(8, 33), attempt: 1, due: start + 4 },
  ]);
  t.is(await store.outbox.nextDue(), undefined);
  t.is((await store.stats()).outbox, 0);
});

test('a complete fetch holds against a schedule that was made before it', async (t) => {
  const { store } = await opened(t);
  const { idHash } = await sent(store, alice, { expires: start + 10 * 86_400 });
  const [entry] = await store.outbox.list({ limit: 1 });
  await store.transit.recordFetch(idHash, 'payload', start + 2);
  await store.outbox.reschedule([{ key: entry?.key ?? filled(0), attempt: 1, due: start + 4 }]);
  t.is(await store.outbox.nextDue(), start + 2 + 86_400);
  t.true((await store.outbox.list({ limit: 1 }))[0]?.slowed);
});

test('what would be due after its expiry is not due any more', async (t) => {
  const { store } = await opened(t);
  await sent(store, alice, { expires: start + 100 });
  const [entry] = await store.outbox.list({ limit: 1 });
  await store.outbox.reschedule([{ key: entry?.key ?? filled(0), attempt: 1, due: start + 100 }]);
  t.is(await store.outbox.nextDue(), undefined);
  t.deepEqual(await store.outbox.due(start + 1000, 10), []);
});

test('the queue can be listed by destination', async (t) => {
  const { store } = await opened(t);
  for (let n = 0; n < 3; n++) await sent(store, alice, { destination: n === 1 ? 'gamma.test' : 'beta.test' });
  t.is((await store.outbox.list({ limit: 10 })).length, 3);
  t.is((await store.outbox.list({ limit: 2 })).length, 2);
  t.is((await store.outbox.list({ destination: 'beta.test', limit: 10 })).length, 2);
});

test('commits and retractions wake the listeners, once they are on disk', async (t) => {
  const { store } = await opened(t);
  let woken = 0;
  const unsubscribe = store.outbox.subscribe(() => woken++);
  const { idHash, message, upload, payload } = await sent(store);
  await setImmediate();
  t.is(woken, 1);
  await store.transit
    .commit(alice, { upload, hash: payload.slice(0, 32), messages: [message] })
    .catch(() => {});
  await store.transit.retract(alice, idHash, start);
  await setImmediate();
  t.is(woken, 2);
  unsubscribe();
  await sent(store);
  await setImmediate();
  t.is(woken, 2);
});

test('a long queue is walked to its end', async (t) => {
  const { store } = await opened(t);
  await Promise.all(Array.from({ length: 600 }, () => sent(store)));
  const groups = await store.outbox.due(start, 10_000);
  t.is(groups[0]?.entries.length, 600);
  t.is((await store.outbox.list({ limit: 10_000 })).length, 600);
});
