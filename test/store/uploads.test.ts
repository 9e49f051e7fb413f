import test from 'ava';
import { BeckonError } from '../../src/errors.ts';
import { maxPart } from '../../src/store/part.ts';
import { uploadLife } from '../../src/store/uploads.ts';
import { sameBytes } from '../support/bytes.ts';
import {
  alice,
  bob,
  collected,
  newMessage,
  opened,
  pieces,
  random,
  sha256,
  start,
  uploaded,
} from './fixture.ts';

const chunk = 256 * 1024;

async function committed(
  store: Awaited<ReturnType<typeof opened>>['store'],
  upload: Uint8Array,
  hash: Uint8Array,
) {
  const message = newMessage();
  await store.transit.reserve(alice, [message.id], start + 3600);
  await store.transit.commit(alice, { upload, hash, messages: [message] });
  return store.transit.read(sha256(message.id));
}

test('an upload is opened once and stays the same', async (t) => {
  const { store } = await opened(t);
  const id = random(16);
  t.deepEqual(await store.uploads.open(alice, id, 100), { size: 100, received: 0 });
  await store.uploads.write(alice, id, 0, pieces(random(40)));
  t.deepEqual(await store.uploads.open(alice, id, 100), { size: 100, received: 40 });
  await t.throwsAsync(store.uploads.open(alice, id, 101), { code: 'conflict' });
  t.deepEqual(await store.uploads.open(bob, id, 101), { size: 101, received: 0 }, 'ids are the owner’s own');
  t.deepEqual(await store.uploads.status(alice, id), { size: 100, received: 40 });
  t.is(await store.uploads.status(alice, random(16)), undefined);
  await t.throwsAsync(store.uploads.open(alice, random(15), 100), { code: 'request_invalid' });
});

test('parts of any size make the same payload, also across a restart', async (t) => {
  const first = await opened(t);
  const { store } = first;
  const payload = random(3 * 1024 * 1024 + 12_345);
  const id = random(16);
  await store.uploads.open(alice, id, payload.length);
  const cuts = [0, 1, chunk - 1, chunk, 2 * chunk + 7, 6 * chunk, payload.length - 3];
  for (const [i, from] of cuts.entries()) {
    const part = payload.subarray(from, cuts[i + 1] ?? payload.length);
    const status = await store.uploads.write(alice, id, from, pieces(part, 100_003));
    t.is(status.received, from + part.length);
  }
  const again = await first.reopen();
  t.deepEqual(await again.uploads.status(alice, id), { size: payload.length, received: payload.length });
  const live = await committed(again, id, sha256(payload));
  sameBytes(t, live && (await collected(again.blobs.read(live.blob, 0, payload.length))), payload);
});

test('a restart in the middle of an upload goes on where it was', async (t) => {
  const first = await opened(t);
  const payload = random(700_000);
  const id = random(16);
  await first.store.uploads.open(alice, id, payload.length);
  await first.store.uploads.write(alice, id, 0, pieces(payload.subarray(0, 400_000)));
  const store = await first.reopen();
  await store.uploads.write(alice, id, 400_000, pieces(payload.subarray(400_000)));
  t.truthy(await committed(store, id, sha256(payload)));
});

test('gaps and overlaps are refused', async (t) => {
  const { store } = await opened(t);
  const id = random(16);
  await store.uploads.open(alice, id, 100);
  await store.uploads.write(alice, id, 0, pieces(random(50)));
  for (const offset of [0, 49, 51, 100])
    await t.throwsAsync(store.uploads.write(alice, id, offset, pieces(random(10))), { code: 'conflict' });
  await t.throwsAsync(store.uploads.write(alice, random(16), 0, pieces(random(10))), { code: 'not_found' });
  t.deepEqual(await store.uploads.status(alice, id), { size: 100, received: 50 });
});

test('more bytes than declared, or a part above 32 MiB, are too large', async (t) => {
  const { store } = await opened(t);
  const id = random(16);
  await store.uploads.open(alice, id, 100);
  await t.throwsAsync(store.uploads.write(alice, id, 0, pieces(random(101))), { code: 'too_large' });
  t.deepEqual(await store.uploads.status(alice, id), { size: 100, received: 0 });
  const large = random(16);
  await store.uploads.open(alice, large, maxPart * 2);
  const mebi = random(1024 * 1024);
  async function* tooMuch() {
    for (let n = 0; n < 33; n++) yield mebi;
  }
  await t.throwsAsync(store.uploads.write(alice, large, 0, tooMuch()), { code: 'too_large' });
  t.is((await store.uploads.status(alice, large))?.received, 0, 'nothing of such a part counts');
});

test('a part that fails counts for nothing, wherever it fails, and what was there before stands', async (t) => {
  const { store } = await opened(t);
  const payload = random(4 * 1024 * 1024);
  const good = 300_000;
  const id = random(16);
  await store.uploads.open(alice, id, payload.length);
  await store.uploads.write(alice, id, 0, pieces(payload.subarray(0, good)));
  for (const length of [1, chunk, 2_500_000, payload.length - good]) {
    async function* unverified() {
      yield* pieces(random(length), 100_003);
      throw new BeckonError('unauthorized', 'not what was signed');
    }
    await t.throwsAsync(store.uploads.write(alice, id, good, unverified()), { code: 'unauthorized' });
    t.deepEqual(await store.uploads.status(alice, id), { size: payload.length, received: good });
  }
  await store.uploads.write(alice, id, good, pieces(payload.subarray(good, 1_000_000)));
  await store.uploads.write(alice, id, 1_000_000, pieces(payload.subarray(1_000_000)));
  const live = await committed(store, id, sha256(payload));
  sameBytes(t, live && (await collected(store.blobs.read(live.blob, 0, payload.length))), payload);
});

test('one part at a time', async (t) => {
  const { store } = await opened(t);
  const id = random(16);
  const { promise: gate, resolve: release } = Promise.withResolvers<void>();
  await store.uploads.open(alice, id, 100);
  async function* slow() {
    await gate;
    yield random(100);
  }
  const first = store.uploads.write(alice, id, 0, slow());
  await t.throwsAsync(store.uploads.write(alice, id, 0, pieces(random(100))), { code: 'conflict' });
  await t.throwsAsync(store.uploads.abandon(alice, id), { code: 'conflict' });
  release();
  t.is((await first).received, 100);
});

test('an upload counts in the quota from its opening to its end', async (t) => {
  const { store } = await opened(t);
  const id = random(16);
  await t.throwsAsync(store.uploads.open(alice, id, 100, { userBytes: 99 }), { code: 'quota_exceeded' });
  t.is(await store.uploads.status(alice, id), undefined);
  await store.uploads.open(alice, id, 100, { userBytes: 100 });
  t.like(await store.transit.usage('alpha.test', alice.user), { bytes: 100 });
  await store.uploads.abandon(alice, id);
  t.like(await store.transit.usage('alpha.test', alice.user), { bytes: 0 });
});

test('a full disk takes nothing, and an upload can go on when there is room again', async (t) => {
  let room = false;
  const { store } = await opened(t, { hasRoom: () => room });
  const id = random(16);
  await t.throwsAsync(store.uploads.open(alice, id, 100), { code: 'storage_full' });
  room = true;
  await store.uploads.open(alice, id, 100);
  room = false;
  await t.throwsAsync(store.uploads.write(alice, id, 0, pieces(random(100))), { code: 'storage_full' });
  room = true;
  t.is((await store.uploads.write(alice, id, 0, pieces(random(100)))).received, 100);
});

test('an upload that is not committed within a day ends', async (t) => {
  const { store, clock } = await opened(t);
  const old = await uploaded(store, alice, random(600_000));
  clock.advance(uploadLife - 1);
  const young = await uploaded(store, alice, random(10));
  t.is(await store.uploads.expire(clock.seconds(), 10), 0);
  clock.advance(2);
  t.is(await store.uploads.expire(clock.seconds(), 10), 1);
  t.is(await store.uploads.status(alice, old), undefined);
  t.truthy(await store.uploads.status(alice, young));
  t.like(await store.stats(), { bytes: 10 });
});
