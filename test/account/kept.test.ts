import test, { type ExecutionContext } from 'ava';
import { createKeptCiphertexts } from '../../src/account/kept.ts';
import { collected, opened, random, sha256, start, uploaded } from '../store/fixture.ts';
import { rejected } from '../support/identities.ts';
import { amy, ann, asUser, day, otherAnn } from './fixture.ts';

const bytes = random(5000);

async function home(t: ExecutionContext, keep = 90 * day) {
  const { store, clock } = await opened(t);
  const kept = createKeptCiphertexts({ ...store, keepOf: async () => keep, clock });
  const user = asUser(ann);
  const request = async () => ({
    name: random(32),
    upload: await uploaded(store, user.owner, bytes),
    payloadHash: sha256(bytes),
  });
  return { store, clock, kept, user, request };
}

test('it is kept as long as the domain keeps anything, or as long as was asked', async (t) => {
  const { kept, user, request } = await home(t);
  t.is((await kept.keep(user, await request())).expires, start + 90 * day);
  t.is((await kept.keep(user, { ...(await request()), expires: start + day })).expires, start + day);
  const long = { ...(await request()), expires: start + 1000 * day };
  t.is((await kept.keep(user, long)).expires, start + 90 * day);
  t.is(await rejected(kept.keep(user, { ...(await request()), expires: start })), 'request_invalid');
});

test('a domain that keeps nothing says so', async (t) => {
  const { kept, user, request } = await home(t, 0);
  t.is(await rejected(kept.keep(user, await request())), 'unsupported');
});

test('it is read by its user alone', async (t) => {
  const { kept, user, request } = await home(t);
  const one = await request();
  await kept.keep(user, one);
  const found = await kept.read(user, one.name);
  t.deepEqual(await collected(found.open(1000, 2000)), bytes.subarray(1000, 2000));
  for (const other of [amy, otherAnn]) {
    t.is(await rejected(kept.read(asUser(other), one.name)), 'not_found');
    await kept.remove(asUser(other), one.name);
    t.deepEqual((await kept.list(asUser(other), { limit: 10 })).items, []);
  }
  await kept.remove(user, one.name);
  t.is(await rejected(kept.read(user, one.name)), 'not_found');
});
