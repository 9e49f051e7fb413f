import test from 'ava';
import {
  allTold,
  deadLetterLife,
  mailMemory,
  type QueuedMail,
  type QueuedRecipient,
} from '../../src/store/api/mail-queue.ts';
import type { Store } from '../../src/store/api/store.ts';
import {
  alice,
  bob,
  collected,
  filled,
  opened,
  queuedMail,
  random,
  sha256,
  start,
  uploaded,
} from './fixture.ts';

const states = (mail: QueuedMail | undefined) => mail?.recipients.map(({ state }) => state);
const failed: Partial<QueuedRecipient> = { state: 'failed', code: '5.1.1', told: allTold };
const delivered: Partial<QueuedRecipient> = { state: 'delivered', code: '2.0.0', told: allTold };

async function used(store: Store): Promise<unknown> {
  const { messages, bytes } = await store.transit.usage(alice.domain, alice.user);
  return { messages, bytes };
}

test('mail waits with its content, counted, and is due at once, also after a restart', async (t) => {
  const { store, reopen } = await opened(t);
  const mail = await queuedMail(store, { recipients: 3 });
  t.deepEqual(states(mail), ['queued', 'queued', 'queued']);
  t.deepEqual(await used(store), { messages: 1, bytes: 5000 + 4096 });
  const again = await reopen();
  t.deepEqual(await again.mailQueue.due(start, 10), [mail]);
  t.is(await again.mailQueue.nextDue(), start);
  t.is((await again.stats()).mailQueue, 1);
  const { blob } = mail.content ?? t.fail();
  t.deepEqual(sha256(await collected(again.blobs.read(blob, 0, blob.size))), mail.hash);
});

test('the same mail again is the same one, another under its id is refused, and so is what does not fit', async (t) => {
  const { store } = await opened(t);
  const payload = random(5000);
  const mail = {
    id: filled(1, 10),
    hash: sha256(payload),
    keyId: filled(9, 8),
    sealed: filled(8, 4096),
    recipients: 2,
  };
  const upload = await uploaded(store, alice, payload);
  const first = await store.mailQueue.add(alice, { ...mail, upload });
  t.deepEqual(await store.mailQueue.add(alice, { ...mail, upload }), first, 'the answer was lost');
  await t.throwsAsync(queuedMail(store, { id: mail.id }), { code: 'conflict' });
  await t.throwsAsync(store.mailQueue.add(alice, { ...mail, upload, id: filled(2, 10) }), {
    code: 'conflict',
  });
  const other = await uploaded(store, alice, payload);
  const wrong = { ...mail, upload: other, id: filled(2, 10), hash: filled(3) };
  await t.throwsAsync(store.mailQueue.add(alice, wrong), { code: 'payload_mismatch' });
  const good = { ...wrong, hash: mail.hash };
  await t.throwsAsync(store.mailQueue.add(bob, good), { code: 'conflict' }, 'of another user');
  await t.throwsAsync(store.mailQueue.add(alice, good, { userMessages: 1 }), { code: 'quota_exceeded' });
  t.is((await store.mailQueue.list(alice, { limit: 10 })).items.length, 1);
});

test('each recipient has an end of their own, and the content goes with the last one', async (t) => {
  const { store, clock } = await opened(t);
  const { id } = await queuedMail(store, { recipients: 2 });
  await store.mailQueue.note(
    alice,
    id,
    new Map([
      [0, delivered],
      [1, { next: start + 60, attempts: 1 }],
    ]),
    start,
  );
  t.deepEqual(await store.mailQueue.due(start + 59, 10), []);
  clock.advance(60);
  const [due] = await store.mailQueue.due(start + 60, 10);
  t.deepEqual(states(due), ['delivered', 'queued']);
  t.truthy(due?.content);
  const ended = await store.mailQueue.note(alice, id, new Map([[1, delivered]]), start + 60);
  t.is(ended?.ended, start + 60);
  t.is(ended?.content, undefined);
  t.deepEqual(await used(store), { messages: 0, bytes: 0 });
  await store.mailQueue.note(alice, id, new Map([[1, { state: 'queued' }]]), start + 61);
  t.deepEqual(
    states(await store.mailQueue.get(alice, id)),
    ['delivered', 'delivered'],
    'what ended stays so',
  );
  t.is(await store.mailQueue.expire(start + 59 + mailMemory, 10), 0);
  t.is(await store.mailQueue.expire(start + 60 + mailMemory, 10), 1);
  t.is(await store.mailQueue.get(alice, id), undefined);
});

test('it is not over before its sender was told', async (t) => {
  const { store } = await opened(t);
  const { id } = await queuedMail(store);
  await store.mailQueue.note(
    alice,
    id,
    new Map([[0, { state: 'failed', code: '5.1.1', next: start }]]),
    start,
  );
  const [untold] = await store.mailQueue.due(start, 10);
  t.is(untold?.ended, undefined);
  await store.mailQueue.note(alice, id, new Map([[0, { next: start + 60 }]]), start);
  t.deepEqual(await store.mailQueue.due(start + 59, 10), [], 'it could not be told: later');
  await store.mailQueue.note(alice, id, new Map([[0, { told: allTold }]]), start + 60);
  t.deepEqual(await store.mailQueue.due(start + 999, 10), []);
});

test('what failed can be tried again for a fortnight, and not after that', async (t) => {
  const { store, clock } = await opened(t);
  const { id } = await queuedMail(store, { recipients: 2 });
  await store.mailQueue.note(
    alice,
    id,
    new Map([
      [0, delivered],
      [1, failed],
    ]),
    start,
  );
  clock.advance(100);
  const again = await store.mailQueue.retry(alice, id, start + 100);
  t.deepEqual(states(again), ['delivered', 'queued']);
  t.is(again?.since, start + 100);
  t.deepEqual(again?.recipients[1], { state: 'queued', attempts: 0, told: 0, next: start + 100 });
  t.is((await store.mailQueue.due(start + 100, 10)).length, 1);
  await store.mailQueue.note(alice, id, new Map([[1, failed]]), start + 100);
  clock.advance(deadLetterLife);
  t.is(await store.mailQueue.expire(start + 100 + deadLetterLife, 10), 1);
  t.is((await store.mailQueue.get(alice, id))?.content, undefined);
  t.deepEqual(states(await store.mailQueue.retry(alice, id, start + 101)), ['delivered', 'failed']);
  t.deepEqual(await used(store), { messages: 0, bytes: 0 });
});

test('what is dropped is over at once, and what was delivered stays delivered', async (t) => {
  const { store } = await opened(t);
  const { id } = await queuedMail(store, { recipients: 2 });
  await store.mailQueue.note(alice, id, new Map([[0, delivered]]), start);
  const dropped = await store.mailQueue.drop(alice, id, start);
  t.deepEqual(states(dropped), ['delivered', 'dropped']);
  t.is(dropped?.content, undefined);
  await store.mailQueue.note(alice, id, new Map([[1, delivered]]), start);
  t.deepEqual(states(await store.mailQueue.get(alice, id)), ['delivered', 'dropped'], 'too late');
  t.is(await store.mailQueue.drop(alice, filled(7, 10), start), undefined);
});

test('lists are of one user, the operator sees all that has content, and an id of two users is nobody’s', async (t) => {
  const { store } = await opened(t);
  const mine = [
    await queuedMail(store, { id: filled(1, 10) }),
    await queuedMail(store, { id: filled(2, 10) }),
  ];
  const theirs = await queuedMail(store, { owner: bob, id: filled(1, 10) });
  const first = await store.mailQueue.list(alice, { limit: 1 });
  t.deepEqual(first.items, [mine[0]]);
  t.deepEqual((await store.mailQueue.list(alice, { limit: 5, after: first.next })).items, [mine[1]]);
  t.deepEqual(await store.mailQueue.all(10), [...mine, theirs]);
  t.deepEqual(await store.mailQueue.find(filled(2, 10)), mine[1]);
  t.is(await store.mailQueue.find(filled(1, 10)), undefined);
  await t.throwsAsync(store.mailQueue.get(alice, filled(1, 9)), { code: 'request_invalid' });
});
