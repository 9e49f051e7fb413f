import test from 'ava';
import type { Store } from '../../src/store/api/store.ts';
import { sameBytes } from '../support/bytes.ts';
import { alice, bob, collected, filled, opened, random, sent, sha256, start, uploaded } from './fixture.ts';

const content = random(300_000);
const other = random(5000);

/** Uploads and keeps it. */
async function keep(store: Store, name: number, bytes = content, expires = start + 1000, owner = alice) {
  const upload = await uploaded(store, owner, bytes);
  return await store.kept.keep(owner, { name: filled(name), upload, hash: sha256(bytes), expires });
}

async function read(store: Store, name: number, owner = alice): Promise<Uint8Array | undefined> {
  const kept = await store.kept.get(owner, filled(name));
  return kept && (await collected(store.blobs.read(kept, 0, kept.size)));
}

async function used(store: Store): Promise<number> {
  return (await store.transit.usage(alice.domain, alice.user)).bytes;
}

test('what is uploaded is kept under its name, and counts until it is removed', async (t) => {
  const { store, reopen } = await opened(t);
  const kept = await keep(store, 1);
  t.like(kept, { name: filled(1), size: content.length, created: start, expires: start + 1000 });
  const again = await reopen();
  sameBytes(t, await read(again, 1), content);
  t.is(await used(again), content.length);
  t.like(await again.stats(), { bytes: content.length, asideBytes: content.length });
  t.is(await again.kept.get(alice, filled(2)), undefined);
  await again.kept.remove(alice, filled(1));
  await again.kept.remove(alice, filled(1));
  t.is(await read(again, 1), undefined);
  t.is(await used(again), 0);
  t.like(await again.stats(), { bytes: 0, asideBytes: 0 });
  await again.blobs.sweep(100);
  t.is(await again.blobs.sweep(100), 0, 'nothing is left to sweep');
});

test('the same content under the same name is one, until the later end', async (t) => {
  const { store } = await opened(t);
  const upload = await uploaded(store, alice, content);
  const request = { name: filled(1), upload, hash: sha256(content), expires: start + 1000 };
  const first = await store.kept.keep(alice, request);
  t.deepEqual(await store.kept.keep(alice, request), first, 'the answer was lost');
  t.deepEqual(await store.kept.keep(alice, { ...request, expires: start + 10 }), first);
  t.is((await keep(store, 1, content, start + 2000)).expires, start + 2000);
  t.is(await used(store), content.length, 'the second upload is given up');
  t.is(await store.kept.expire(start + 1999, 10), 0);
  t.is(await store.kept.expire(start + 2000, 10), 1);
});

test('a name, an upload and a hash that do not fit are refused, and leave what is there', async (t) => {
  const { store } = await opened(t);
  await keep(store, 1);
  await t.throwsAsync(keep(store, 1, other), { code: 'conflict' });
  const upload = await uploaded(store, alice, other);
  const request = { name: filled(2), upload, hash: sha256(other), expires: start + 10 };
  await t.throwsAsync(store.kept.keep(alice, { ...request, hash: filled(1) }), { code: 'payload_mismatch' });
  await t.throwsAsync(store.kept.keep(alice, { ...request, upload: random(16) }), { code: 'conflict' });
  await t.throwsAsync(store.kept.keep(bob, request), { code: 'conflict' }, 'of another user');
  await t.throwsAsync(store.kept.keep(alice, { ...request, name: filled(2, 31) }), {
    code: 'request_invalid',
  });
  await t.throwsAsync(keep(store, 3, random(4095)), { code: 'request_invalid' });
  sameBytes(t, await read(store, 1), content);
  await store.kept.keep(alice, request);
});

test('of two that keep one upload at once one wins', async (t) => {
  const { store } = await opened(t);
  const upload = await uploaded(store, alice, other);
  const attempts = [1, 2].map((name) =>
    store.kept.keep(alice, { name: filled(name), upload, hash: sha256(other), expires: start + 10 }),
  );
  const outcomes = await Promise.allSettled(attempts);
  t.deepEqual(outcomes.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
  t.is(await used(store), other.length);
});

test('each user has names of their own', async (t) => {
  const { store } = await opened(t);
  await keep(store, 1);
  t.is(await read(store, 1, bob), undefined);
  await keep(store, 1, other, start + 1000, bob);
  await store.kept.remove(bob, filled(1));
  sameBytes(t, await read(store, 1), content);
  t.deepEqual((await store.kept.list(bob, { limit: 10 })).items, []);
});

test('what expired is not there any more, swept or not, and its name is free', async (t) => {
  const { store, clock } = await opened(t);
  await keep(store, 1, content, start + 10);
  clock.advance(10);
  t.is(await read(store, 1), undefined);
  t.deepEqual((await store.kept.list(alice, { limit: 10 })).items, []);
  await keep(store, 1, other, start + 100);
  t.is(await used(store), other.length);
  t.is(await store.kept.expire(start + 50, 10), 0, 'the end of the one before does not end this one');
  t.deepEqual(await read(store, 1), other);
});

test('it is listed page by page, and goes in steps', async (t) => {
  const { store } = await opened(t);
  for (const name of [3, 1, 2]) await keep(store, name, other, start + name);
  const first = await store.kept.list(alice, { limit: 2 });
  t.deepEqual(
    first.items.map(({ name }) => name[0]),
    [1, 2],
  );
  const second = await store.kept.list(alice, { limit: 2, after: first.next });
  t.deepEqual(
    second.items.map(({ name }) => name[0]),
    [3],
  );
  t.is(second.next, undefined);
  await t.throwsAsync(store.kept.list(alice, { limit: 2, after: filled(1, 5) }), { code: 'request_invalid' });
  t.is(await store.kept.expire(start + 2, 1), 1);
  t.is(await store.kept.expire(start + 2, 1), 1);
  t.is(await store.kept.expire(start + 2, 1), 0);
  t.deepEqual(await read(store, 3), other);
});

test('a message that was sent and what is kept do not disturb each other', async (t) => {
  const { store } = await opened(t);
  await keep(store, 1);
  const message = await sent(store, alice);
  const before = await used(store);
  await store.transit.retract(alice, message.idHash, start);
  await store.blobs.sweep(1000);
  t.true((await used(store)) < before);
  sameBytes(t, await read(store, 1), content);
});
