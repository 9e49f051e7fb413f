import { join } from 'node:path';
import test from 'ava';
import { openEngine } from '../../src/store/engine.ts';
import { createPreferences } from '../../src/store/preferences.ts';
import { testDirectory } from '../support/directory.ts';
import { filled, opened, start } from './fixture.ts';

const ignored = (n: number, changes: object = {}) => ({
  recipientHash: filled(n),
  counter: start,
  ignore: true,
  until: start + 10_000,
  ...changes,
});
const ref = (n: number) => ({ recipientHash: filled(n) });

test('settings outlive a restart', async (t) => {
  const { store, reopen } = await opened(t);
  await store.preferences.set('alpha.test', [ignored(1), ignored(2)], start);
  const again = await reopen();
  const wanted = await again.preferences.wanted('alpha.test', [ref(1), ref(2), ref(3)], start);
  t.deepEqual(wanted, [ref(3)]);
});

test('a domain keeps so many, whatever others keep; what is there can still be changed, and room comes back', async (t) => {
  await using dir = await testDirectory();
  const engine = openEngine({
    dir: join(dir.path, 'tables'),
    mapSize: 2 ** 26,
    onFailure: (error) => t.fail(String(error)),
  });
  const table = createPreferences(engine, 2);
  const isWanted = async (n: number, of = 'alpha.test') =>
    (await table.wanted(of, [ref(n)], start)).length === 1;
  await table.set('alpha.test', [ignored(1), ignored(2), ignored(3)], start);
  t.true(await table.isFull('alpha.test'));
  t.deepEqual([await isWanted(1), await isWanted(2), await isWanted(3)], [false, false, true]);
  t.false(await table.isFull('beta.test'));
  await table.set('beta.test', [ignored(3)], start);
  t.false(await isWanted(3, 'beta.test'));
  await table.set('alpha.test', [ignored(1, { counter: start + 1, ignore: false })], start);
  t.true(await isWanted(1));
  t.true(await createPreferences(engine, 2).isFull('alpha.test'), 'counted anew after a restart');
  t.is(await table.expire(start + 7201, 10), 1, 'the counter of what was taken back');
  t.false(await table.isFull('alpha.test'));
  await engine.close();
});

test('"when asked" for a drop without a setting leaves no row', async (t) => {
  const { store } = await opened(t);
  await store.preferences.set('alpha.test', [ignored(1, { ignore: false })], start);
  t.is(await store.preferences.expire(start + 1_000_000, 10), 0);
});
