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
  await store.events.add([event(start), event(start + 10)]);
  t.is(await store.events.expire(start + eventLife - 1, 10), 0);
  t.is(await store.events.expire(start + eventLife, 10), 1);
  t.deepEqual(
    (await store.events.byHandle(handle)).map(({ time }) => time - start),
    [10],
  );
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
