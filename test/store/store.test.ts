import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { openEngine, schemaCodec } from '../../src/store/engine.ts';
import { openStore } from '../../src/store/store.ts';
import { schemaVersion } from '../../src/store/version.ts';
import { field, record, uint } from '../../src/wire/schema.ts';
import { testClock } from '../support/clock.ts';
import { alice, collected, opened, sent, start, temporaryDir } from './fixture.ts';

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
