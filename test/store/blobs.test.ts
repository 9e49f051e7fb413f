import { join } from 'node:path';
import test from 'ava';
import type { Store } from '../../src/store/api/store.ts';
import { createChunks } from '../../src/store/chunks.ts';
import { openEngine } from '../../src/store/engine.ts';
import { sameBytes } from '../support/bytes.ts';
import { alice, collected, newMessage, opened, random, sent, sha256, start, uploaded } from './fixture.ts';

const chunk = 256 * 1024;

async function stored(store: Store, payload: Uint8Array) {
  const message = newMessage();
  await store.transit.reserve(alice, [message.id], start + 3600);
  const upload = await uploaded(store, alice, payload);
  await store.transit.commit(alice, { upload, hash: sha256(payload), messages: [message] });
  const live = await store.transit.read(sha256(message.id));
  if (live === undefined) throw new Error('not stored');
  return { message, blob: live.blob };
}

test('any range of a payload can be read', async (t) => {
  const { store } = await opened(t);
  const payload = random(3 * chunk + 17);
  const { blob } = await stored(store, payload);
  for (const [from, to] of [
    [0, 0],
    [0, 1],
    [chunk - 1, chunk + 1],
    [chunk, 2 * chunk],
    [1, payload.length - 1],
    [payload.length - 1, payload.length],
  ] as const)
    sameBytes(t, await collected(store.blobs.read(blob, from, to)), payload.slice(from, to), `${from}-${to}`);
  for (const [from, to] of [
    [-1, 1],
    [2, 1],
    [0, payload.length + 1],
  ] as const)
    t.throws(() => store.blobs.read(blob, from, to), { code: 'range_invalid' });
});

test('a payload that came with its commit is read alike, and goes with the last message that refers to it', async (t) => {
  const { store, reopen } = await opened(t);
  const payload = random(9000);
  const messages = [newMessage(), newMessage()];
  await store.transit.reserve(
    alice,
    messages.map(({ id }) => id),
    start + 3600,
  );
  await store.transit.commit(alice, { payload, hash: sha256(payload), messages });
  const copies = 2 * (4096 + 2200);
  t.like(await store.transit.usage(alice.domain, alice.user), {
    messages: 2,
    bytes: 9000 + copies,
    reserved: 0,
  });
  const { transit, blobs } = await reopen();
  const [one, other] = messages.map(({ id }) => sha256(id)) as [Uint8Array, Uint8Array];
  const { blob } = (await transit.read(one))!;
  t.deepEqual((await transit.read(other))?.blob, blob);
  t.deepEqual(await collected(blobs.read(blob, 0, 9000)), payload);
  t.deepEqual(new Uint8Array(blobs.readAtOnce(blob, 17, 8999)!), payload.slice(17, 8999));
  t.throws(() => blobs.read(blob, 0, 9001), { code: 'range_invalid' });
  await transit.accept(one, messages[0]!.acceptTokenHash, start);
  t.is(blobs.readAtOnce(blob, 0, 9000)?.length, 9000);
  await transit.retract(alice, other, start);
  t.throws(() => blobs.readAtOnce(blob, 0, 9000), { code: 'message_gone' });
  t.like(await transit.usage(alice.domain, alice.user), { messages: 0, bytes: 0 });
});

test('a payload within its commit is refused as an upload is, and leaves nothing behind', async (t) => {
  let room = true;
  const { store } = await opened(t, { hasRoom: () => room });
  const { transit } = store;
  const message = newMessage();
  await transit.reserve(alice, [message.id], start + 3600);
  const commit = (payload: Uint8Array, hash = sha256(payload)) => ({ payload, hash, messages: [message] });
  const payload = random(5000);
  await t.throwsAsync(transit.commit(alice, commit(payload, random(32))), { code: 'payload_mismatch' });
  await t.throwsAsync(transit.commit(alice, commit(random(chunk + 1))), { code: 'too_large' });
  await t.throwsAsync(transit.commit(alice, commit(payload), { userBytes: 4096 + 2200 + 4999 }), {
    code: 'quota_exceeded',
  });
  room = false;
  await t.throwsAsync(transit.commit(alice, commit(payload)), { code: 'storage_full' });
  t.like(await store.stats(), { messages: 0, bytes: 0, outbox: 0 });
  room = true;
  await transit.commit(alice, commit(payload));
  room = false;
  await transit.commit(alice, commit(payload));
  t.like(await store.stats(), { messages: 1, bytes: 4096 + 2200 + 5000, outbox: 1 });
  room = true;
  await t.throwsAsync(transit.commit(alice, commit(random(5000))), { code: 'conflict' });
});

test('a chunk at a time: the reader sets the pace', async (t) => {
  const { store } = await opened(t);
  const { blob } = await stored(store, random(4 * chunk));
  const sizes: number[] = [];
  for await (const part of store.blobs.read(blob, 0, blob.size)) sizes.push(part.length);
  t.deepEqual(sizes, [chunk, chunk, chunk, chunk]);
});

test('a payload that ends while it is read is kept until the reader is done', async (t) => {
  const { store } = await opened(t);
  const payload = random(3 * chunk);
  const { blob, message } = await stored(store, payload);
  const reader = store.blobs.read(blob, 0, blob.size)[Symbol.asyncIterator]();
  const first = await reader.next();
  await store.transit.accept(sha256(message.id), message.acceptTokenHash, start);
  t.is(await store.blobs.sweep(100), 1, 'only the search for orphans');
  const rest = [(await reader.next()).value, (await reader.next()).value] as Uint8Array[];
  t.true((await reader.next()).done);
  sameBytes(t, new Uint8Array(Buffer.concat([first.value as Uint8Array, ...rest])), payload);
  t.is(await store.blobs.sweep(100), 3);
  await t.throwsAsync(collected(store.blobs.read(blob, 0, 1)), { code: 'message_gone' });
});

test('a reader that stops half-way lets the sweep go on', async (t) => {
  const { store } = await opened(t);
  const { blob, message } = await stored(store, random(3 * chunk));
  for await (const part of store.blobs.read(blob, 0, blob.size)) {
    t.is(part.length, chunk);
    break;
  }
  await store.transit.retract(alice, message.traceHandle, start);
  t.is(await store.blobs.sweep(100), 4);
});

test('removal goes in small steps', async (t) => {
  const { store } = await opened(t);
  const { message } = await stored(store, random(5 * chunk));
  await store.transit.accept(sha256(message.id), message.acceptTokenHash, start);
  const steps: number[] = [];
  for (let n = 0; n < 5; n++) steps.push(await store.blobs.sweep(2));
  t.deepEqual(steps, [3, 2, 1, 0, 0], 'the first sweep also looks for orphans');
});

test('chunks without a blob are found after the start', async (t) => {
  const first = await opened(t);
  const { idHash } = await sent(first.store);
  await first.store.close();
  const engine = openEngine({ dir: join(first.dir, 'blobs'), mapSize: 2 ** 30, onFailure: () => t.fail() });
  const chunks = createChunks(engine);
  await chunks.put(random(16), 0, [random(10), random(10)]);
  await chunks.put(random(16), 0, [random(10)]);
  t.is(chunks.count(), 4);
  await engine.close();
  const store = await first.reopen();
  t.is(await store.blobs.sweep(100), 3 + 3, 'three blobs looked at, three chunks removed');
  t.is(await store.blobs.sweep(100), 0);
  t.truthy(await store.transit.read(idHash));
  const live = await store.transit.read(idHash);
  t.is(live && (await collected(store.blobs.read(live.blob, 0, 4096))).length, 4096);
});
