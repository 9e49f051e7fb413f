import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import type { Admission } from '../../src/store/api/pending.ts';
import type { Store } from '../../src/store/api/store.ts';
import { openStore } from '../../src/store/store.ts';
import { joinIntroduction, type Ref } from '../../src/wire/notification.ts';
import { filled, opened, random, start } from './fixture.ts';

const hash = filled(1);
const other = filled(2);

function ref(changes: Partial<Ref> = {}): Ref {
  return { recipientHash: hash, messageId: random(32), expires: start + 1000, sizeClass: 12, ...changes };
}

function introduction(bucket = 0): Uint8Array {
  return joinIntroduction({ type: 0, bucket, sealed: random(176) });
}

function admission(refs: readonly Ref[], changes: Partial<Admission> = {}): Admission {
  const quota = { key: 'beta.test', refs: 100 };
  const base = { domain: 'alpha.test', sender: 'beta.test', now: start, quota, introductionsPerHour: 100 };
  return { ...base, refs, ...changes };
}

async function waiting(store: Store, recipientHash = hash, now = start) {
  return (await store.pending.poll('alpha.test', recipientHash, { limit: 100, now })).items;
}

const none = { stored: 0, retracted: 0, known: 0, overQuota: 0, overRate: 0, expired: 0 };

test('refs wait under their recipient hash, as they came', async (t) => {
  const { store } = await opened(t);
  const first = ref({ labels: { introduction: introduction() } });
  const second = ref({ recipientHash: other });
  t.deepEqual(await store.pending.admit(admission([first, second])), { ...none, stored: 2 });
  t.deepEqual(await waiting(store), [
    {
      messageId: first.messageId,
      sender: 'beta.test',
      expires: first.expires,
      firstSeen: start,
      sizeClass: 12,
    },
  ]);
  t.is((await waiting(store, other)).length, 1);
  t.deepEqual(await waiting(store, filled(3)), []);
  t.deepEqual((await store.pending.poll('gamma.test', hash, { limit: 9, now: start })).items, []);
});

test('a repetition changes nothing, also within one notification', async (t) => {
  const { store } = await opened(t);
  const one = ref();
  t.deepEqual(await store.pending.admit(admission([one, one])), { ...none, stored: 1, known: 1 });
  const later = { ...one, expires: start + 5000, sizeClass: 20 };
  t.deepEqual(await store.pending.admit(admission([later], { now: start + 9 })), { ...none, known: 1 });
  const [kept] = await waiting(store);
  t.like(kept, { expires: start + 1000, sizeClass: 12, firstSeen: start });
});

test('the same id from another domain is another ref', async (t) => {
  const { store } = await opened(t);
  const one = ref();
  await store.pending.admit(admission([one]));
  await store.pending.admit(admission([{ ...one, labels: { retraction: true } }], { sender: 'gamma.test' }));
  const refs = await waiting(store);
  t.is(refs.length, 2);
  t.is(refs.find(({ sender }) => sender === 'beta.test')?.labels, undefined);
});

test('a retraction marks the waiting ref, once, and keeps its other labels', async (t) => {
  const { store } = await opened(t);
  const unknown = new Map([[7, Uint8Array.of(0xf5)]]);
  const one = ref({ labels: { introduction: introduction(), unknown } });
  await store.pending.admit(admission([one]));
  const mark = { ...one, labels: { retraction: true } };
  t.deepEqual(await store.pending.admit(admission([mark])), { ...none, retracted: 1 });
  t.deepEqual(await store.pending.admit(admission([mark])), { ...none, known: 1 });
  t.deepEqual(await store.pending.admit(admission([one])), { ...none, known: 1 });
  t.deepEqual((await waiting(store))[0]?.labels, { unknown, retraction: true });
});

test('a retraction that comes first keeps the message from rising', async (t) => {
  const { store } = await opened(t);
  const one = ref({ labels: { introduction: introduction(), retraction: true } });
  await store.pending.admit(admission([one]));
  await store.pending.admit(admission([{ ...one, labels: { introduction: introduction() } }]));
  t.true((await waiting(store))[0]?.labels?.retraction);
  t.deepEqual((await store.feed.read('alpha.test', { limit: 9, now: start })).items, []);
});

test('what is done stays down until it expires', async (t) => {
  const { store } = await opened(t);
  const [one, two] = [ref(), ref()];
  await store.pending.admit(admission([one, two]));
  t.is(await store.pending.done('alpha.test', hash, [one.messageId]), 1);
  t.is(await store.pending.done('alpha.test', hash, [one.messageId]), 0);
  t.deepEqual(await store.pending.admit(admission([one])), { ...none, known: 1 });
  t.deepEqual(await store.pending.admit(admission([{ ...one, labels: { retraction: true } }])), {
    ...none,
    known: 1,
  });
  t.deepEqual(
    (await waiting(store)).map(({ messageId }) => messageId),
    [two.messageId],
  );
});

test('only refs under the hash that was proved can be done', async (t) => {
  const { store } = await opened(t);
  const one = ref();
  await store.pending.admit(admission([one]));
  t.is(await store.pending.done('alpha.test', other, [one.messageId]), 0);
  t.is(await store.pending.done('gamma.test', hash, [one.messageId]), 0);
  t.is((await waiting(store)).length, 1);
});

test('done is there after a restart', async (t) => {
  const first = await opened(t);
  const one = ref();
  await first.store.pending.admit(admission([one]));
  await first.store.pending.done('alpha.test', hash, [one.messageId]);
  const store = await first.reopen();
  t.deepEqual(await waiting(store), []);
  t.deepEqual(await store.pending.admit(admission([one])), { ...none, known: 1 });
});

test('a registrable domain has so many refs, done ones included, until they expire', async (t) => {
  const { store } = await opened(t);
  const quota = { key: 'beta.test', refs: 3 };
  const refs = [ref(), ref(), ref(), ref()];
  t.deepEqual(await store.pending.admit(admission(refs, { quota })), { ...none, stored: 3, overQuota: 1 });
  await store.pending.done(
    'alpha.test',
    hash,
    refs.map(({ messageId }) => messageId),
  );
  const more = admission([ref()], { quota, sender: 'sub.beta.test' });
  t.deepEqual(await store.pending.admit(more), { ...none, overQuota: 1 });
  const foreign = admission([ref()], { quota: { key: 'gamma.test', refs: 3 }, sender: 'gamma.test' });
  t.deepEqual(await store.pending.admit(foreign), { ...none, stored: 1 });
  await store.pending.expire(start + 1000, 100);
  const now = start + 1000;
  const fresh = admission([ref({ expires: now + 9 })], { quota, now, sender: 'sub.beta.test' });
  t.deepEqual(await store.pending.admit(fresh), { ...none, stored: 1 });
});

test('below the disk’s reserve nothing new waits, and what waits can still be taken back', async (t) => {
  let room = true;
  const { store } = await opened(t, { hasRoom: () => room });
  const one = ref();
  await store.pending.admit(admission([one]));
  room = false;
  t.deepEqual(await store.pending.admit(admission([ref()])), { ...none, overQuota: 1 });
  const mark = { ...one, labels: { retraction: true } };
  t.deepEqual(await store.pending.admit(admission([mark])), { ...none, retracted: 1 });
  room = true;
  t.deepEqual(await store.pending.admit(admission([ref()])), { ...none, stored: 1 });
});

test('an expired ref is not polled, not admitted, and makes room', async (t) => {
  const { store } = await opened(t);
  const one = ref();
  await store.pending.admit(admission([one]));
  const now = start + 1000;
  t.is((await waiting(store, hash, now - 1)).length, 1);
  t.deepEqual(await waiting(store, hash, now), []);
  t.deepEqual(await store.pending.admit(admission([one], { now })), { ...none, expired: 1 });
  const again = admission([{ ...one, expires: now + 50 }], { now, quota: { key: 'beta.test', refs: 2 } });
  t.deepEqual(await store.pending.admit(again), { ...none, stored: 1 }, 'its row is taken over');
  t.is((await store.stats()).pending, 1);
});

test('expiring goes round the table in small steps', async (t) => {
  const { store } = await opened(t);
  await store.pending.admit(admission(Array.from({ length: 7 }, () => ref({ recipientHash: random(32) }))));
  await store.pending.admit(
    admission(Array.from({ length: 3 }, () => ref({ recipientHash: random(32), expires: start + 9999 }))),
  );
  const removed: number[] = [];
  for (let over = false; !over;) {
    const step = await store.pending.expire(start + 1000, 3);
    removed.push(step.removed);
    over = step.ended;
  }
  t.true(removed.every((count) => count <= 3));
  t.is(
    removed.reduce((sum, count) => sum + count),
    7,
  );
  t.is((await store.stats()).pending, 3);
});

test('a poll goes on in pages', async (t) => {
  const { store } = await opened(t);
  const refs = Array.from({ length: 10 }, () => ref());
  await store.pending.admit(admission(refs));
  await store.pending.done(
    'alpha.test',
    hash,
    refs.slice(0, 4).map(({ messageId }) => messageId),
  );
  const seen: string[] = [];
  let after: Uint8Array | undefined;
  do {
    const page = await store.pending.poll('alpha.test', hash, { limit: 2, now: start, after });
    t.true(page.items.length <= 2);
    seen.push(...page.items.map(({ messageId }) => Buffer.from(messageId).toString('hex')));
    after = page.next;
  } while (after !== undefined);
  const wanted = refs.slice(4).map(({ messageId }) => Buffer.from(messageId).toString('hex'));
  t.deepEqual(seen.toSorted(), wanted.toSorted());
  const bad = store.pending.poll('alpha.test', hash, { limit: 2, now: start, after: filled(1, 31) });
  await t.throwsAsync(bad, { code: 'request_invalid' });
});

test('a page looks at so many rows and no more, whatever lies under the hash', async (t) => {
  const { store } = await opened(t);
  const refs = Array.from({ length: 600 }, () => ref());
  await store.pending.admit(admission(refs, { quota: { key: 'beta.test', refs: 1000 } }));
  const ids = refs.map(({ messageId }) => messageId);
  t.is(await store.pending.done('alpha.test', hash, ids), 600);
  const late = ref();
  await store.pending.admit(admission([late], { quota: { key: 'beta.test', refs: 1000 } }));
  const pages: number[] = [];
  let after: Uint8Array | undefined;
  do {
    const page = await store.pending.poll('alpha.test', hash, { limit: 32, now: start, after });
    pages.push(page.items.length);
    after = page.next;
  } while (after !== undefined);
  t.is(pages.length, 3, '601 rows, 256 at once');
  t.is(
    pages.reduce((sum, count) => sum + count),
    1,
  );
});

test('whoever watches hears of what is stored or retracted, and of nothing else', async (t) => {
  const { store } = await opened(t);
  const heard: string[] = [];
  const one = ref();
  const ends = [
    store.pending.subscribe('alpha.test', hash, () => heard.push('hash')),
    store.pending.subscribe('alpha.test', other, () => heard.push('other')),
    store.pending.subscribe('alpha.test', undefined, (which) => heard.push(`domain ${which[0]}`)),
    store.pending.subscribe('gamma.test', undefined, () => heard.push('gamma')),
  ];
  await store.pending.admit(admission([one]));
  await setImmediate();
  t.deepEqual(heard.splice(0), ['hash', 'domain 1']);
  await store.pending.admit(admission([one]));
  await setImmediate();
  t.deepEqual(heard, []);
  await store.pending.admit(admission([{ ...one, labels: { retraction: true } }]));
  await setImmediate();
  t.deepEqual(heard.splice(0), ['hash', 'domain 1']);
  ends.forEach((end) => end());
  await store.pending.admit(admission([ref()]));
  await setImmediate();
  t.deepEqual(heard, []);
});

// --- the feed ---

test('a ref with an introduction writes its feed entry, in the order of arrival', async (t) => {
  const { store } = await opened(t);
  const [one, two] = [introduction(), introduction()];
  await store.pending.admit(admission([ref({ labels: { introduction: one } })]));
  const later = { now: start + 5, sender: 'gamma.test' };
  await store.pending.admit(admission([ref({ labels: { introduction: two } }), ref()], later));
  const { items, next } = await store.feed.read('alpha.test', { limit: 10, now: start });
  t.like(items[0], { sender: 'beta.test', introduction: one, firstSeen: start, expires: start + 1000 });
  t.like(items[1], { sender: 'gamma.test', introduction: two, firstSeen: start + 5 });
  t.is(items.length, 2);
  t.deepEqual(next, items[1]?.cursor);
  t.deepEqual(await store.feed.read('alpha.test', { limit: 10, now: start, after: next }), { items: [] });
  t.deepEqual((await store.feed.read('gamma.test', { limit: 10, now: start })).items, []);
});

test('a repeated introduction makes no second entry', async (t) => {
  const { store } = await opened(t);
  const one = ref({ labels: { introduction: introduction() } });
  await store.pending.admit(admission([one, one]));
  await store.pending.admit(admission([one]));
  t.is((await store.feed.read('alpha.test', { limit: 10, now: start })).items.length, 1);
});

test('introductions above the cap are dropped with their refs, a sender gets at most half', async (t) => {
  const { store } = await opened(t);
  const introduced = (count: number) =>
    Array.from({ length: count }, () => ref({ labels: { introduction: introduction() } }));
  const rate = { introductionsPerHour: 4 };
  const gamma = { ...rate, quota: { key: 'gamma.test', refs: 9 } };
  t.deepEqual(await store.pending.admit(admission(introduced(3), rate)), { ...none, stored: 2, overRate: 1 });
  t.deepEqual(await store.pending.admit(admission(introduced(2), gamma)), { ...none, stored: 2 });
  const delta = { ...rate, quota: { key: 'delta.test', refs: 9 } };
  t.deepEqual(await store.pending.admit(admission(introduced(1), delta)), { ...none, overRate: 1 });
  t.deepEqual(await store.pending.admit(admission([ref()], rate)), { ...none, stored: 1 });
  t.is((await waiting(store)).length, 5);
  t.is((await store.feed.read('alpha.test', { limit: 10, now: start })).items.length, 4);
  const nextHour = { ...delta, now: start + 3600 };
  const fresh = ref({ expires: start + 9999, labels: { introduction: introduction() } });
  t.deepEqual(await store.pending.admit(admission([fresh], nextHour)), { ...none, stored: 1 });
});

test('a bucket shows its own entries, and goes on behind all that were looked at', async (t) => {
  const { store } = await opened(t);
  const buckets = [0x000, 0x800, 0x801, 0xfff];
  for (const bucket of buckets)
    await store.pending.admit(admission([ref({ labels: { introduction: introduction(bucket) } })]));
  const read = (bucket: number, bits: number) =>
    store.feed.read('alpha.test', { limit: 10, now: start, bucket, bits });
  t.is((await read(0xfff, 0)).items.length, 4);
  t.is((await read(0x8ff, 1)).items.length, 3);
  t.is((await read(0x801, 12)).items.length, 1);
  const empty = await read(0x400, 4);
  t.deepEqual(empty.items, []);
  t.truthy(empty.next);
  await t.throwsAsync(store.feed.read('alpha.test', { limit: 1, now: start, after: filled(1, 3) }), {
    code: 'request_invalid',
  });
});

test('a place in the feed stays good when the tables are those of a backup again', async (t) => {
  const first = await opened(t);
  const append = (store: Store, now: number) =>
    store.pending.admit(
      admission([ref({ labels: { introduction: introduction() }, expires: now + 1000 })], { now }),
    );
  await append(first.store, start);
  const backup = join(first.dir, 'backup');
  await first.store.backup(backup);
  for (let i = 1; i < 9; i++) await append(first.store, start + i);
  const { next } = await first.store.feed.read('alpha.test', { limit: 100, now: start });
  const restored = await openStore({
    dir: backup,
    clock: first.clock,
    onFailure: () => t.fail('the disk failed'),
  });
  t.teardown(() => restored.close());
  await append(restored, start + 60);
  const { items } = await restored.feed.read('alpha.test', { limit: 100, now: start + 60, after: next });
  t.is(items.length, 1);
});

test('a feed entry expires with its ref, and places stay good', async (t) => {
  const first = await opened(t);
  await first.store.pending.admit(admission([ref({ labels: { introduction: introduction() } })]));
  const { next } = await first.store.feed.read('alpha.test', { limit: 10, now: start });
  const now = start + 1000;
  t.deepEqual((await first.store.feed.read('alpha.test', { limit: 10, now })).items, []);
  t.deepEqual(await first.store.feed.expire(now, 10), { removed: 1, ended: true });
  t.is((await first.store.stats()).feed, 0);
  const store = await first.reopen();
  const later = ref({ expires: now + 9, labels: { introduction: introduction() } });
  await store.pending.admit(admission([later], { now }));
  t.is((await store.feed.read('alpha.test', { limit: 10, now, after: next })).items.length, 1);
});
