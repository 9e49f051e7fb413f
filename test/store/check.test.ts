/** Every way for a store to contradict itself is found, and named; a sound one has no findings. */
import { mkdtempSync, rmSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { allTold } from '../../src/store/api/mail-queue.ts';
import { checkStore, type CheckResult } from '../../src/store/check.ts';
import { openEngine, rawCodec, type Engine } from '../../src/store/engine.ts';
import { joined, name, ordered } from '../../src/store/keys.ts';
import { openStore } from '../../src/store/store.ts';
import { joinIntroduction } from '../../src/wire/notification.ts';
import {
  alice,
  bob,
  filled,
  newMessage,
  opened,
  pieces,
  queuedMail,
  random,
  sent,
  sentWhole,
  sha256,
  start,
  temporaryDir,
  uploaded,
} from './fixture.ts';
import { testClock } from '../support/clock.ts';

const introduction = joinIntroduction({ type: 0, bucket: 0, sealed: random(176) });

// Each store takes a terabyte of addresses, twice over while it is checked: all of them at once find no place for the last.
const turns = { free: 24, waiting: [] as (() => void)[] };
test.beforeEach(async () => {
  if (turns.free-- <= 0) await new Promise<void>((resolve) => turns.waiting.push(resolve));
});
test.afterEach.always(() => {
  turns.free++;
  turns.waiting.shift()?.();
});

/** Made once, and copied by each test. */
const template = mkdtempSync(join(tmpdir(), 'beckon-store-full-'));
test.before(() => fill(template));
test.after.always(() => rmSync(template, { recursive: true, force: true }));

/** A store with rows in every table, closed. */
async function full(t: ExecutionContext): Promise<string> {
  const dir = temporaryDir(t);
  await cp(template, dir, { recursive: true });
  return dir;
}

async function fill(dir: string): Promise<void> {
  const clock = testClock(start);
  const fail = (error: unknown): never => {
    throw new Error('the disk failed', { cause: error });
  };
  const store = await openStore({ dir, clock, onFailure: fail });
  await store.domains.add('alpha.test');
  await store.domains.publish('alpha.test', { serial: start, record: filled(1, 300) });
  const addressHash = filled(3);
  await store.users.invite('alpha.test', {
    addressHash,
    local: 'bob',
    tokenHash: filled(9),
    expires: start + 9,
  });
  const enrolment = { tokenHash: filled(9), device: filled(5), record: filled(6, 300), now: start };
  await store.users.enroll('alpha.test', addressHash, enrolment);
  await store.pending.admit({
    domain: 'alpha.test',
    sender: 'beta.test',
    now: start,
    quota: { key: 'beta.test', refs: 100 },
    introductionsPerHour: 100,
    refs: [
      {
        recipientHash: filled(1),
        messageId: random(32),
        expires: start + 1000,
        sizeClass: 12,
        labels: { introduction },
      },
      { recipientHash: filled(1), messageId: random(32), expires: start + 1000, sizeClass: 12 },
    ],
  });
  const preference = { recipientHash: filled(1), counter: start, ignore: true, until: start + 9999 };
  await store.preferences.set('alpha.test', [preference], start);
  await sent(store);
  const shared = [newMessage({ received: true }), newMessage()];
  await store.transit.reserve(
    bob,
    shared.map(({ id }) => id),
    start + 3600,
  );
  const payload = random(600_000);
  const upload = await uploaded(store, bob, payload);
  await store.transit.commit(bob, { upload, hash: sha256(payload), messages: shared });
  const ended = await sent(store, bob);
  await store.transit.retract(bob, ended.idHash, clock.seconds());
  await sentWhole(store, alice);
  await store.transit.retract(bob, (await sentWhole(store, bob)).idHash, clock.seconds());
  await store.transit.reserve(alice, [random(32)], start + 3600);
  await uploaded(store, alice, random(300_000));
  const state = random(5000);
  await store.states.put(alice, { size: 5000, hash: sha256(state), bytes: pieces(state) });
  const kept = { name: filled(1), upload: await uploaded(store, alice, state), expires: start + 999 };
  await store.kept.keep(alice, { ...kept, hash: sha256(state) });
  await store.cards.put(alice, { id: filled(1, 16), sealed: filled(2, 4168), expires: start + 999 });
  await queuedMail(store, { id: filled(1, 10) });
  const dead = await queuedMail(store, { id: filled(2, 10) });
  const failed = new Map([[0, { state: 'failed', told: allTold } as const]]);
  await store.mailQueue.note(alice, dead.id, failed, start);
  const holder = { domain: 'alpha.test', user: addressHash };
  const gateway = { device: filled(4), sealed: filled(6), name: '', by: filled(5), now: start };
  await store.gateways.put(holder, { kind: 'push', ...gateway });
  await store.gateways.setMark(holder, filled(1, 16), 'appended', start + 999);
  await store.blobs.sweep(1000);
  await store.close();
}

async function tampered(
  t: ExecutionContext,
  dir: string,
  folder: 'tables' | 'blobs',
  tamper: (engine: Engine) => void,
) {
  const engine = openEngine({
    dir: join(dir, folder),
    mapSize: 2 ** 30,
    onFailure: (error) => t.fail(String(error)),
  });
  await engine.write(() => tamper(engine));
  await engine.close();
}

function tablesOf({ findings }: CheckResult): readonly string[] {
  return [...new Set(findings.map(({ table }) => table))].sort();
}

/** The first row of a table is gone. */
function remove(table: string): (engine: Engine) => void {
  return (engine) => {
    const rows = engine.table(table, rawCodec);
    rows.remove(rows.keys({ limit: 1 })[0] as Uint8Array);
  };
}

/** A row appears that belongs to nothing. */
function add(table: string, key: Uint8Array): (engine: Engine) => void {
  return (engine) => {
    const [row] = engine.table(table, rawCodec).range({ limit: 1 });
    engine.table(table, rawCodec).put(key, row?.value ?? new Uint8Array(1));
  };
}

function garble(table: string): (engine: Engine) => void {
  return (engine) => {
    const rows = engine.table(table, rawCodec);
    rows.put(rows.keys({ limit: 1 })[0] as Uint8Array, new Uint8Array([0xff, 0]));
  };
}

test('a store that is sound has no findings, open uploads and ended messages included', async (t) => {
  const dir = await full(t);
  const result = await checkStore({ dir, payloads: true });
  t.deepEqual(result.findings, []);
  t.is(result.total, 0);
  t.is(result.bytes, 4096 + 600_000 + 300_000 + 5 * 5000);
  t.true(result.rows > 30);
});

const lost: readonly (readonly [lost: string, found: readonly string[]])[] = [
  ['states', ['aside', 'blobs']],
  ['kept', ['aside', 'blobs', 'kept_by_end']],
  ['kept_by_end', ['kept']],
  ['mail_queue', ['blobs', 'mail_schedule', 'usage']],
  ['mail_schedule', ['mail_queue']],
  ['mail_ends', ['mail_queue']],
  ['cards', ['cards_by_end', 'cards_by_owner']],
  ['cards_by_owner', ['cards']],
  ['cards_by_end', ['cards']],
  ['push_marks', ['push_marks_by_end']],
  ['push_marks_by_end', ['push_marks']],
  ['transit_copies', ['transit']],
  ['transit_by_owner', ['transit', 'transit_by_owner']],
  ['transit_by_handle', ['transit', 'transit_by_handle']],
  ['transit_wakes', ['transit', 'transit_wakes']],
  ['transit_waiting', ['transit', 'transit_waiting']],
  ['outbox_schedule', ['outbox']],
  ['blobs', ['blobs', 'usage']],
  ['uploads', ['blobs']],
  ['usage', ['usage']],
  ['received_usage', ['received_usage']],
  ['pending', ['pending_counts']],
  ['pending_counts', ['pending_counts']],
  ['feed_sequences', ['feed']],
  ['domains', ['users']],
  ['users', ['devices', 'gateways']],
  ['devices', ['users']],
];
for (const [table, found] of lost)
  test(`a row lost from ${table} is found`, async (t) => {
    const dir = await full(t);
    await tampered(t, dir, 'tables', remove(table));
    t.deepEqual(tablesOf(await checkStore({ dir, payloads: false })), [...found].sort());
  });

const strays: readonly (readonly [table: string, key: Uint8Array])[] = [
  ['transit_copies', filled(7)],
  ['transit_by_owner', filled(7)],
  ['transit_by_handle', filled(7, 10)],
  ['transit_wakes', joined(ordered(start), filled(7))],
  ['transit_waiting', joined(ordered(start), filled(7))],
  ['outbox', filled(7)],
  ['outbox_schedule', joined(ordered(start), filled(7))],
  ['mail_schedule', joined(ordered(start), name('alpha.test'), filled(7), filled(7, 10))],
  ['mail_ends', joined(ordered(start), name('alpha.test'), filled(7), filled(7, 10))],
  ['blobs', filled(7, 16)],
  ['small_payloads', filled(7, 16)],
  ['usage', name('gamma.test')],
  ['received_usage', name('gamma.test')],
  ['cards', joined(name('alpha.test'), filled(7, 16))],
  ['cards_by_owner', joined(name('alpha.test'), filled(7), filled(7, 16))],
  ['cards_by_end', joined(ordered(start), name('alpha.test'), filled(7, 16))],
  ['gateways', joined(name('alpha.test'), filled(7), filled(2, 1))],
  ['push_marks', joined(name('alpha.test'), filled(7), filled(7, 16))],
  ['push_marks_by_end', joined(ordered(start), name('alpha.test'), filled(7), filled(7, 16))],
  ['pending', joined(name('alpha.test'), filled(7), filled(7))],
  ['pending_counts', name('gamma.test')],
  ['feed', joined(name('gamma.test'), ordered(1))],
  ['preferences', filled(7)],
  ['domains', name('gamma.test')],
  ['users', joined(name('alpha.test'), filled(7))],
  ['devices', filled(7)],
];
for (const [table, key] of strays)
  test(`a row of ${table} that belongs to nothing is found`, async (t) => {
    const dir = await full(t);
    await tampered(t, dir, 'tables', add(table, key));
    t.true(tablesOf(await checkStore({ dir, payloads: false })).includes(table));
  });

const readable = [
  'transit',
  'transit_copies',
  'outbox',
  'blobs',
  'uploads',
  'usage',
  'received_usage',
  'aside',
  'pending',
  'pending_counts',
  'preferences',
  'feed',
  'cards',
  'gateways',
  'push_marks',
];
for (const table of [...readable, 'domains', 'published', 'users', 'devices'])
  test(`a row of ${table} that cannot be read is found, and the others are still checked`, async (t) => {
    const dir = await full(t);
    await tampered(t, dir, 'tables', garble(table));
    const { findings } = await checkStore({ dir, payloads: true });
    t.is(findings.filter((one) => one.table === table && one.problem === 'cannot be read').length, 1);
  });

test('a payload that lost a chunk, or is another, is found where payloads are read', async (t) => {
  for (const change of [remove('chunks'), garble('chunks')]) {
    const dir = await full(t);
    await tampered(t, dir, 'blobs', change);
    t.deepEqual((await checkStore({ dir, payloads: false })).findings, []);
    t.deepEqual(tablesOf(await checkStore({ dir, payloads: true })), ['chunks']);
  }
  const dir = await full(t);
  await tampered(t, dir, 'blobs', (engine) => {
    const chunks = engine.table('chunks', rawCodec);
    for (const { key, value } of chunks.range({ limit: 99 }))
      chunks.put(
        key,
        value.map((byte) => byte ^ 1),
      );
  });
  const { findings } = await checkStore({ dir, payloads: true });
  // Of an upload that is not complete nobody knows the hash.
  t.deepEqual(
    findings.map(({ problem }) => problem),
    Array(6).fill('is not what was stored: its hash is another'),
  );
});

test('a payload beside the rows that is lost, cut or another is found', async (t) => {
  const found: string[] = [];
  const changes: readonly ((payload: Uint8Array) => Uint8Array | undefined)[] = [
    () => undefined,
    (payload) => payload.subarray(1),
    (payload) => payload.map((byte) => byte ^ 1),
  ];
  for (const change of changes) {
    const dir = await full(t);
    await tampered(t, dir, 'tables', (engine) => {
      const payloads = engine.table('small_payloads', rawCodec);
      const [row] = payloads.range({ limit: 9 });
      const changed = row && change(row.value);
      if (changed !== undefined && row !== undefined) payloads.put(row.key, changed);
      else if (row !== undefined) payloads.remove(row.key);
    });
    const { findings } = await checkStore({ dir, payloads: true });
    found.push(findings.map(({ table, problem }) => `${table}: ${problem}`).join('; '));
  }
  const missing = 'chunks: bytes from 0 on are missing';
  t.deepEqual(found, [
    missing,
    `small_payloads: has another size than its blob; ${missing}`,
    'chunks: is not what was stored: its hash is another',
  ]);
});

test('a store that a daemon has open is left alone, and so is what is none', async (t) => {
  const { dir } = await opened(t);
  await t.throwsAsync(checkStore({ dir, payloads: false }), { code: 'state_locked' });
  await t.throwsAsync(checkStore({ dir: join(dir, 'nothing'), payloads: false }), { code: 'not_found' });
});

test('a backup made while the store is open can be checked where it is', async (t) => {
  const { store, dir } = await opened(t);
  await sent(store);
  const copy = join(dir, 'copy');
  await store.backup(copy);
  t.deepEqual((await checkStore({ dir: copy, payloads: true })).findings, []);
});
