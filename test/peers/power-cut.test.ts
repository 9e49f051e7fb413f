/**
 * Power cuts: a file system of its own on a loop device is shut down under load without writing what it holds back, and
 * mounted again: its journal brings back what a power cut would have left. BECKON_POWER_CUTS: how many for each file system.
 */
import { execFile } from 'node:child_process';
import { mkdir, open, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { figures, killGroup, losses, work, type Said } from '../store/acknowledged.ts';
import { temporaryDir } from '../store/fixture.ts';

const run = promisify(execFile);
const cuts = Number(process.env['BECKON_POWER_CUTS'] ?? 4);
const megabytes = 1 << 20;

interface Disk {
  /** Where it is mounted. */
  readonly path: string;
  /** Everything that was not written yet is lost, and what runs on it gets errors. */
  cut(): Promise<void>;
  /** As a machine does when it starts again. */
  remount(): Promise<void>;
}

const make = {
  ext4: (image: string) => run('mkfs.ext4', ['-q', '-F', image]),
  xfs: (image: string) => run('mkfs.xfs', ['-q', '-f', image]),
};

async function disk(t: ExecutionContext, kind: keyof typeof make): Promise<Disk> {
  const dir = temporaryDir(t);
  const [image, path] = [join(dir, 'image'), join(dir, 'mounted')];
  await mkdir(path);
  await writeFile(image, '');
  await truncate(image, 400 * megabytes);
  await make[kind](image);
  const mount = async () => void (await run('mount', ['-o', 'loop', image, path]));
  const unmount = async () => void (await run('umount', [path]));
  await mount();
  t.teardown(async () => await unmount().catch(() => undefined));
  return {
    path,
    cut: async () => void (await run('xfs_io', ['-x', '-c', 'shutdown', path])),
    async remount() {
      await unmount();
      await mount();
    },
  };
}

for (const kind of ['ext4', 'xfs'] as const)
  test.serial(`${cuts} power cuts on ${kind} lose nothing that was acknowledged`, async (t) => {
    t.timeout(400_000 + cuts * 30_000);
    const { path, cut, remount } = await disk(t, kind);
    const dir = join(path, 'store');
    const said: Said = new Map();
    for (let round = 0; round < cuts; round++) {
      const cutting = Promise.withResolvers<void>();
      await work({
        dir,
        said,
        // Its errors are those of a disk that went away.
        quiet: true,
        async ready(child) {
          await sleep(800 + ((round * 389) % 900));
          while (!said.has('stored') && child.exitCode === null) await sleep(10);
          await cut();
          killGroup(child);
          cutting.resolve();
        },
      });
      await cutting.promise;
      await remount();
      t.deepEqual(await losses(dir, said), []);
    }
    t.log(`${cuts} cuts`, figures(said));
    t.true((said.get('stored')?.size ?? 0) > 0);
  });

// Without this the test above could pass on a disk that is never cut.
test.serial('what was written and not synced is lost in a power cut', async (t) => {
  for (const kind of ['ext4', 'xfs'] as const) {
    const { path, cut, remount } = await disk(t, kind);
    const [synced, unsynced] = [join(path, 'synced'), join(path, 'unsynced')];
    const file = await open(synced, 'w');
    await file.writeFile('kept');
    await file.sync();
    await file.close();
    await writeFile(unsynced, 'lost');
    await cut();
    await remount();
    t.is(await readFile(synced, 'utf8'), 'kept');
    t.not(await readFile(unsynced, 'utf8').catch(() => ''), 'lost', kind);
  }
});

test.serial('a store that acknowledges before it syncs is found out', async (t) => {
  t.timeout(400_000);
  const { path, cut, remount } = await disk(t, 'ext4');
  const dir = join(path, 'store');
  const said: Said = new Map();
  await work({
    dir,
    said,
    quiet: true,
    environment: { BECKON_ACKNOWLEDGE: 'early' },
    async ready(child) {
      await sleep(1500);
      while ((said.get('stored')?.size ?? 0) < 20 && child.exitCode === null) await sleep(10);
      await cut();
      killGroup(child);
    },
  });
  await remount();
  t.true((await losses(dir, said)).length > 0);
});
