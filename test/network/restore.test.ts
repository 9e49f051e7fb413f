/** A domain that lost its disk goes on from its backup: nobody is alarmed, and what the backup holds is still delivered. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { restoreBackup } from '../../src/admin/restore.ts';
import type { Clock } from '../../src/clock.ts';
import { memoryCache } from '../support/directory-cache.ts';
import { testDirectory } from '../support/directory.ts';
import { eventually } from './eventually.ts';
import type { Hoster } from './hoster.ts';
import { connect, type Person } from './person.ts';
import { turnByTurn } from './schedule.ts';
import { startTown, type Town } from './town.ts';

async function backUp(hoster: Hoster, directory: string): Promise<void> {
  const configuration = await readFile(hoster.configFile, 'utf8');
  await hoster.admin.startBackup({ directory, configuration });
  await eventually(
    'finished backup',
    async () => (await hoster.admin.backupState()).state === 'done' || undefined,
  );
}

/** The disk is gone, with all that came after the backup. */
async function loseAndRestore(hoster: Hoster, from: string, clock: Clock): Promise<void> {
  await hoster.kill();
  await rm(hoster.data, { recursive: true });
  await restoreBackup({ from, data: hoster.data, clock });
  await hoster.start();
}

function lastOf(person: Person): number {
  return Math.max(
    ...person
      .client()
      .inbox()
      .map(({ number }) => number),
  );
}

/** Of the record that a newcomer sees. */
async function serialOf({ clock, surroundings }: Town, domain: string): Promise<number> {
  const network = connect(memoryCache(), clock, surroundings);
  const outcome = await network.domains.domain(domain);
  await network.close();
  return outcome.kind === 'native' ? outcome.record.serial : 0;
}

test('both domains lose their disks and go on from older backups, without an alarm', async (t) => {
  await using town = await startTown();
  const dir = await testDirectory();
  t.teardown(() => dir[Symbol.asyncDispose]());
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await ann.send([bob.address], 'first');
  await bob.arrivals();
  t.is(await bob.read(1), 'first');
  await bob.send([ann.address], 'waits at beta');
  await town.hoster('beta').catchUp();
  for (const name of ['alpha', 'beta']) await backUp(town.hoster(name), join(dir.path, name));

  // Their records move on, and the others see it; two hours later both disks go.
  for (const name of ['alpha', 'beta'])
    await town.hoster(name).admin.setDomain(`${name}.test`, { contact: 'new@example.org' });
  town.clock.advance(7200);
  for (const hoster of town.hosters()) await hoster.catchUp();
  await ann.send([bob.address], 'after the backup');
  await turnByTurn(town, async () => (await bob.client().sync()).entries.length > 0);
  const before = await serialOf(town, 'beta.test');
  town.clock.advance(60);
  for (const name of ['alpha', 'beta'])
    await loseAndRestore(town.hoster(name), join(dir.path, name), town.clock);

  t.true(
    (await serialOf(town, 'beta.test')) > before,
    'the record of a backup is older than what others saw',
  );
  await turnByTurn(town, async () => (await ann.client().sync()).entries.length > 0);
  t.is(await ann.read(lastOf(ann)), 'waits at beta');
  t.like((await ann.send([bob.address], 'and on')).recipients, [{ outcome: 'native', way: 'drop' }]);
  await turnByTurn(town, async () => (await bob.client().sync()).entries.length > 0);
  t.is(await bob.read(lastOf(bob)), 'and on');
  t.like(await ann.client().trust.show(bob.address), { outcome: 'native' });
  t.like(await bob.client().trust.show(ann.address), { outcome: 'native' });
  const alarms = town.logged.filter(({ level, line }) => level === 'error' || line.includes('record_'));
  t.deepEqual(alarms, []);
});

test('somebody who introduced themselves after the backup was made reaches who reads the feed from an earlier place', async (t) => {
  await using town = await startTown();
  const dir = await testDirectory();
  t.teardown(() => dir[Symbol.asyncDispose]());
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await backUp(town.hoster('beta'), join(dir.path, 'beta'));
  await ann.send([bob.address], 'seen before the loss');
  await bob.arrivals();
  await loseAndRestore(town.hoster('beta'), join(dir.path, 'beta'), town.clock);
  town.clock.advance(60);
  const carol = await town.enroll('carol@alpha.test');
  await carol.send([bob.address], 'hello from carol');
  await turnByTurn(town, async () => (await bob.client().sync()).entries.length > 0);
  t.true(
    bob
      .client()
      .inbox()
      .some(({ from }) => from === carol.address),
  );
});
