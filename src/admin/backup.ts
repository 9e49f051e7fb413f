/**
 * A backup, made while the daemon runs: one directory that is there whole or not at all.
 *
 *  1. nothing is there yet, and the disk has room for a copy beside its reserve
 *  2. the store; then keys and whatever else the data directory holds, so that no row lacks its keys; the configuration
 *  3. everything on disk, and a list of it with hashes
 *  4. the directory gets its name
 */
import { chmod, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, sep } from 'node:path';
import type { Clock } from '../clock.ts';
import { BeckonError, codeOf, reasonOf, type ErrorCode } from '../errors.ts';
import type { Store } from '../store/api/store.ts';
import { createManifest, describeFile, manifestName } from './backup-manifest.ts';
import { copyNewFile, filesBelow, syncFile } from './copy-files.ts';
import { alreadyThere, failed, makePrivateDirectory, syncDirectory, writeNewFile } from './durable-file.ts';

/** The name of the configuration in a backup. */
export const configName = 'beckon.toml';
export const storeName = 'store';

export interface BackupParts {
  readonly dataDir: () => string;
  readonly store: Pick<Store, 'backup' | 'domains'>;
  readonly version: string;
  readonly clock: Clock;
  /** Whether the disk of this directory takes so many bytes beside its reserve. */
  readonly hasRoom: (directory: string, bytes: number) => boolean;
}

export interface BackupProgress {
  readonly state: 'none' | 'running' | 'done' | 'failed';
  readonly directory?: string;
  readonly files?: number;
  readonly bytes?: number;
  /** Why it failed. */
  readonly code?: ErrorCode;
  readonly detail?: string;
}

export interface Backups {
  /**
   * Begins a backup into a directory that does not exist, with the text of the configuration. Throws `request_invalid` for a
   * path that is not absolute, `exists`, `conflict` while another one runs.
   */
  start(directory: string, configuration: string): Promise<BackupProgress>;
  /** Of the last one. */
  progress(): BackupProgress;
  /** Waits for the one that runs. */
  settled(): Promise<void>;
}

export function createBackups(parts: BackupParts): Backups {
  let last: BackupProgress = { state: 'none' };
  let running: Promise<void> = Promise.resolve();

  async function run(directory: string, configuration: string): Promise<void> {
    try {
      const { files, bytes } = await makeBackup(parts, directory, configuration);
      last = { state: 'done', directory, files, bytes };
    } catch (error) {
      last = { state: 'failed', directory, code: codeOf(error), detail: reasonOf(error) };
    }
  }

  return {
    async start(directory, configuration) {
      if (!isAbsolute(directory))
        throw new BeckonError('request_invalid', 'a backup goes to an absolute path');
      if (last.state === 'running') throw new BeckonError('conflict', 'another backup is being made');
      if ((await stat(directory).catch(() => undefined)) !== undefined) throw alreadyThere(directory);
      last = { state: 'running', directory };
      running = run(directory, configuration);
      return last;
    },
    progress: () => last,
    settled: () => running,
  };
}

/** As a running daemon makes it. Throws `exists`, `storage_full`, `storage_failed`. */
export async function makeBackup(
  { dataDir, store, version, clock, hasRoom }: BackupParts,
  directory: string,
  configuration: string,
): Promise<{ readonly files: number; readonly bytes: number }> {
  const data = dataDir();
  const above = dirname(directory);
  await expectRoom(data, above, hasRoom);
  const created = clock.seconds();
  const draft = join(above, `.${basename(directory)}.partial`);
  await rm(draft, { recursive: true, force: true });
  await makePrivateDirectory(draft);
  try {
    await store.backup(join(draft, storeName));
    for (const path of await filesBelow(join(draft, storeName))) {
      await chmod(join(draft, storeName, path), 0o600);
      await syncFile(join(draft, storeName, path));
    }
    for (const path of await ownFiles(data, directory))
      await copyNewFile(join(data, path), join(draft, path));
    await writeNewFile(join(draft, configName), configuration);
    const paths = await filesBelow(draft);
    const files = [];
    for (const path of paths) files.push(await describeFile(draft, path));
    const domains = (await store.domains.list()).map(({ domain }) => domain);
    const manifest = createManifest({ version, created, domains, files });
    await writeNewFile(join(draft, manifestName), `${JSON.stringify(manifest, null, 1)}\n`);
    await rename(draft, directory);
    await syncDirectory(above);
    return { files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0) };
  } catch (cause) {
    await rm(draft, { recursive: true, force: true });
    throw cause instanceof BeckonError ? cause : failed(directory, cause);
  }
}

/** Filling the disk would end the daemon, whose store is perhaps on it. */
async function expectRoom(data: string, above: string, hasRoom: BackupParts['hasRoom']): Promise<void> {
  if ((await stat(above).catch(() => undefined))?.isDirectory() !== true)
    throw new BeckonError('storage_failed', `${above}: no such directory`);
  let bytes = 0;
  for (const path of await filesBelow(data)) bytes += (await stat(join(data, path))).size;
  if (!hasRoom(above, bytes))
    throw new BeckonError(
      'storage_full',
      `${above}: no room for ${bytes} bytes beside the reserve of the disk`,
    );
}

/** What the data directory holds beside the store: keys, and whatever comes to lie there; not a backup that lies in it. */
async function ownFiles(data: string, directory: string): Promise<readonly string[]> {
  const paths = await filesBelow(data);
  const foreign = [storeName, basename(directory)];
  return paths.filter((path) => {
    const names = path.split(sep);
    // What begins with a dot is on its way to another name.
    return (
      names.every((name) => !name.startsWith('.')) && !foreign.includes(names[0] ?? '') && path !== configName
    );
  });
}
