import { once } from 'node:events';
import test from 'ava';
import type { NewState } from '../../src/store/api/states.ts';
import type { Store } from '../../src/store/api/store.ts';
import { sameBytes } from '../support/bytes.ts';
import { alice, bob, collected, filled, opened, pieces, random, sha256, start } from './fixture.ts';

function state(bytes: Uint8Array, previous?: Uint8Array): NewState {
  return {
    size: bytes.length,
    hash: sha256(bytes),
    bytes: pieces(bytes),
    previous: previous && sha256(previous),
  };
}

async function read(store: Store, owner = alice): Promise<Uint8Array | undefined> {
  const stored = await store.states.get(owner);
  return stored && (await collected(store.blobs.read(stored, 0, stored.size)));
}

async function used(store: Store): Promise<number> {
  return (await store.transit.usage(alice.domain, alice.user)).bytes;
}

const [first, second, third] = [random(700_000), random(40), random(300_000)] as const;

test('a state takes the place of the one it was made from, and the one before is gone', async (t) => {
  const { store, reopen, clock } = await opened(t);
  await store.blobs.sweep(100);
  t.is(await store.states.get(alice), undefined);
  await store.states.put(alice, state(first));
  sameBytes(t, await read(store), first);
  t.is(await used(store), first.length);
  clock.advance(5);
  await store.states.put(alice, state(second, first));
  t.like(await store.states.get(alice), { size: 40, changed: start + 5 });
  t.is(await used(store), second.length);
  t.is((await store.stats()).asideBytes, second.length);
  t.is(await store.blobs.sweep(100), 3, 'the chunks of the first');
  const again = await reopen();
  t.deepEqual(await read(again), second);
  t.is(await again.states.get(bob), undefined);
});

test('what another device wrote meanwhile is not written over', async (t) => {
  const { store } = await opened(t);
  const code = 'precondition_failed';
  await t.throwsAsync(store.states.put(alice, state(second, first)), { code }, 'there is none');
  await store.states.put(alice, state(first));
  await t.throwsAsync(store.states.put(alice, state(second)), { code }, 'there is one');
  await store.states.put(alice, state(second, first));
  await t.throwsAsync(store.states.put(alice, state(third, first)), { code });
  t.deepEqual(await read(store), second);
  t.is(await used(store), second.length);
});

test('of two at once one wins, and the other is told', async (t) => {
  const { store } = await opened(t);
  await store.states.put(alice, state(first));
  const both = [store.states.put(alice, state(second, first)), store.states.put(alice, state(third, first))];
  const outcomes = await Promise.allSettled(both);
  t.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  );
  t.is((outcomes[1] as PromiseRejectedResult).reason.code, 'conflict');
  await t.throwsAsync(store.states.put(alice, state(third, first)), { code: 'precondition_failed' });
  await store.states.put(bob, state(third));
});

test('what is there already is written again under any condition', async (t) => {
  const { store } = await opened(t);
  await store.states.put(alice, state(first));
  await store.states.put(alice, state(first));
  await store.states.put(alice, state(second, first));
  await store.states.put(alice, state(second, first));
  t.deepEqual(await read(store), second);
  t.is(await used(store), second.length);
});

test('bytes that do not arrive, or are others, leave what was there', async (t) => {
  const { store } = await opened(t);
  await store.states.put(alice, state(first));
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield third.subarray(0, 290_000);
    throw new Error('the line is dead');
  }
  const cut = { ...state(third, first), bytes: broken() };
  await t.throwsAsync(store.states.put(alice, cut), { message: 'the line is dead' });
  const other = { ...state(third, first), bytes: pieces(random(third.length)) };
  await t.throwsAsync(store.states.put(alice, other), { code: 'payload_mismatch' });
  const short = { ...state(third, first), bytes: pieces(third.subarray(1)) };
  await t.throwsAsync(store.states.put(alice, short), { code: 'payload_mismatch' });
  const long = { ...state(second, first), bytes: pieces(third) };
  await t.throwsAsync(store.states.put(alice, long), { code: 'too_large' });
  sameBytes(t, await read(store), first);
  t.is(await used(store), first.length, 'nothing of them counts');
  await store.states.put(alice, state(third, first));
});

test('the limits of the machine hold', async (t) => {
  const { store } = await opened(t);
  const limits = { totalBytes: 50 };
  await t.throwsAsync(store.states.put(alice, state(third), limits), { code: 'storage_full' });
  await store.states.put(alice, state(second), limits);
});

test('a key that writes slowly, or never ends, keeps no other from writing', async (t) => {
  const { store } = await opened(t);
  await store.states.put(alice, state(first));
  const thief = new AbortController();
  const slow = async function* (): AsyncGenerator<Uint8Array> {
    yield second.subarray(0, 9);
    await once(thief.signal, 'abort');
    yield second.subarray(9);
  };
  const under = store.states.put(alice, { ...state(second, first), bytes: slow(), by: filled(1) });
  const again = { ...state(third, first), by: filled(1) };
  await t.throwsAsync(store.states.put(alice, again), { code: 'conflict' });
  await store.states.put(alice, { ...state(third, first), by: filled(2) });
  thief.abort();
  await t.throwsAsync(under, { code: 'precondition_failed' });
  t.deepEqual((await store.states.get(alice))?.hash, sha256(third));
});
