import test from 'ava';
import { filled, opened, start } from './fixture.ts';

test('domains are added once, read and listed', async (t) => {
  const first = await opened(t);
  await first.store.domains.add('beta.test');
  await first.store.domains.add('alpha.test');
  await t.throwsAsync(first.store.domains.add('beta.test'), { code: 'exists' });
  const store = await first.reopen();
  t.deepEqual(await store.domains.get('beta.test'), { domain: 'beta.test', created: start, own: {} });
  t.is(await store.domains.get('gamma.test'), undefined);
  t.deepEqual(
    (await store.domains.list()).map(({ domain }) => domain),
    ['alpha.test', 'beta.test'],
  );
});

test('a domain’s own settings change one by one, and can be taken back', async (t) => {
  const { store } = await opened(t);
  await store.domains.add('beta.test');
  await store.domains.update('beta.test', { unknownUsers: '404', quota: 5 });
  const changed = await store.domains.update('beta.test', { contact: 'abuse@hoster.test', quota: null });
  t.deepEqual(changed.own, { unknownUsers: '404', contact: 'abuse@hoster.test' });
  t.deepEqual(await store.domains.get('beta.test'), changed);
  await t.throwsAsync(store.domains.update('gamma.test', {}), { code: 'not_found' });
  await t.throwsAsync(store.domains.update('beta.test', { bucketBits: 13 }), { code: 'cbor_range' });
});

test('serials of published records rise for ever', async (t) => {
  const first = await opened(t);
  t.is(await first.store.domains.published('beta.test'), undefined);
  await first.store.domains.publish('beta.test', { serial: 7, record: filled(1) });
  const store = await first.reopen();
  t.deepEqual(await store.domains.published('beta.test'), { serial: 7, record: filled(1) });
  for (const serial of [6, 7])
    await t.throwsAsync(store.domains.publish('beta.test', { serial, record: filled(2) }), {
      code: 'record_rollback',
    });
  await store.domains.publish('beta.test', { serial: 8, record: filled(2) });
  t.is((await store.domains.published('beta.test'))?.serial, 8);
});
