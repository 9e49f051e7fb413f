import test, { type ExecutionContext } from 'ava';
import { alpha as alphaName, enrolledUser } from './gateway-user.ts';
import { filled, opened, start } from './fixture.ts';

const owner = { domain: alphaName, user: filled(3) };
const handed = (device: number, kind: 'submission' | 'push' = 'submission', by = filled(5)) => ({
  kind,
  device: filled(device),
  sealed: filled(6, 100),
  name: 'mail',
  by,
  now: start,
});

async function home(t: ExecutionContext) {
  const open = await opened(t);
  await enrolledUser(open.store, owner);
  return open;
}

test('a gateway comes with its device, which speaks for the user, and goes with it', async (t) => {
  const { store, reopen } = await home(t);
  await store.gateways.put(owner, handed(10));
  const again = await reopen();
  t.like(await again.gateways.get(owner, 'submission'), { device: filled(10), created: start });
  t.is((await again.users.byDevice(filled(10)))?.local, 'bob');
  t.is(await again.gateways.get(owner, 'push'), undefined);
  await again.gateways.remove(owner, 'submission', filled(5));
  await again.gateways.remove(owner, 'submission', filled(5));
  t.is(await again.gateways.get(owner, 'submission'), undefined);
  t.is(await again.users.byDevice(filled(10)), undefined);
  t.deepEqual((await again.gateways.list(owner)).length, 0);
  t.is((await again.users.get(owner.domain, owner.user))?.devices.length, 1);
});

test('the one that comes in the place of another ends that one’s device', async (t) => {
  const { store } = await home(t);
  await store.gateways.put(owner, handed(10));
  await store.gateways.put(owner, handed(12, 'push'));
  await store.gateways.put(owner, handed(11));
  t.is(await store.users.byDevice(filled(10)), undefined);
  t.deepEqual(
    (await store.gateways.list(owner)).map(({ device }) => device),
    [filled(11), filled(12)],
  );
  t.deepEqual(await store.gateways.pushes(), [owner]);
  // Again, as after a lost answer.
  await store.gateways.put(owner, handed(11));
  t.is((await store.gateways.list(owner)).length, 2);
});

test('a device that is removed takes its gateway along', async (t) => {
  const { store } = await home(t);
  await store.gateways.put(owner, handed(10));
  await store.users.removeDevice(owner.domain, owner.user, { device: filled(10), by: filled(5) });
  t.is(await store.gateways.get(owner, 'submission'), undefined);
});

test('a user who leaves takes gateways and marks along', async (t) => {
  const { store } = await home(t);
  await store.gateways.put(owner, handed(10));
  await store.gateways.setMark(owner, filled(1, 16), 'appended', start + 100);
  await store.users.remove(owner.domain, owner.user);
  t.deepEqual(await store.gateways.list(owner), []);
  t.is(await store.gateways.mark(owner, filled(1, 16)), undefined);
});

test('a gateway hands over nothing: its device may not put or remove one, nor add devices', async (t) => {
  const { store } = await home(t);
  await store.gateways.put(owner, handed(10));
  const by = filled(10);
  const error = { code: 'unauthorized' };
  await t.throwsAsync(store.gateways.put(owner, handed(11, 'push', by)), error);
  await t.throwsAsync(store.gateways.remove(owner, 'submission', by), error);
  const more = { device: filled(12), name: '', by, now: start };
  await t.throwsAsync(store.users.addDevice(owner.domain, owner.user, more), error);
  const recovery = { recovery: filled(12), by, now: start };
  await t.throwsAsync(store.users.setRecovery(owner.domain, owner.user, recovery), error);
  await t.throwsAsync(store.gateways.put(owner, handed(5)), { code: 'conflict' }, 'an ordinary device');
  t.like(await store.gateways.get(owner, 'submission'), { device: filled(10) });
});

test('a mark says what is under way and what is done, until its end', async (t) => {
  const { store } = await home(t);
  const mark = filled(1, 16);
  t.is(await store.gateways.mark(owner, mark), undefined);
  await store.gateways.setMark(owner, mark, 'appending', start + 100);
  t.is(await store.gateways.mark(owner, mark), 'appending');
  await store.gateways.setMark(owner, mark, 'appended', start + 200);
  t.is(await store.gateways.mark(owner, mark), 'appended');
  t.is(await store.gateways.mark(owner, filled(2, 16)), undefined);
  t.is(await store.gateways.expire(start + 199, 10), 0);
  t.is(await store.gateways.expire(start + 200, 10), 1);
  t.is(await store.gateways.mark(owner, mark), undefined);
});
