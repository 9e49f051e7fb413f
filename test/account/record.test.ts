import test, { type ExecutionContext } from 'ava';
import { createPutRecord } from '../../src/account/record.ts';
import { addressHash, recordFingerprint } from '../../src/keys/fingerprints.ts';
import { signUserRecord } from '../../src/keys/user-record.ts';
import { createUserKeys } from '../../src/keys/user-keys.ts';
import { userRecord } from '../../src/wire/users.ts';
import { opened, random, start } from '../store/fixture.ts';
import { flipped, rejected, resign } from '../support/identities.ts';
import { access } from './access.ts';
import { alpha, amy, ann, asUser, gamma, otherAnn } from './fixture.ts';

const owner = { domain: 'alpha.test', user: ann.verified.addressHash };
const alias = 'a.nn@alpha.test';

async function home(t: ExecutionContext) {
  const { store, clock, reopen } = await opened(t);
  const { enrolled } = access(store, clock, [alpha, gamma]);
  for (const user of [ann, amy, otherAnn]) await enrolled(user);
  await store.aliases.add('alpha.test', { addressHash: addressHash(alias), local: 'a.nn', user: owner.user });
  const put = createPutRecord({ ...store, clock });
  return {
    store,
    clock,
    reopen,
    put: (record: Uint8Array, user = ann) => put(asUser(user), record),
    outcome: (record: Uint8Array, user = ann) => rejected(put(asUser(user), record)),
    stored: async () => (await store.users.get(owner.domain, owner.user))?.record,
  };
}

/** The record after `before`, or the first of an address. */
function next(before: Uint8Array | undefined, more: Partial<Parameters<typeof signUserRecord>[0]> = {}) {
  const previous = before === undefined ? {} : { previous: recordFingerprint(before) };
  return signUserRecord({
    keys: ann.keys,
    address: ann.address,
    serial: start,
    now: start,
    ...previous,
    ...more,
  });
}

test('a record takes the place of the one it names, and may be sent again', async (t) => {
  const { put, stored, reopen, outcome } = await home(t);
  const second = next(ann.inner);
  await put(second);
  await put(second);
  t.deepEqual(await stored(), second);
  const third = next(second, { serial: start + 1 });
  await put(third);
  t.is(await outcome(second), 'conflict', 'the one before is of the past');
  const again = await reopen();
  t.deepEqual((await again.users.get(owner.domain, owner.user))?.record, third);
});

test('of two that follow the same record one wins', async (t) => {
  const { outcome, stored } = await home(t);
  const records = [next(ann.inner), next(ann.inner, { serial: start + 1 })];
  const outcomes = await Promise.all(records.map((record) => outcome(record)));
  t.deepEqual(outcomes.toSorted(), ['conflict', 'no error']);
  t.deepEqual(await stored(), records[outcomes.indexOf('no error')]);
});

test('a record that does not follow is refused', async (t) => {
  const { outcome, stored } = await home(t);
  t.is(await outcome(next(undefined)), 'conflict', 'names none');
  t.is(await outcome(next(amy.inner)), 'conflict', 'names another');
  const { serial } = ann.verified;
  t.is(await outcome(next(ann.inner, { serial })), 'record_rollback');
  t.is(await outcome(next(ann.inner, { serial: serial - 1 })), 'record_rollback');
  t.deepEqual(await stored(), ann.inner);
});

test('a record that does not verify, or is of another identity, is refused', async (t) => {
  const { outcome, stored } = await home(t);
  const good = next(ann.inner);
  const by = { purpose: 'user record', domain: 'alpha.test', key: ann.keys.identity } as const;
  const thief = createUserKeys('alpha.test', random, start);
  const records: Readonly<Record<string, Uint8Array>> = {
    nothing: new Uint8Array(),
    'an altered one': flipped(good, 300),
    'an altered signature': flipped(good),
    'one of another identity': next(ann.inner, { keys: thief }),
    'one signed by another key': resign(userRecord, good, {}, { ...by, key: thief.identity }),
    'one without keys to write to': resign(userRecord, good, { keys: [] }, by),
    'one with a serial far ahead': resign(userRecord, good, { serial: start + 30 * 86_400 }, by),
    'one of another domain': resign(
      userRecord,
      good,
      { domain: 'gamma.test' },
      { ...by, domain: 'gamma.test' },
    ),
  };
  for (const [what, record] of Object.entries(records)) t.is(await outcome(record), 'record_invalid', what);
  t.deepEqual(await stored(), ann.inner);
});

test('nobody writes the record of another user, of the domain or of another one', async (t) => {
  const { outcome, stored, store } = await home(t);
  const record = next(ann.inner);
  t.is(await outcome(record, amy), 'not_found');
  t.is(await outcome(record, otherAnn), 'not_found');
  t.is(await outcome(next(undefined, { address: amy.address })), 'not_found', 'signed by oneself');
  const hers = next(undefined, { address: alias, keys: amy.keys });
  t.is(await outcome(hers, amy), 'not_found', 'an alias of another user');
  t.deepEqual(await stored(), ann.inner);
  t.is((await store.aliases.get('alpha.test', addressHash(alias)))?.record, undefined);
});

test('an alias has records of its own, of the same identity, while it is an alias', async (t) => {
  const { put, outcome, store, stored } = await home(t);
  const ofAlias = async () => (await store.aliases.get('alpha.test', addressHash(alias)))?.record;
  const thief = createUserKeys('alpha.test', random, start);
  t.is(await outcome(next(undefined, { address: alias, keys: thief })), 'record_invalid');
  const first = next(undefined, { address: alias });
  await put(first);
  await put(first);
  t.deepEqual(await ofAlias(), first);
  t.is(await outcome(next(undefined, { address: alias, serial: start + 1 })), 'conflict');
  const second = next(first, { address: alias, serial: start + 1 });
  await put(second);
  t.deepEqual(await ofAlias(), second);
  t.deepEqual(await stored(), ann.inner, 'that of the address is another');
  await store.aliases.remove('alpha.test', addressHash(alias));
  t.is(await outcome(next(second, { address: alias, serial: start + 2 })), 'not_found');
  t.is(await outcome(next(undefined, { address: 'nobody@alpha.test' })), 'not_found');
});
