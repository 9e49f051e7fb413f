/** Backups: whole or not at all, checked before they are used, and nothing overwritten. */
import { existsSync, statSync } from 'node:fs';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createBackups, type Backups } from '../../src/admin/backup.ts';
import { filesBelow } from '../../src/admin/copy-files.ts';
import { loadDomainKeys, saveDomainKeys } from '../../src/admin/key-files.ts';
import { checkBackup, restoreBackup, restoreConfig } from '../../src/admin/restore.ts';
import { bytesToJson } from '../../src/keys/key-file.ts';
import { openStore } from '../../src/store/store.ts';
import { opened, sent, temporaryDir } from '../store/fixture.ts';
import { makeDomain } from '../support/identities.ts';

const alpha = makeDomain('alpha.test');
const configuration = 'host = "post.hoster.net"\n';

/** A data directory with a store that is open, and where backups of it can go. */
async function installation(t: ExecutionContext, hasRoom = true) {
  const { store, clock } = await opened(t);
  const data = temporaryDir(t);
  await saveDomainKeys(data, alpha.keys);
  await store.domains.add('alpha.test');
  const message = await sent(store);
  const backups = createBackups({
    dataDir: () => data,
    store,
    version: '1.2.3',
    clock,
    hasRoom: () => hasRoom,
  });
  return { store, clock, data, message, backups, directory: join(temporaryDir(t), 'backup') };
}

async function made(backups: Backups, directory: string) {
  await backups.start(directory, configuration);
  await backups.settled();
  return backups.progress();
}

test('a backup holds store, keys and configuration, and becomes an installation again', async (t) => {
  const { clock, data, message, backups, directory } = await installation(t);
  await writeFile(join(data, 'tls.pem'), 'a certificate');
  t.like(await made(backups, directory), { state: 'done', directory, files: 6 });
  for (const path of await filesBelow(directory))
    t.is(statSync(join(directory, path)).mode & 0o077, 0, `others may not open ${path}`);
  t.deepEqual((await checkBackup(directory, true)).files, []);

  const there = join(temporaryDir(t), 'new', 'data');
  const { manifest, check } = await restoreBackup({ from: directory, data: there, clock });
  t.like(manifest, { version: '1.2.3', created: clock.seconds(), domains: ['alpha.test'] });
  t.is(check.total, 0);
  const [keys] = await loadDomainKeys(there);
  t.is(keys && bytesToJson(keys.fingerprint), bytesToJson(alpha.keys.fingerprint));
  t.is(await readFile(join(there, 'tls.pem'), 'utf8'), 'a certificate');
  const config = join(there, 'beckon.toml');
  await restoreConfig(directory, config);
  t.is(await readFile(config, 'utf8'), configuration);
  const store = await openStore({ dir: join(there, 'store'), clock, onFailure: () => t.fail() });
  t.teardown(() => store.close());
  t.deepEqual((await store.transit.read(message.idHash))?.header, message.message.header);
});

test('nothing is overwritten, by a backup or by a restore', async (t) => {
  const { clock, data, backups, directory } = await installation(t);
  await mkdir(directory);
  await t.throwsAsync(backups.start(directory, configuration), { code: 'exists' });
  await rm(directory, { recursive: true });
  await made(backups, directory);
  await t.throwsAsync(restoreBackup({ from: directory, data, clock }), { code: 'exists' });
  await t.throwsAsync(restoreConfig(directory, join(directory, 'backup.json')), { code: 'exists' });
});

test('a backup goes to an absolute path, one at a time', async (t) => {
  const { backups, directory } = await installation(t);
  await t.throwsAsync(backups.start('here', configuration), { code: 'request_invalid' });
  await backups.start(directory, configuration);
  await t.throwsAsync(backups.start(`${directory}-2`, configuration), { code: 'conflict' });
  await backups.settled();
  t.like(await made(backups, `${directory}-2`), { state: 'done' });
});

test('a backup that cannot be made says why and leaves nothing', async (t) => {
  const full = await installation(t, false);
  t.like(await made(full.backups, full.directory), { state: 'failed', code: 'storage_full' });
  const { backups, directory } = await installation(t);
  t.like(await made(backups, join(directory, 'deeper')), { state: 'failed', code: 'storage_failed' });
  for (const one of [full.directory, directory]) t.false(existsSync(one));
  t.deepEqual(await filesBelow(join(full.directory, '..')), []);
});

test('a backup into the data directory does not hold itself, or one before it', async (t) => {
  const { backups, data } = await installation(t);
  t.like(await made(backups, join(data, 'backup')), { state: 'done', files: 5 });
});

test('what is no backup, or a damaged one, is refused, and nothing is written', async (t) => {
  const { clock, backups, directory } = await installation(t);
  await made(backups, directory);
  const data = join(temporaryDir(t), 'data');
  const refused = async (code: string) => {
    await t.throwsAsync(restoreBackup({ from: directory, data, clock }), { code });
    t.deepEqual(await filesBelow(data), []);
  };
  const keys = join(directory, 'keys', 'alpha.test', 'working.json');
  const right = await readFile(keys, 'utf8');
  await writeFile(keys, right.replace('alpha', 'beta_'));
  await refused('state_invalid');
  await writeFile(keys, `${right} `);
  t.deepEqual((await checkBackup(directory, false)).files, [
    `keys/alpha.test/working.json has ${right.length + 1} bytes instead of ${right.length}`,
  ]);
  await rm(keys);
  await refused('state_invalid');
  await writeFile(keys, right);
  const manifest = join(directory, 'backup.json');
  const list = await readFile(manifest, 'utf8');
  const wrong: readonly string[] = [
    '{',
    '[]',
    list.replace('beckon-backup-1', 'beckon-backup-2'),
    list.replace('keys/alpha.test/working.json', '../alpha.test/working.json'),
    list.replace('keys/alpha.test/working.json', '/etc/hostname'),
    list.replace('keys/alpha.test/working.json', 'keys/../../x'),
    list.replace(/"sha256": "[0-9a-f]/, '"sha256": "'),
  ];
  for (const text of wrong) {
    await writeFile(manifest, text);
    await refused('state_invalid');
  }
  await rm(manifest);
  await refused('not_found');
});

test('links and sockets are not copied', async (t) => {
  const { backups, data, directory } = await installation(t);
  await symlink('/etc/hostname', join(data, 'link'));
  await made(backups, directory);
  t.false(existsSync(join(directory, 'link')));
});
