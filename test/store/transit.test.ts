import test from 'ava';
import { keepRecord } from '../../src/store/life.ts';
import { maxReserved } from '../../src/store/usage.ts';
import { sameBytes } from '../support/bytes.ts';
import {
  alice,
  bob,
  collected,
  filled,
  newMessage,
  opened,
  random,
  sent,
  sha256,
  start,
  uploaded,
} from './fixture.ts';

const day = 86_400;

test('a committed message is live, with its payload and its ref', async (t) => {
  const { store } = await opened(t);
  const { message, idHash, payload } = await sent(store, alice, { introduction: filled(3, 178) });
  const live = await store.transit.read(idHash);
  t.like(live, {
    owner: alice,
    destination: 'beta.test',
    recipientHash: message.recipientHash,
    header: message.header,
    envelope: message.envelope,
    expires: message.expires,
    traceHandle: message.traceHandle,
    fetched: false,
  });
  t.like(live?.blob, { size: 4096, hash: sha256(payload) });
  t.deepEqual(live && (await collected(store.blobs.read(live.blob, 0, 4096))), payload);
  const [group] = await store.outbox.due(start, 10);
  t.like(group, { sender: 'alpha.test', destination: 'beta.test' });
  t.like(group?.entries[0], {
    messageId: message.id,
    recipientHash: message.recipientHash,
    expires: message.expires,
    labels: { introduction: message.introduction },
    attempt: 0,
    due: start,
  });
});

test('ids are reserved once, all or none', async (t) => {
  const { store } = await opened(t);
  const [a, b] = [random(32), random(32)];
  await store.transit.reserve(alice, [a], start + 3600);
  await t.throwsAsync(store.transit.reserve(bob, [b, a], start + 3600), { code: 'conflict' });
  await t.throwsAsync(store.transit.reserve(bob, [b, b], start + 3600), { code: 'conflict' });
  await store.transit.reserve(bob, [b], start + 3600);
  t.like(await store.transit.usage('alpha.test'), { reserved: 2 });
});

test('an owner holds so many reservations and no more', async (t) => {
  const { store, clock } = await opened(t);
  const ids = (count: number) => Array.from({ length: count }, () => random(32));
  await store.transit.reserve(alice, ids(maxReserved), start + 3600);
  await t.throwsAsync(store.transit.reserve(alice, ids(1), start + 3600), { code: 'quota_exceeded' });
  await store.transit.reserve(bob, ids(1), start + 3600);
  clock.advance(3600);
  const { seen } = await store.transit.expire(clock.seconds(), 10_000);
  t.is(seen, maxReserved + 1);
  await store.transit.reserve(alice, ids(1), start + 7200);
  t.like(await store.transit.usage('alpha.test', alice.user), { reserved: 1 });
});

test('a commit needs the owner’s own reservations, and is all or nothing', async (t) => {
  const { store } = await opened(t);
  const payload = random(5000);
  const mine = newMessage();
  const foreign = newMessage();
  await store.transit.reserve(alice, [mine.id], start + 3600);
  await store.transit.reserve(bob, [foreign.id], start + 3600);
  const upload = await uploaded(store, alice, payload);
  const commit = (messages: ReturnType<typeof newMessage>[]) =>
    store.transit.commit(alice, { upload, hash: sha256(payload), messages });
  await t.throwsAsync(commit([mine, foreign]), { code: 'conflict' });
  await t.throwsAsync(commit([mine, newMessage()]), { code: 'conflict' });
  await t.throwsAsync(commit([mine, mine]), { code: 'conflict' });
  await t.throwsAsync(commit([mine, { ...newMessage(), id: mine.id }]), { code: 'conflict' });
  await t.throwsAsync(commit([]), { code: 'request_invalid' });
  t.is(await store.transit.read(sha256(mine.id)), undefined);
  t.deepEqual(await store.outbox.due(start, 10), []);
  t.like(await store.stats(), { messages: 0, outbox: 0, bytes: 5000 });
  await commit([mine]);
  t.truthy(await store.transit.read(sha256(mine.id)));
});

test('a commit needs the complete upload with the hash it names', async (t) => {
  const { store } = await opened(t);
  const payload = random(5000);
  const message = newMessage();
  await store.transit.reserve(alice, [message.id], start + 3600);
  const upload = random(16);
  const commit = (hash = sha256(payload), owner = alice) =>
    store.transit.commit(owner, { upload, hash, messages: [message] });
  await t.throwsAsync(commit(), { code: 'conflict' }, 'no upload');
  await store.uploads.open(alice, upload, 5000);
  await store.uploads.write(alice, upload, 0, collectedOf(payload.subarray(0, 4000)));
  await t.throwsAsync(commit(), { code: 'conflict' }, 'incomplete');
  await store.uploads.write(alice, upload, 4000, collectedOf(payload.subarray(4000)));
  await t.throwsAsync(commit(filled(9)), { code: 'payload_mismatch' });
  await t.throwsAsync(commit(undefined, bob), { code: 'conflict' }, 'foreign');
  await commit();
  t.truthy(await store.transit.read(sha256(message.id)));
});

async function* collectedOf(bytes: Uint8Array) {
  yield bytes;
}

test('a commit may be repeated with the same content, at any time, and with no other', async (t) => {
  const { store, clock } = await opened(t);
  const { message, idHash, payload, upload } = await sent(store);
  const commit = (changes: object, hash = sha256(payload)) =>
    store.transit.commit(alice, { upload, hash, messages: [{ ...message, ...changes }] });
  await commit({});
  t.like(await store.stats(), { messages: 1, outbox: 1 });
  for (const changes of [
    { header: filled(1, 4096) },
    { envelope: filled(1, 2200) },
    { destination: 'gamma.test' },
    { recipientHash: filled(1) },
    { sizeClass: 13 },
    { expires: message.expires + 1 },
    { acceptTokenHash: filled(1) },
    { traceHandle: filled(1, 10) },
    { introduction: filled(1, 178) },
  ])
    await t.throwsAsync(commit(changes), { code: 'conflict' });
  await t.throwsAsync(commit({}, filled(3)), { code: 'conflict' });
  await store.transit.accept(idHash, message.acceptTokenHash, clock.seconds());
  await commit({});
  t.like(await store.stats(), { messages: 0, outbox: 0, bytes: 0 });
});

test('several messages share one payload, which stays until the last has ended', async (t) => {
  const { store } = await opened(t);
  const payload = random(300_000);
  const messages = [newMessage(), newMessage(), newMessage()] as const;
  await store.transit.reserve(
    alice,
    messages.map(({ id }) => id),
    start + 3600,
  );
  const upload = await uploaded(store, alice, payload);
  await store.transit.commit(alice, { upload, hash: sha256(payload), messages });
  const copies = messages.reduce((sum, { header, envelope }) => sum + header.length + envelope.length, 0);
  t.like(await store.transit.usage('alpha.test', alice.user), { messages: 3, bytes: 300_000 + copies });
  const accept = ({ id, acceptTokenHash }: (typeof messages)[0]) =>
    store.transit.accept(sha256(id), acceptTokenHash, start);
  await accept(messages[0]);
  await accept(messages[1]);
  t.is(await store.blobs.sweep(100), 1, 'the search for orphans sees one blob and leaves it');
  const live = await store.transit.read(sha256(messages[2].id));
  sameBytes(t, live && (await collected(store.blobs.read(live.blob, 0, 300_000))), payload);
  await accept(messages[2]);
  t.is(await store.blobs.sweep(100), 2);
  t.is(await store.blobs.sweep(100), 0);
  t.like(await store.stats(), { messages: 0, bytes: 0 });
});

test('quotas are checked within the commit, for the user and for the domain', async (t) => {
  const { store } = await opened(t);
  await sent(store);
  const payload = random(4096);
  const message = newMessage();
  await store.transit.reserve(bob, [message.id], start + 3600);
  const upload = await uploaded(store, bob, payload);
  const commit = (limits: object) =>
    store.transit.commit(bob, { upload, hash: sha256(payload), messages: [message] }, limits);
  const code = 'quota_exceeded';
  await t.throwsAsync(commit({ userMessages: 0 }), { code });
  await t.throwsAsync(commit({ userBytes: 4096 }), { code });
  await t.throwsAsync(commit({ domainMessages: 1 }), { code });
  await t.throwsAsync(commit({ domainBytes: 4 * 4096 }), { code });
  t.is(await store.transit.read(sha256(message.id)), undefined);
  const size = message.header.length + message.envelope.length + 4096;
  await commit({ userMessages: 1, userBytes: size, domainMessages: 2, domainBytes: 2 * size });
  t.like(await store.transit.usage('alpha.test'), { messages: 2, bytes: 2 * size });
});

test('accepting compares the token, ends repeating and drops the copy', async (t) => {
  const { store } = await opened(t);
  const { message, idHash } = await sent(store);
  t.is(await store.transit.accept(idHash, filled(5), start), 'gone');
  t.is(await store.transit.accept(filled(5), message.acceptTokenHash, start), 'gone');
  t.truthy(await store.transit.read(idHash));
  t.is(await store.transit.accept(idHash, message.acceptTokenHash, start + 9), 'accepted');
  t.is(await store.transit.accept(idHash, message.acceptTokenHash, start + 10), 'accepted');
  t.is(await store.transit.accept(idHash, filled(5), start + 10), 'gone');
  t.is(await store.transit.read(idHash), undefined);
  t.is(await store.outbox.nextDue(), undefined);
  t.is(await store.transit.retract(alice, message.traceHandle, start + 11), 'already_accepted');
  t.is(await store.transit.recordFetch(idHash, 'payload', start + 11), undefined);
});

test('a reservation cannot be fetched, accepted or retracted', async (t) => {
  const { store } = await opened(t);
  const id = random(32);
  await store.transit.reserve(alice, [id], start + 3600);
  t.is(await store.transit.read(sha256(id)), undefined);
  t.is(await store.transit.accept(sha256(id), filled(5), start), 'gone');
  t.is(await store.transit.retract(alice, sha256(id), start), 'gone');
  t.is(await store.transit.recordFetch(sha256(id), 'header', start), undefined);
  t.deepEqual((await store.transit.list(alice, { limit: 10 })).items, []);
});

test('retracting works by handle and by id hash, for the owner only', async (t) => {
  const { store } = await opened(t);
  const first = await sent(store);
  const second = await sent(store);
  t.is(await store.transit.retract(bob, first.message.traceHandle, start), 'gone');
  t.is(await store.transit.retract(bob, first.idHash, start), 'gone');
  t.is(await store.transit.retract(alice, filled(9, 10), start), 'gone');
  t.is(await store.transit.retract(alice, first.message.traceHandle, start), 'withdrawn');
  t.is(await store.transit.retract(alice, second.idHash, start), 'withdrawn');
  t.is(await store.transit.retract(alice, second.idHash, start + 5), 'withdrawn');
  t.is(await store.transit.read(first.idHash), undefined);
  t.is(await store.transit.accept(first.idHash, first.message.acceptTokenHash, start), 'gone');
});

test('a retraction says when the message may have been read', async (t) => {
  const { store } = await opened(t);
  for (const what of ['header', 'payload'] as const) {
    const { idHash } = await sent(store);
    t.is(await store.transit.recordFetch(idHash, what, start), 'first');
    t.is(await store.transit.retract(alice, idHash, start), 'withdrawn_maybe_read');
    t.is(await store.transit.retract(alice, idHash, start), 'withdrawn_maybe_read');
  }
});

test('a retraction turns the ref into a retracting one until the expiry', async (t) => {
  const { store, clock } = await opened(t);
  const { message, idHash } = await sent(store, alice, { introduction: filled(4, 178) });
  const [before] = await store.outbox.list({ limit: 10 });
  await store.outbox.reschedule([{ key: before?.key ?? filled(0), attempt: 3, due: start + 500 }]);
  await store.transit.recordFetch(idHash, 'payload', start + 10);
  await store.transit.retract(alice, idHash, start + 20);
  const [after] = await store.outbox.list({ limit: 10 });
  t.like(after, {
    messageId: message.id,
    labels: { introduction: message.introduction, retraction: true },
    attempt: 0,
    due: start + 20,
    created: start + 20,
    slowed: false,
  });
  await store.outbox.reschedule([{ key: before?.key ?? filled(0), attempt: 4, due: start + 9999 }]);
  t.is(await store.outbox.nextDue(), start + 20, 'what was under way for the message does not move it');
  clock.advance(day);
  await store.transit.expire(clock.seconds(), 10);
  t.deepEqual(await store.outbox.list({ limit: 10 }), []);
  t.like((await store.transit.list(alice, { limit: 10 })).items[0], {
    state: 'withdrawn',
    ended: start + 20,
  });
});

test('fetches are noted once of each kind, and a complete one slows repeating to daily', async (t) => {
  const { store } = await opened(t);
  const { idHash } = await sent(store);
  t.is(await store.transit.recordFetch(idHash, 'header', start + 5), 'first');
  t.is(await store.transit.recordFetch(idHash, 'header', start + 6), 'again');
  t.is(await store.outbox.nextDue(), start);
  t.is(await store.transit.recordFetch(idHash, 'payload', start + 7), 'first');
  t.is(await store.transit.recordFetch(idHash, 'payload', start + 8), 'again');
  t.true((await store.transit.read(idHash))?.fetched);
  t.is((await store.transit.list(alice, { limit: 1 })).items[0]?.firstFetch, start + 5);
  const slowed = await store.outbox.due(start + day - 1, 10);
  t.deepEqual(slowed, []);
});

test('fetches that are not noted yet go with what ends their message, or with the end of the store', async (t) => {
  const { store, reopen } = await opened(t);
  const messages = await Promise.all(Array.from({ length: 9 }, () => sent(store)));
  const fetched = (n: number) => store.transit.recordFetch(messages[n]!.idHash, 'payload', start + 1);
  const first = fetched(0);
  const together = [fetched(1), fetched(2), fetched(2)];
  t.is(await first, 'first');
  // While those are written others come: these gather.
  const late = [3, 3, 4, 5].map(fetched);
  const { idHash, message } = messages[3]!;
  t.is(await store.transit.accept(idHash, message.acceptTokenHash, start + 1), 'accepted');
  const noted = await Promise.all([...together, ...late]);
  t.deepEqual(noted, ['first', 'first', 'again', 'first', 'again', 'first', 'first']);
  t.is(await fetched(3), undefined);

  const more = [1, 6, 7, 8, 6].map(fetched);
  const { transit } = await reopen();
  t.deepEqual(await Promise.all(more), ['again', 'first', 'first', 'first', 'again']);
  for (const n of [6, 7, 8]) t.true((await transit.read(messages[n]!.idHash))?.fetched);
});

test('a message expires at its time: its copy goes, its record stays a while', async (t) => {
  const { store, clock } = await opened(t);
  const { message, idHash } = await sent(store);
  clock.advance(day - 1);
  t.deepEqual(await store.transit.expire(clock.seconds(), 10), { expired: [], seen: 0 });
  t.truthy(await store.transit.read(idHash));
  clock.advance(1);
  t.is(await store.transit.read(idHash), undefined, 'gone before anyone looked');
  t.deepEqual(await store.outbox.due(clock.seconds(), 10), []);
  t.is(await store.outbox.nextDue(), undefined);
  t.deepEqual(await store.transit.expire(clock.seconds(), 10), {
    expired: [{ owner: alice, traceHandle: message.traceHandle, destination: 'beta.test', fetched: false }],
    seen: 1,
  });
  t.like((await store.transit.list(alice, { limit: 10 })).items[0], { state: 'expired', ended: start + day });
  t.like(await store.stats(), { messages: 0, bytes: 0, outbox: 0 });
  clock.advance(keepRecord);
  t.is((await store.transit.expire(clock.seconds(), 10)).seen, 1);
  t.deepEqual((await store.transit.list(alice, { limit: 10 })).items, []);
  t.is(await store.transit.retract(alice, message.traceHandle, clock.seconds()), 'gone');
});

test('expiring goes in small steps', async (t) => {
  const { store, clock } = await opened(t);
  for (let n = 0; n < 5; n++) await sent(store);
  clock.advance(day);
  const steps = [];
  for (let n = 0; n < 4; n++) steps.push((await store.transit.expire(clock.seconds(), 2)).expired.length);
  t.deepEqual(steps, [2, 2, 1, 0]);
});

test('the sent view lists an owner’s messages, newest first, in pages', async (t) => {
  const { store, clock } = await opened(t);
  const handles: Uint8Array[] = [];
  for (let n = 0; n < 5; n++) {
    handles.unshift((await sent(store)).message.traceHandle);
    clock.advance(1);
  }
  await sent(store, bob);
  const first = await store.transit.list(alice, { limit: 2 });
  const second = await store.transit.list(alice, { limit: 2, after: first.next });
  const third = await store.transit.list(alice, { limit: 2, after: second.next });
  const listed = [first, second, third].flatMap(({ items }) => items.map(({ traceHandle }) => traceHandle));
  t.deepEqual(listed, handles);
  t.is(third.next, undefined);
  t.like(first.items[0], { state: 'stored', destination: 'beta.test', created: start + 4, size: 4096 });
  await t.throwsAsync(store.transit.list(alice, { limit: 2, after: filled(1, 5) }), {
    code: 'request_invalid',
  });
});

test('accept and retract meet in one place: one of them wins', async (t) => {
  const { store } = await opened(t);
  for (let n = 0; n < 10; n++) {
    const { idHash, message } = await sent(store);
    const both = [
      () => store.transit.accept(idHash, message.acceptTokenHash, start),
      () => store.transit.retract(alice, idHash, start),
    ] as const;
    const order = n % 2 === 0 ? [0, 1] : [1, 0];
    const answers = await Promise.all(order.map((which) => both[which as 0 | 1]()));
    t.deepEqual(answers, n % 2 === 0 ? ['accepted', 'already_accepted'] : ['withdrawn', 'gone']);
  }
});
