/** What is pulled for users: drops, the queue, the blind store beside the pending table. */
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { NewCopy } from '../../src/store/api/copies.ts';
import { maxPulls, maxQueued, type QueuedPull } from '../../src/store/api/pulls.ts';
import type { Store } from '../../src/store/api/store.ts';
import type { Owner } from '../../src/store/api/terms.ts';
import { checkStore } from '../../src/store/check.ts';
import { openEngine, rawCodec, type Engine } from '../../src/store/engine.ts';
import { joined, name, ordered } from '../../src/store/keys.ts';
import type { RefLabels } from '../../src/wire/notification.ts';
import { sameBytes } from '../support/bytes.ts';
import { alice, bob, collected, filled, opened, pieces, random, sha256, start } from './fixture.ts';

const domain = alice.domain;
const day = 86_400;
const limits = { userBytes: 1e6, domainBytes: 1e6 };
const header = random(4096);
const envelope = random(2200);
const payload = random(300_000);

interface Known {
  readonly recipientHash: Uint8Array;
  readonly sender: string;
  readonly messageId: Uint8Array;
}
const first: Known = { recipientHash: filled(1), sender: 'beta.test', messageId: filled(11) };
const second: Known = { recipientHash: filled(1), sender: 'beta.test', messageId: filled(12) };

async function admit(store: Store, refs: readonly Known[], labels?: RefLabels, now = start): Promise<void> {
  for (const { sender, recipientHash, messageId } of refs)
    await store.pending.admit({
      domain,
      sender,
      now,
      quota: { key: sender, refs: 2000 },
      introductionsPerHour: 0,
      refs: [
        {
          recipientHash,
          messageId,
          expires: start + day,
          sizeClass: 19,
          ...(labels === undefined ? {} : { labels }),
        },
      ],
    });
}

async function queued(store: Store, known: Known, owner: Owner = alice): Promise<QueuedPull> {
  await store.pulls.ask(owner, known, start);
  const found = (await store.pulls.due(start, 10)).find(
    ({ messageId }) => Buffer.compare(messageId, known.messageId) === 0,
  );
  if (found === undefined) throw new Error('it is not queued');
  return found;
}

const copyOf = (changes: Partial<NewCopy> = {}): NewCopy => ({
  header,
  envelope,
  hash: sha256(payload),
  expires: start + 30 * day,
  ...changes,
});

async function pulled(store: Store, known: Known, owner: Owner = alice, bytes = payload): Promise<boolean> {
  const pull = await queued(store, known, owner);
  await store.copies.open(pull, bytes.length, limits);
  await store.uploads.write({ domain, user: owner.user }, pull.upload, 0, pieces(bytes));
  return await store.copies.keep(pull, copyOf({ hash: sha256(bytes) }), limits);
}

async function polled(store: Store, now: number): Promise<readonly (number | undefined)[]> {
  const { items } = await store.pending.poll(domain, filled(1), { limit: 10, now });
  return items.map(({ blind }) => blind);
}

test('drops that are pulled are known after a restart, until their time or the user ends it', async (t) => {
  const { store, reopen } = await opened(t);
  await store.pulls.set(
    alice,
    [
      { recipientHash: filled(1), until: start + 100 },
      { recipientHash: filled(2), until: start + 200 },
    ],
    start,
  );
  await store.pulls.set(bob, [{ recipientHash: filled(3), until: start + 100 }], start);
  const again = await reopen();
  const userOf = (n: number, now = start) => again.pulls.userOf(domain, filled(n), now);
  t.deepEqual(
    [1, 2, 3, 4].map((n) => userOf(n)?.[0]),
    [1, 1, 2, undefined],
  );
  t.is(again.pulls.userOf('gamma.test', filled(1), start), undefined);
  t.is(userOf(1, start + 100), undefined);
  t.is((await again.pulls.standing(domain, start + 150)).length, 1);
  await again.pulls.set(alice, [{ recipientHash: filled(2), until: 0 }], start);
  t.is(userOf(2), undefined);
  t.is(await again.pulls.expire(start + 100, 10), 2);
  t.deepEqual(await again.pulls.standing(domain, start), []);
});

test('a user has so many drops pulled, and what is there can be changed', async (t) => {
  const { store } = await opened(t);
  const hashOf = (n: number) => sha256(new Uint8Array([n & 255, n >> 8]));
  const many = Array.from({ length: maxPulls }, (_, n) => ({ recipientHash: hashOf(n), until: start + 10 }));
  await store.pulls.set(alice, many, start);
  const one = { recipientHash: filled(1), until: start + 10 };
  await t.throwsAsync(store.pulls.set(alice, [one], start), { code: 'quota_exceeded' });
  await store.pulls.set(bob, [one], start);
  await store.pulls.set(alice, [{ recipientHash: hashOf(0), until: 0 }, one], start);
});

test('only what waits here is queued, once, and in the order in which it is due', async (t) => {
  const { store } = await opened(t);
  let told = 0;
  store.pulls.subscribe(() => told++);
  t.is(await store.pulls.ask(alice, first, start), 'unknown');
  await admit(store, [first, second]);
  t.is(
    await store.pulls.ask(alice, { ...first, sender: 'gamma.test' }, start),
    'unknown',
    'of another sender',
  );
  t.is(await store.pulls.ask(alice, first, start + 20), 'waiting');
  t.is(await store.pulls.ask(alice, second, start + 10), 'waiting');
  t.is(await store.pulls.ask(alice, second, start), 'waiting', 'it stays as it is');
  t.is(told, 3);
  t.is(await store.pulls.nextDue(), start + 10);
  t.deepEqual(await store.pulls.due(start, 10), []);
  const due = await store.pulls.due(start + 20, 10);
  t.deepEqual(
    due.map(({ messageId }) => messageId[0]),
    [12, 11],
  );
  t.like(due[1], { ...first, domain, user: alice.user, attempt: 0, expires: start + day, sizeClass: 19 });
  await store.pulls.postpone(due.slice(0, 1).map(({ key }) => ({ key, attempt: 1, due: start + 99 })));
  await store.pulls.giveUp(due[1] as QueuedPull);
  t.is(await store.pulls.nextDue(), start + 99);
  await store.pulls.postpone([{ key: (due[1] as QueuedPull).key, attempt: 1, due: start }]);
  t.is(await store.pulls.nextDue(), start + 99, 'what ended is not queued again by being put off');
});

test('a user has so many messages that wait to be pulled', async (t) => {
  const { store } = await opened(t);
  const idOf = (n: number) => sha256(new Uint8Array([n & 255, n >> 8]));
  const many = Array.from({ length: maxQueued + 1 }, (_, n) => ({ ...first, messageId: idOf(n) }));
  await Promise.all(many.map((known) => admit(store, [known])));
  await Promise.all(many.slice(0, maxQueued).map((known) => store.pulls.ask(alice, known, start)));
  const last = many[maxQueued] as Known;
  await t.throwsAsync(store.pulls.ask(alice, last, start), { code: 'quota_exceeded' });
  t.is(await store.pulls.ask(bob, last, start), 'waiting');
});

test('a copy is read back as it came, outlives its ref, and counts apart from what the user has', async (t) => {
  const { store, clock, reopen } = await opened(t);
  await admit(store, [first, second]);
  t.true(await pulled(store, first));
  t.is(await store.pulls.ask(alice, first, start), 'pulled');
  t.is(await store.pulls.nextDue(), undefined);
  const again = await reopen();
  const copy = await again.copies.get({ domain, ...first });
  t.like(copy, { header, envelope, expires: start + 30 * day });
  sameBytes(t, copy && (await collected(again.blobs.read(copy.payload, 0, copy.payload.size))), payload);
  t.is(await again.copies.used(alice), payload.length + header.length + envelope.length);
  t.is(await again.copies.used(bob), 0);
  t.is((await again.transit.usage(domain, alice.user)).bytes, 0);
  t.like(await again.stats(), { pulled: 1, bytes: 0 });
  t.deepEqual(
    (await polled(again, start)).map((blind) => blind ?? 0).toSorted((a, b) => a - b),
    [0, start + 30 * day],
  );
  clock.advance(2 * day);
  await again.pending.expire(start + 2 * day, 100);
  t.deepEqual(await polled(again, start + 2 * day), [start + 30 * day], 'the ref without a copy is gone');
  await admit(again, [first], undefined, start + 2 * day);
  t.deepEqual(await polled(again, start + 2 * day), [start + 30 * day], 'a repetition changes nothing');
});

for (const [how, end] of [
  [
    'it is done with',
    async (store: Store) => void (await store.pending.done(domain, filled(1), [filled(11)])),
  ],
  ['it is retracted', (store: Store) => admit(store, [first], { retraction: true })],
  ['its time is over', async (store: Store) => void (await store.copies.expire(start + 30 * day, 10))],
  ['its ref is removed', async (store: Store) => void (await store.pending.expire(start + 31 * day, 10))],
] as const)
  test(`a copy goes, with its bytes, when ${how}`, async (t) => {
    const { store, dir } = await opened(t);
    await admit(store, [first, second]);
    await pulled(store, first);
    await end(store);
    t.is(await store.copies.get({ domain, ...first }), undefined);
    t.is(await store.copies.used(alice), 0);
    t.is((await store.stats()).pulled, 0);
    t.true((await store.blobs.sweep(100)) > 0);
    await store.close();
    t.deepEqual((await checkStore({ dir, payloads: true })).findings, []);
  });

for (const [how, end] of [
  ['done with', async (store: Store) => void (await store.pending.done(domain, filled(1), [filled(11)]))],
  ['retracted', (store: Store) => admit(store, [first], { retraction: true })],
  ['given up', async (store: Store) => await store.pulls.giveUp(await queued(store, first))],
] as const)
  test(`a message that is ${how} while it is pulled is not kept, and leaves nothing`, async (t) => {
    const { store, dir } = await opened(t);
    await admit(store, [first]);
    const pull = await queued(store, first);
    await store.copies.open(pull, payload.length, limits);
    await store.uploads.write(alice, pull.upload, 0, pieces(payload));
    await end(store);
    t.is(await store.pulls.nextDue(), undefined);
    await t.throwsAsync(store.copies.keep(pull, copyOf(), limits), { code: 'payload_mismatch' });
    t.is(await store.copies.used(alice), 0);
    await store.close();
    t.deepEqual((await checkStore({ dir, payloads: true })).findings, []);
  });

test('another hash, or less than all, is not kept; what came goes', async (t) => {
  const { store } = await opened(t);
  await admit(store, [first]);
  const pull = await queued(store, first);
  t.is(await store.copies.open(pull, payload.length, limits), 0);
  await store.uploads.write(alice, pull.upload, 0, pieces(payload.subarray(0, 100_000)));
  t.is(await store.copies.open(pull, payload.length, limits), 100_000, 'found again');
  await t.throwsAsync(store.copies.open(pull, 5000, limits), { code: 'conflict' });
  await t.throwsAsync(store.copies.keep(pull, copyOf(), limits), { code: 'payload_mismatch' });
  t.is(await store.copies.used(alice), 0);
  await store.copies.open(pull, payload.length, limits);
  await store.uploads.write(alice, pull.upload, 0, pieces(payload));
  await t.throwsAsync(store.copies.keep(pull, copyOf({ hash: filled(1) }), limits), {
    code: 'payload_mismatch',
  });
  t.is(await store.copies.used(alice), 0);
});

test('copies have limits of their own, for a user and for the domain', async (t) => {
  const { store } = await opened(t);
  await admit(store, [first, second]);
  const [one, two] = [await queued(store, first), await queued(store, second, bob)];
  const tight = { userBytes: payload.length - 1, domainBytes: 1e6 };
  await t.throwsAsync(store.copies.open(one, payload.length, tight), { code: 'quota_exceeded' });
  const shared = { userBytes: 1e6, domainBytes: payload.length + 10_000 };
  await store.copies.open(one, payload.length, shared);
  t.is(await store.copies.used(alice), 0, 'room is taken as it comes');
  await store.copies.count(one, payload.length, shared);
  await t.throwsAsync(store.copies.open(two, payload.length, shared), { code: 'quota_exceeded' });
  t.is(await store.copies.used(alice), payload.length);
  t.is(await store.copies.used(bob), 0);
  // Somebody else was faster meanwhile.
  await t.throwsAsync(store.copies.count(two, 1, shared), { code: 'not_found' });
  await store.copies.rest(one);
  await store.copies.open(one, payload.length, shared);
  await store.copies.open(two, payload.length, shared);
  await store.copies.count(two, payload.length, shared);
  await t.throwsAsync(store.copies.count(one, payload.length, shared), { code: 'quota_exceeded' });
});

test('between two attempts only what came of a copy counts, and it goes on from there', async (t) => {
  const { store, dir } = await opened(t);
  await admit(store, [first]);
  const pull = await queued(store, first);
  await store.copies.open(pull, payload.length, limits);
  await store.copies.count(pull, payload.length, limits);
  await store.uploads.write(alice, pull.upload, 0, pieces(payload.subarray(0, 1)));
  t.is(await store.copies.used(alice), payload.length);
  await store.copies.rest(pull);
  t.is(await store.copies.used(alice), 1);
  t.is(await store.copies.open(pull, payload.length, limits), 1);
  await store.copies.rest(pull);
  await store.close();
  t.deepEqual((await checkStore({ dir, payloads: true })).findings, []);
});

test('what is pulled of a domain in a day counts on after a restart, drains, and is forgotten', async (t) => {
  const { store, reopen } = await opened(t);
  const limit = { messages: 2, bytes: 86_400 };
  const take = (of: Store, messages: number, bytes: number, now = start) =>
    of.pulls.take('a.test', { messages, bytes }, limit, now);
  t.true(await take(store, 1, 80_000));
  t.false(await take(store, 0, 6401), 'and it costs nothing');
  t.true(await store.pulls.take('b.test', { messages: 2, bytes: 86_400 }, limit, start), 'another one');
  const again = await reopen();
  t.true(await take(again, 1, 6400));
  t.false(await take(again, 1, 0));
  t.false(await take(again, 0, 1, start - 5), 'a clock that went back');
  t.true(await take(again, 0, 10, start + 10));
  t.false(await take(again, 0, 1, start + 10));
  t.is(await again.pulls.expire(start + 86_399, 10), 0);
  t.is(await again.pulls.expire(start + 2 * 86_400, 10), 2);
});

test('what is pulled goes with its user, and that of others stays', async (t) => {
  const { store, dir } = await opened(t);
  const refs = [first, second, { ...first, messageId: filled(13) }];
  await admit(store, refs);
  await pulled(store, first);
  await pulled(store, second, bob);
  await queued(store, refs[2] as Known);
  await store.pulls.set(alice, [{ recipientHash: filled(1), until: start + 10 }], start);
  const invitation = { addressHash: alice.user, local: 'alice', tokenHash: filled(9), expires: start + 9 };
  await store.domains.add(domain);
  await store.users.invite(domain, invitation);
  await store.users.enroll(domain, alice.user, {
    tokenHash: filled(9),
    device: filled(5),
    record: filled(6, 300),
    now: start,
  });
  await store.users.remove(domain, alice.user);
  t.is(await store.copies.used(alice), 0);
  t.true((await store.copies.used(bob)) > 0);
  t.is(await store.pulls.nextDue(), undefined);
  t.is(store.pulls.userOf(domain, filled(1), start), undefined);
  t.is((await polled(store, start)).length, 3, 'the refs wait on');
  await store.close();
  t.deepEqual((await checkStore({ dir, payloads: true })).findings, []);
});

/** A store with rows in each table of this file, closed. */
async function full(t: ExecutionContext): Promise<string> {
  const { store, dir } = await opened(t);
  await admit(store, [first, second]);
  await pulled(store, first);
  await queued(store, second);
  await store.pulls.set(alice, [{ recipientHash: filled(1), until: start + 10 }], start);
  await store.pulls.take('a.test', { messages: 1, bytes: 1 }, { messages: 9, bytes: 9 }, start);
  await store.close();
  return dir;
}

async function findingsAfter(t: ExecutionContext, tamper: (engine: Engine) => void) {
  const dir = await full(t);
  const engine = openEngine({ dir: join(dir, 'tables'), mapSize: 2 ** 30, onFailure: () => t.fail() });
  await engine.write(() => tamper(engine));
  await engine.close();
  const { findings } = await checkStore({ dir, payloads: false });
  return [...new Set(findings.map(({ table }) => table))].toSorted();
}

const lost: readonly (readonly [lost: string, found: readonly string[]])[] = [
  ['blind', ['blind_by_end', 'blind_by_owner', 'blobs', 'pending', 'pulled_usage']],
  ['blind_by_end', ['blind']],
  ['blind_by_owner', ['blind']],
  ['pulled_usage', ['pulled_usage']],
  ['pull_queue', ['pull_by_owner', 'pull_due']],
  ['pull_due', ['pull_queue']],
  ['pull_by_owner', ['pull_queue']],
  ['blobs', ['blobs', 'pulled_usage']],
];
for (const [table, found] of lost)
  test(`a row lost from ${table} is found`, async (t) => {
    const findings = await findingsAfter(t, (engine) => {
      const rows = engine.table(table, rawCodec);
      rows.remove(rows.keys({ limit: 1 })[0] as Uint8Array);
    });
    t.deepEqual(findings, found);
  });

const ref = joined(name(domain), filled(7), filled(7));
const listed = joined(name(domain), filled(7), filled(7), filled(7));
const strays: readonly (readonly [table: string, key: Uint8Array])[] = [
  ['pulls', filled(7)],
  ['pull_rates', filled(7)],
  ['pull_queue', ref],
  ['pull_due', joined(ordered(start), ref)],
  ['pull_by_owner', listed],
  ['blind', ref],
  ['blind_by_end', joined(ordered(start), ref)],
  ['blind_by_owner', listed],
  ['pulled_usage', name('gamma.test')],
];
for (const [table, key] of strays)
  test(`a row of ${table} that belongs to nothing is found`, async (t) => {
    const findings = await findingsAfter(t, (engine) => {
      const rows = engine.table(table, rawCodec);
      rows.put(key, rows.range({ limit: 1 })[0]?.value as Uint8Array);
    });
    t.true(findings.includes(table));
  });

for (const table of ['pulls', 'pull_rates', 'pull_queue', 'blind', 'pulled_usage'])
  test(`a row of ${table} that cannot be read is found`, async (t) => {
    const findings = await findingsAfter(t, (engine) => {
      const rows = engine.table(table, rawCodec);
      rows.put(rows.keys({ limit: 1 })[0] as Uint8Array, new Uint8Array([0xff, 0]));
    });
    t.true(findings.includes(table));
  });
