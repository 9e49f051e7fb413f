/** Disks that fail and disks that fill: nothing is acknowledged after the failure, and what is full goes on when there is room. */
import { execFile } from 'node:child_process';
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { systemClock } from '../../src/clock.ts';
import { codeOf } from '../../src/errors.ts';
import { createDiskRoom } from '../../src/store/disk-room.ts';
import { openStore } from '../../src/store/store.ts';
import { figures, killGroup, losses, work, type Said } from '../store/acknowledged.ts';
import { alice, random, sent, temporaryDir, uploaded } from '../store/fixture.ts';

const run = promisify(execFile);
const megabyte = 1 << 20;

/** More syncs than opening a store takes, one for each table; those after them are of the load. */
const opening = 80;

function failing(error: string, nth: number): readonly string[] {
  const calls = 'fdatasync,fsync,msync';
  return ['-e', `trace=${calls}`, '-e', `inject=${calls}:error=${error}:when=${nth}`];
}

/** One sync fails, once: the worker must end, with all that it acknowledged on disk. */
for (const nth of [opening + 3, opening + 30, opening + 90])
  for (const error of ['EIO', 'ENOSPC'])
    test.serial(`${error} at sync ${nth}: the process ends, and what it acknowledged is there`, async (t) => {
      t.timeout(400_000);
      const dir = join(temporaryDir(t), 'store');
      const said: Said = new Map();
      let ours = false;
      const { code, signal } = await work({
        dir,
        said,
        quiet: true,
        // Calls are counted for each thread: one thread of the pool writes all.
        environment: { UV_THREADPOOL_SIZE: '1' },
        under: ['strace', '-f', '-qq', '-o', '/dev/null', ...failing(error, nth)],
        ready(child) {
          const patience = setTimeout(() => {
            ours = true;
            killGroup(child);
          }, 300_000);
          child.once('exit', () => clearTimeout(patience));
        },
      });
      t.false(ours, 'it ended by itself');
      t.true(signal === 'SIGKILL' || code === 137, `${signal} ${code}`);
      t.deepEqual(await losses(dir, said), []);
      t.true((said.get('stored')?.size ?? 0) > 0);
      t.log(figures(said));
    });

test.serial('a disk that fills: refused with nothing lost, and on when there is room', async (t) => {
  const path = join(temporaryDir(t), 'small');
  await mkdir(path);
  await run('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', path]);
  t.teardown(async () => void (await run('umount', [path])));
  const dir = join(path, 'store');
  const failures: unknown[] = [];
  const hasRoom = createDiskRoom(path, { bytes: 12 * megabyte });
  const store = await openStore({
    dir,
    clock: systemClock,
    hasRoom,
    onFailure: (error) => failures.push(error),
  });
  t.teardown(() => store.close());
  const first = await sent(store);
  const uploads: Uint8Array[] = [];
  const fill = async (): Promise<string> => {
    for (;;) {
      try {
        uploads.push(await uploaded(store, alice, random(megabyte)));
      } catch (error) {
        return codeOf(error);
      }
    }
  };
  t.is(await fill(), 'storage_full');
  t.true(uploads.length > 20);
  const { bavail, bsize } = await statfs(path);
  t.true(bavail * bsize > 8 * megabyte, 'the reserve is still there');
  // What was accepted before can end, and reading goes on.
  t.is(
    await store.transit.accept(first.idHash, first.message.acceptTokenHash, systemClock.seconds()),
    'accepted',
  );
  // Room within the files counts, although they do not shrink.
  for (const upload of uploads.splice(0, 10)) await store.uploads.abandon(alice, upload);
  while ((await store.blobs.sweep(1000)) > 0);
  uploads.push(await uploaded(store, alice, random(megabyte)));
  t.is(await fill(), 'storage_full');
  // Somebody else takes what was left, below half of the reserve: everything is refused, and goes on when they are gone.
  for (const upload of uploads.splice(0, 5)) await store.uploads.abandon(alice, upload);
  while ((await store.blobs.sweep(1000)) > 0);
  await writeFile(join(path, 'other'), new Uint8Array(8 * megabyte));
  t.is(await fill(), 'storage_full');
  await rm(join(path, 'other'));
  uploads.push(await uploaded(store, alice, random(megabyte)));
  t.deepEqual(failures, []);
});
