import { statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { createWrites, openEngine, rawCodec, schemaCodec } from '../../src/store/engine.ts';
import { field, record, uint } from '../../src/wire/schema.ts';
import { filled, temporaryDir } from './fixture.ts';

const key = filled(7, 4);

function opened(t: Parameters<typeof temporaryDir>[0]) {
  const dir = temporaryDir(t);
  const engine = openEngine({ dir, mapSize: 2 ** 30, onFailure: () => t.fail('the disk failed') });
  t.teardown(() => engine.close());
  return { dir, engine };
}

test('a change that throws leaves nothing behind, and others go on', async (t) => {
  const { engine } = opened(t);
  const table = engine.table('a', rawCodec);
  const other = engine.write(() => table.put(filled(1, 4), filled(9)));
  const failing = engine.write(() => {
    table.put(key, filled(1));
    t.true(table.has(key), 'a change sees what it wrote');
    t.is(table.range({ limit: 10 }).length, 2);
    throw new Error('changed my mind');
  });
  await t.throwsAsync(failing, { message: 'changed my mind' });
  await other;
  t.false(table.has(key));
  t.is(table.count(), 1);
  await engine.write(() => table.put(key, filled(2)));
  t.deepEqual(new Uint8Array(table.get(key) ?? []), filled(2));
});

test('changes of one turn see each other in order', async (t) => {
  const { engine } = opened(t);
  const table = engine.table('n', schemaCodec(record('n', { n: field(1, uint()) })));
  const add = () =>
    engine.write(() => {
      const n = (table.get(key)?.n ?? 0) + 1;
      table.put(key, { n });
      return n;
    });
  t.deepEqual(await Promise.all([add(), add(), add()]), [1, 2, 3]);
});

test('a table changes inside a write only', async (t) => {
  const { engine } = opened(t);
  const table = engine.table('a', rawCodec);
  t.throws(() => table.put(key, key), { code: 'internal' });
  t.throws(() => table.remove(key), { code: 'internal' });
  await t.throwsAsync(
    engine.write(() => table.put(filled(1, 4000), key)),
    { code: 'internal' },
  );
});

test('ranges rise, end before `to`, and are bounded', async (t) => {
  const { engine } = opened(t);
  const table = engine.table('a', rawCodec);
  await engine.write(() => [3, 1, 2, 255, 0].forEach((n) => table.put(filled(n, 1), filled(n, 1))));
  const all = table.keys({ limit: 10 }).map(([n]) => n);
  t.deepEqual(all, [0, 1, 2, 3, 255]);
  const some = table.range({ from: filled(1, 1), to: filled(3, 1), limit: 10 });
  t.deepEqual(
    some.map(({ value }) => value[0]),
    [1, 2],
  );
  t.is(table.keys({ limit: 2 }).length, 2);
  t.deepEqual(table.lastKey(), filled(255, 1));
});

test('fields of a newer version stay in the row', async (t) => {
  const { engine } = opened(t);
  const newer = engine.table(
    'a',
    schemaCodec(record('row', { n: field(1, uint()), later: field(9, uint()) })),
  );
  await engine.write(() => newer.put(key, { n: 1, later: 5 }));
  const older = engine.table('a', schemaCodec(record('row', { n: field(1, uint()) })));
  await engine.write(() => older.put(key, { ...older.get(key), n: 2 }));
  t.deepEqual(newer.get(key), { n: 2, later: 5 });
});

test('a row that cannot be read is damage, not a protocol error', async (t) => {
  const { engine } = opened(t);
  const raw = engine.table('a', rawCodec);
  await engine.write(() => raw.put(key, filled(0xff, 3)));
  const table = engine.table('a', schemaCodec(record('row', { n: field(1, uint()) })));
  t.throws(() => table.get(key), { code: 'state_invalid' });
});

test('nobody else can read the files', (t) => {
  const { dir } = opened(t);
  t.is(statSync(dir).mode & 0o777, 0o700);
  t.is(statSync(join(dir, 'data.mdb')).mode & 0o777, 0o600);
  t.is(statSync(join(dir, 'lock.mdb')).mode & 0o777, 0o600);
});

test('the map grows beyond its first size', async (t) => {
  const engine = openEngine({ dir: temporaryDir(t), mapSize: 2 ** 20, onFailure: () => t.fail() });
  t.teardown(() => engine.close());
  const table = engine.table('a', rawCodec);
  await engine.write(() => {
    for (let n = 0; n < 64; n++) table.put(filled(n, 4), filled(n, 100_000));
  });
  t.is(table.get(filled(63, 4))?.length, 100_000);
});

// --- the rules of failure, over an engine that fails when told to ---

function failing(outcomes: ('ok' | 'fail')[]) {
  const failures: unknown[] = [];
  const writes = createWrites(
    async (change) => {
      const result = change();
      if (outcomes.shift() === 'fail') throw new Error('EIO');
      return result;
    },
    (error) => failures.push(error),
  );
  return { writes, failures };
}

test('a failed commit is reported once, and nothing is acknowledged afterwards', async (t) => {
  const { writes, failures } = failing(['ok', 'fail', 'ok']);
  t.is(await writes.write(() => 1), 1);
  await t.throwsAsync(
    writes.write(() => 2),
    { code: 'storage_failed' },
  );
  await t.throwsAsync(
    writes.write(() => 3),
    { code: 'storage_failed' },
  );
  t.is(failures.length, 1);
  t.is((failures[0] as Error).message, 'EIO');
});

test('a write that was on its way when another failed is not acknowledged either', async (t) => {
  const gates: (() => void)[] = [];
  const failures: unknown[] = [];
  const writes = createWrites(
    (change) =>
      new Promise((resolve, reject) => {
        const result = change();
        gates.push(() =>
          gates.length > 0 && result === ('bad' as unknown) ? reject(new Error('EIO')) : resolve(result),
        );
      }),
    (error) => failures.push(error),
  );
  const good = writes.write(() => 'good');
  const bad = writes.write(() => 'bad');
  gates[1]?.();
  await t.throwsAsync(bad, { code: 'storage_failed' });
  gates[0]?.();
  await t.throwsAsync(good, { code: 'storage_failed' });
  t.is(failures.length, 1);
});

test('a change that throws is no failure of the disk; an operation of the engine that throws is', async (t) => {
  const { writes, failures } = failing(['ok', 'ok']);
  await t.throwsAsync(
    writes.write(() => {
      throw new TypeError('mine');
    }),
    { message: 'mine' },
  );
  t.is(failures.length, 0);
  const full = writes.write(() =>
    writes.operate(() => {
      throw new Error('MDB_MAP_FULL');
    }),
  );
  await t.throwsAsync(full, { code: 'storage_failed' });
  t.is(failures.length, 1);
});

test('after the end nothing is written, and the end waits for what is on its way', async (t) => {
  const { writes } = failing(['ok']);
  const last = writes.write(() => 1);
  await writes.end();
  t.is(await last, 1);
  await t.throwsAsync(
    writes.write(() => 2),
    { code: 'unavailable' },
  );
});
