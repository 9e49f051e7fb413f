import test from 'ava';
import type { ExecutionContext } from 'ava';
import { filled, opened, start } from './fixture.ts';
import type { Opened } from './fixture.ts';

const domain = 'beta.test';
const [bob, carol, alias] = [filled(1), filled(2), filled(3)];

async function enrolled(t: ExecutionContext): Promise<Opened> {
  const home = await opened(t);
  for (const [hash, local] of [
    [bob, 'bob'],
    [carol, 'carol'],
  ] as const) {
    const tokenHash = filled(9);
    await home.store.users.invite(domain, { addressHash: hash, local, tokenHash, expires: start + 100 });
    const record = filled(hash[0]!, 300);
    await home.store.users.enroll(domain, hash, {
      tokenHash,
      device: filled(hash[0]! + 10),
      record,
      now: start,
    });
  }
  return home;
}

test('an alias is a user’s until it is taken away, and is listed once its record is signed', async (t) => {
  const { store, clock, reopen } = await enrolled(t);
  const { aliases, listed } = store;
  const added = await aliases.add(domain, { addressHash: alias, local: 'info', user: bob });
  t.deepEqual(added, { domain, addressHash: alias, local: 'info', user: bob, created: start });
  t.deepEqual(await aliases.add(domain, { addressHash: alias, local: 'info', user: bob }), added);
  t.deepEqual(await aliases.of(domain, bob), [added]);
  t.is(await listed.get(domain, alias), undefined);

  await aliases.putRecord(domain, alias, { user: bob, record: filled(6, 300) });
  await aliases.putRecord(domain, alias, { user: bob, previous: filled(6, 300), record: filled(7, 300) });
  t.deepEqual(await listed.get(domain, alias), { status: 'active', record: filled(7, 300) });
  const conflict = { code: 'conflict' };
  const late = aliases.putRecord(domain, alias, {
    user: bob,
    previous: filled(6, 300),
    record: filled(8, 300),
  });
  await t.throwsAsync(late, conflict);
  await t.throwsAsync(aliases.putRecord(domain, alias, { user: bob, record: filled(8, 300) }), conflict);
  const others = aliases.putRecord(domain, alias, { user: carol, record: filled(8, 300) });
  await t.throwsAsync(others, { code: 'not_found' });

  clock.advance(50);
  await aliases.remove(domain, alias);
  t.deepEqual(await aliases.of(domain, bob), []);
  const past = { status: 'active', record: filled(7, 300), gone: start + 50 } as const;
  t.deepEqual(await listed.get(domain, alias), past);
  await t.throwsAsync(aliases.remove(domain, alias), { code: 'not_found' });

  await aliases.add(domain, { addressHash: alias, local: 'info', user: carol });
  t.deepEqual(await listed.get(domain, alias), past);
  t.is((await aliases.of(domain, carol))[0]?.record, undefined);
  await aliases.putRecord(domain, alias, { user: carol, record: filled(9, 300) });
  const again = await reopen();
  t.deepEqual(await again.listed.get(domain, alias), { status: 'active', record: filled(9, 300) });
});

test('an address is one thing: a user or an alias of one', async (t) => {
  const { store } = await enrolled(t);
  const exists = { code: 'exists' };
  await t.throwsAsync(store.aliases.add(domain, { addressHash: carol, local: 'carol', user: bob }), exists);
  await store.aliases.add(domain, { addressHash: alias, local: 'info', user: bob });
  await t.throwsAsync(store.aliases.add(domain, { addressHash: alias, local: 'info', user: carol }), exists);
  const invitation = { addressHash: alias, local: 'info', tokenHash: filled(9), expires: start + 100 };
  await t.throwsAsync(store.users.invite(domain, invitation), exists);
  const nobody = store.aliases.add(domain, { addressHash: filled(4), local: 'x', user: filled(5) });
  await t.throwsAsync(nobody, { code: 'not_found' });
  for (let n = 1; n < 32; n++)
    await store.aliases.add(domain, { addressHash: filled(n + 100), local: `a${n}`, user: bob });
  const one = store.aliases.add(domain, { addressHash: filled(99), local: 'more', user: bob });
  await t.throwsAsync(one, { code: 'quota_exceeded' });
  await store.aliases.remove(domain, alias);
  await store.users.invite(domain, invitation);
});

test('a user is listed with their record, is suspended with their aliases, and whoever watches is told', async (t) => {
  const { store } = await enrolled(t);
  await store.aliases.add(domain, { addressHash: alias, local: 'info', user: bob });
  await store.aliases.putRecord(domain, alias, { user: bob, record: filled(6, 300) });
  const told: number[] = [];
  const end = store.listed.watch((of, hash) => void (of === domain && told.push(hash[0]!)));
  t.deepEqual(await store.listed.get(domain, bob), { status: 'active', record: filled(1, 300) });
  await store.users.suspend(domain, bob, true);
  t.deepEqual(told, [1, 3]);
  t.like(await store.listed.get(domain, bob), { status: 'suspended' });
  t.like(await store.listed.get(domain, alias), { status: 'suspended' });
  end();
  await store.users.suspend(domain, bob, false);
  t.deepEqual(told, [1, 3]);
  t.like(await store.listed.get(domain, alias), { status: 'active' });
  t.is(await store.listed.get(domain, filled(50)), undefined);
});
