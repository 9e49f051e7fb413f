import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { exportOperations } from '../../src/admin/user-export.ts';
import { access } from '../account/access.ts';
import { alpha, ann, amy } from '../account/fixture.ts';
import { opened, pieces, random, sent, sha256, start, temporaryDir, uploaded } from '../store/fixture.ts';
import { rejected } from '../support/identities.ts';

interface Exported {
  readonly address: string;
  readonly record: string;
  readonly devices: readonly { readonly kind: string; readonly device: string }[];
  readonly aliases: readonly { readonly address: string }[];
  readonly state: { readonly file: string; readonly size: number; readonly sha256: string };
  readonly kept: readonly { readonly file: string; readonly name: string; readonly sha256: string }[];
  readonly sent: readonly {
    readonly state: string;
    readonly destination: string;
    readonly payload?: { readonly file: string; readonly sha256: string };
    readonly header?: { readonly file: string; readonly size: number };
  }[];
}

const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');

test('all that is here about a user is written, and nothing of others', async (t) => {
  const { store, clock } = await opened(t);
  const { enrolled } = access(store, clock, [alpha]);
  const device = await enrolled(ann);
  await enrolled(amy);
  const owner = { domain: 'alpha.test', user: ann.verified.addressHash };
  const other = { domain: 'alpha.test', user: amy.verified.addressHash };
  const state = random(300_000);
  await store.states.put(owner, { size: state.length, hash: sha256(state), bytes: pieces(state) });
  const keptBytes = random(5000);
  for (const one of [owner, other]) {
    const upload = await uploaded(store, one, keptBytes);
    await store.kept.keep(one, { name: random(32), upload, hash: sha256(keptBytes), expires: start + 99 });
  }
  await store.aliases.add('alpha.test', { addressHash: random(32), local: 'a.nn', user: owner.user });
  const waiting = await sent(store, owner);
  const ended = await sent(store, owner);
  await store.transit.retract(owner, ended.idHash, start);
  await sent(store, other);

  const directory = join(temporaryDir(t), 'export');
  const { exportUser } = exportOperations({ store });
  const made = await exportUser('ANN@alpha.test', directory);
  t.like(made, { address: ann.address, directory, files: 6 });
  const text = await readFile(join(directory, 'user.json'), 'utf8');
  const user = JSON.parse(text) as Exported;
  t.like(user, { address: ann.address, record: b64(ann.inner), aliases: [{ address: 'a.nn@alpha.test' }] });
  t.deepEqual(
    user.devices.map((one) => one.device),
    [b64(device.publicKey)],
  );
  t.deepEqual(user.sent.map((one) => one.state).toSorted(), ['stored', 'withdrawn']);
  const stored = user.sent.find((one) => one.payload !== undefined)!;
  t.is(stored.header?.size, 4096);
  t.is(user.kept.length, 1);
  const described = [user.state, ...user.kept, stored.payload!];
  t.deepEqual(
    described.map((one) => one.sha256),
    [state, keptBytes, waiting.payload].map((bytes) => b64(sha256(bytes))),
  );
  for (const { file, sha256: hash } of described) {
    const content = await readFile(join(directory, file));
    t.is(createHash('sha256').update(content).digest('base64url'), hash, file);
  }
  t.is((await readdir(directory)).length, 6);
  t.is((await stat(directory)).mode & 0o777, 0o700);
  for (const file of await readdir(directory))
    t.is((await stat(join(directory, file))).mode & 0o777, 0o600, file);
  t.false(text.includes(amy.address));
});

test('nothing is written over, and nothing half is left', async (t) => {
  const { store, clock } = await opened(t);
  await access(store, clock, [alpha]).enrolled(ann);
  const { exportUser } = exportOperations({ store });
  const dir = temporaryDir(t);
  t.is(await rejected(exportUser('amy@alpha.test', join(dir, 'a'))), 'not_found');
  t.is(await rejected(exportUser(ann.address, 'relative')), 'request_invalid');
  t.is(await rejected(exportUser(ann.address, dir)), 'exists');
  t.is(await rejected(exportUser(ann.address, join(dir, 'no', 'where'))), 'storage_failed');
  const broken = {
    ...store,
    aliases: { ...store.aliases, of: () => Promise.reject(new Error('broken')) },
  };
  const operations = exportOperations({ store: broken });
  await t.throwsAsync(operations.exportUser(ann.address, join(dir, 'b')), { message: 'broken' });
  t.false(existsSync(join(dir, 'b')));
  await mkdir(join(dir, 'c'));
  t.is(await rejected(exportUser(ann.address, join(dir, 'c'))), 'exists');
  await exportUser(ann.address, join(dir, 'd'));
  t.deepEqual(await readdir(join(dir, 'd')), ['user.json']);
});
