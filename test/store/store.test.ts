import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { checkStore } from '../../src/store/check.ts';
import { openEngine, rawCodec, schemaCodec, type Engine, type Table } from '../../src/store/engine.ts';
import { openStore } from '../../src/store/store.ts';
import { schemaVersion } from '../../src/store/version.ts';
import { field, record, uint } from '../../src/wire/schema.ts';
import { testClock } from '../support/clock.ts';
import { alice, collected, filled, opened, sent, sha256, start, temporaryDir } from './fixture.ts';

const run = promisify(execFile);
const onFailure = () => {};

test('a second open of the same directory is refused, until the first closes', async (t) => {
  const { dir, store } = await opened(t);
  const again = () => openStore({ dir, clock: testClock(), onFailure });
  await t.throwsAsync(again(), { code: 'state_locked' });
  await store.close();
  await (await again()).close();
});

test('another process is refused, too', async (t) => {
  const { dir } = await opened(t);
  const { stdout } = await run(process.execPath, [join(import.meta.dirname, 'open-once.ts'), dir]);
  t.is(stdout.trim(), 'state_locked');
});

test('a directory that cannot be used is storage_failed', async (t) => {
  const dir = temporaryDir(t);
  writeFileSync(join(dir, 'file'), '');
  mkdirSync(join(dir, 'store', 'lock'), { recursive: true });
  for (const place of ['file/store', 'store'])
    await t.throwsAsync(openStore({ dir: join(dir, place), clock: testClock(), onFailure }), {
      code: 'storage_failed',
    });
});

test('a store of a newer version does not open', async (t) => {
  const { dir, store } = await opened(t);
  await store.close();
  const tables = openEngine({ dir: join(dir, 'tables'), mapSize: 2 ** 30, onFailure });
  const meta = tables.table('meta', schemaCodec(record('meta', { version: field(1, uint()) })));
  const [row] = meta.keys({ limit: 1 });
  await tables.write(() => meta.put(row as Uint8Array, { version: schemaVersion + 1 }));
  await tables.close();
  const again = openStore({ dir, clock: testClock(), onFailure });
  const error = await t.throwsAsync(again, { code: 'state_invalid' });
  t.regex(error?.message ?? '', /newer program/);
});

test('directories are 0700 and files 0600', async (t) => {
  const dir = join(temporaryDir(t), 'made', 'here');
  const store = await openStore({ dir, clock: testClock(), onFailure });
  await store.close();
  for (const path of ['', 'tables', 'blobs']) t.is(statSync(join(dir, path)).mode & 0o777, 0o700, path);
  for (const path of ['lock', 'tables/data.mdb', 'blobs/data.mdb'])
    t.is(statSync(join(dir, path)).mode & 0o777, 0o600, path);
});

test('everything is there after closing and opening', async (t) => {
  const first = await opened(t);
  const { idHash, payload, message } = await sent(first.store);
  const store = await first.reopen();
  const live = await store.transit.read(idHash);
  t.deepEqual(live?.header, message.header);
  t.deepEqual(live && (await collected(store.blobs.read(live.blob, 0, live.blob.size))), payload);
});

test('stats count what waits', async (t) => {
  const { store, clock } = await opened(t);
  t.deepEqual(await store.stats(), {
    messages: 0,
    bytes: 0,
    asideBytes: 0,
    hasRoom: true,
    kept: 0,
    pulled: 0,
    pulledBytes: 0,
    mailQueue: 0,
    outbox: 0,
    pending: 0,
    feed: 0,
    domains: 0,
    users: 0,
  });
  await sent(store, alice, { destination: 'gamma.test' });
  clock.advance(60);
  const { message } = await sent(store, alice);
  const stats = await store.stats();
  t.is(stats.messages, 2);
  t.is(stats.outbox, 2);
  t.is(stats.bytes, 2 * (4096 + message.header.length + message.envelope.length));
  t.deepEqual(stats.oldest, { created: start, destination: 'gamma.test' });
});

test('a backup opens as a store of its own', async (t) => {
  const { store } = await opened(t);
  const { idHash, payload } = await sent(store);
  const dir = join(temporaryDir(t), 'backup');
  await store.backup(dir);
  t.true(existsSync(join(dir, 'tables', 'data.mdb')));
  const copy = await openStore({ dir, clock: testClock(start), onFailure });
  t.teardown(() => copy.close());
  const live = await copy.transit.read(idHash);
  t.deepEqual(live && (await collected(copy.blobs.read(live.blob, 0, live.blob.size))), payload);
});

test('after closing nothing is read or written', async (t) => {
  const { store } = await opened(t);
  await store.close();
  await t.throwsAsync(store.directory.put('a', new Uint8Array(1)), { code: 'unavailable' });
  await t.throwsAsync(store.directory.get('a'), { code: 'unavailable' });
  await t.throwsAsync(store.stats(), { code: 'unavailable' });
  await t.notThrowsAsync(store.close());
});

/** What a program of an older format wrote, byte for byte: its tables with their rows. */
interface Saved {
  readonly [folder: string]: { readonly [table: string]: readonly (readonly [key: string, value: string])[] };
}

async function restored(t: ExecutionContext, saved: Saved): Promise<string> {
  const dir = temporaryDir(t);
  const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));
  for (const [folder, tables] of Object.entries(saved)) {
    const engine = openEngine({ dir: join(dir, folder), mapSize: 2 ** 30, onFailure });
    for (const [name, rows] of Object.entries(tables)) {
      const table = engine.table(name, rawCodec);
      await engine.write(() => rows.forEach(([key, value]) => table.put(bytes(key), bytes(value))));
    }
    await engine.close();
  }
  return dir;
}

function savedFormat(version: number): Saved {
  return JSON.parse(
    readFileSync(new URL(`./saved/format-${version}.json`, import.meta.url), 'utf8'),
  ) as Saved;
}

/** Its tables after `change`. */
async function changed(
  dir: string,
  change: (meta: Table<{ readonly version: number }>, engine: Engine) => void,
) {
  const engine = openEngine({ dir: join(dir, 'tables'), mapSize: 2 ** 30, onFailure });
  const meta = engine.table('meta', schemaCodec(record('meta', { version: field(1, uint()) })));
  await engine.write(() => change(meta, engine));
  const [row] = meta.range({ limit: 1 });
  await engine.close();
  return row?.value.version;
}

test('a store of format 1, as programs of then wrote it, opens with all that was in it, and is one of today', async (t) => {
  const dir = await restored(t, savedFormat(1));
  t.deepEqual((await checkStore({ dir, payloads: true })).findings, [], 'also before it is brought up');
  const store = await openStore({ dir, clock: testClock(start), onFailure });
  const live = await store.transit.read(sha256(filled(20)));
  const payload = new Uint8Array(5000).map((_, at) => at % 251);
  t.deepEqual(live && (await collected(store.blobs.read(live.blob, 0, 5000))), payload);
  t.is((await store.users.byDevice(filled(5)))?.local, 'alice');
  t.is((await store.states.get(alice))?.size, 5000);
  t.truthy(await store.kept.get(alice, filled(40)));
  t.deepEqual(await store.uploads.status(alice, filled(31, 16)), { size: 4096, received: 4096 });
  const polled = await store.pending.poll('alpha.test', filled(50), { limit: 9, now: start });
  t.deepEqual(
    polled.items.map(({ messageId }) => messageId),
    [filled(51)],
  );
  t.is((await store.feed.read('alpha.test', { limit: 9, now: start })).items.length, 1);
  t.is((await store.stats()).asideBytes, 5000 + 4096, 'which format 1 did not count');
  // And it works as any other.
  await sent(store);
  await store.close();
  t.deepEqual((await checkStore({ dir, payloads: true })).findings, []);
  t.is(await changed(dir, () => undefined), schemaVersion);
});

test('a store that was brought half way up goes on where it was', async (t) => {
  const dir = await restored(t, savedFormat(1));
  await (await openStore({ dir, clock: testClock(start), onFailure })).close();
  await changed(dir, (meta, engine) => {
    const [row] = meta.keys({ limit: 1 });
    meta.put(row as Uint8Array, { version: 1 });
    const aside = engine.table('aside', rawCodec);
    aside.keys({ limit: 1 }).forEach((key) => aside.remove(key));
  });
  const store = await openStore({ dir, clock: testClock(start), onFailure });
  t.is((await store.stats()).asideBytes, 5000 + 4096);
  await store.close();
  t.is(await changed(dir, () => undefined), schemaVersion);
});

test('a format that no program wrote does not open', async (t) => {
  const dir = await restored(t, savedFormat(1));
  await changed(dir, (meta) => meta.keys({ limit: 1 }).forEach((key) => meta.put(key, { version: 0 })));
  await t.throwsAsync(openStore({ dir, clock: testClock(start), onFailure }), { code: 'state_invalid' });
});
