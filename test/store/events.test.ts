import test from 'ava';
import { eventLife } from '../../src/store/events.ts';
import { filled, opened, start } from './fixture.ts';

const handle = filled(1, 10);
const event = (time: number, which = handle) => ({
  handle: which,
  time,
  kind: 'notified',
  counterpart: 'beta.test',
});

test('events of a handle come oldest first', async (t) => {
  const first = await opened(t);
  await first.store.events.add([event(start), { handle: filled(2, 10), time: start, kind: 'stored' }]);
  const store = await first.reopen();
  await store.events.add([{ handle, time: start + 5, kind: 'accepted' }]);
  t.deepEqual(await store.events.byHandle(handle), [
    event(start),
    { handle, time: start + 5, kind: 'accepted' },
  ]);
  t.is((await store.events.byHandle(filled(2, 10))).length, 1);
  t.deepEqual(await store.events.byHandle(filled(3, 10)), []);
});

test('the oldest make room', async (t) => {
  const { store } = await opened(t, { maxEvents: 3 });
  await store.events.add([event(start), event(start + 1)]);
  await store.events.add([event(start + 2), event(start + 3)]);
  t.deepEqual(
    (await store.events.byHandle(handle)).map(({ time }) => time - start),
    [1, 2, 3],
  );
});

test('events go after thirty days', async (t) => {
  const { store } = await opened(t);
  await store.events.add([event(start)]);
  t.is(
    (await store.events.byHandle(handle)).length,
    1,
    'which writes it: the next one is in a row of its own',
  );
  await store.events.add([event(start + 10)]);
  t.is(await store.events.expire(start + eventLife - 1, 10), 0);
  t.is(await store.events.expire(start + eventLife, 10), 1);
  t.deepEqual(
    (await store.events.byHandle(handle)).map(({ time }) => time - start),
    [10],
  );
});

test('what comes together is kept beyond a row, found between others and bounded', async (t) => {
  const first = await opened(t, { maxEvents: 2000 });
  const other = (i: number) => event(start + i, new Uint8Array([...filled(7, 8), i >> 8, i & 255]));
  const wave = (from: number) => Array.from({ length: 1500 }, (_, i) => other(from + i));
  await first.store.events.add([...wave(0), event(start), ...wave(1500)]);
  t.deepEqual(await first.store.events.byHandle(handle), [event(start)]);
  t.deepEqual(await first.store.events.byHandle(other(0).handle), []);
  const store = await first.reopen();
  await store.events.add(wave(3000));
  t.deepEqual(await store.events.byHandle(handle), []);
  t.deepEqual(await store.events.byHandle(other(4499).handle), [other(4499)]);
  t.deepEqual(await store.events.byHandle(other(2500).handle), [other(2500)]);
  t.deepEqual(await store.events.byHandle(other(2499).handle), []);
});

test('the directory’s bytes are kept under their keys', async (t) => {
  const first = await opened(t);
  await first.store.directory.put('domain beta.test', filled(1));
  await first.store.directory.put('domain beta.test', filled(2));
  const store = await first.reopen();
  t.deepEqual(await store.directory.get('domain beta.test'), filled(2));
  await store.directory.delete('domain beta.test');
  t.is(await store.directory.get('domain beta.test'), undefined);
  await t.throwsAsync(store.directory.put('k'.repeat(1025), filled(1)), { code: 'too_large' });
  await t.throwsAsync(store.directory.put('k', filled(1, 1024 * 1024 + 1)), { code: 'too_large' });
});
