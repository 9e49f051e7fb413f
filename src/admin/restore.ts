/**
 * A backup becomes a data directory again, here or on a new machine.
 *
 *  1. every file of the backup is there and has its hash
 *  2. the data directory holds neither store nor keys; nothing is overwritten
 *  3. files are copied below a hidden name, checked there, and the records that were published forgotten: others may have
 *     seen newer ones, so that the next start signs with a higher serial
 *  4. everything gets its name; the configuration is written where there is none
 */
import { mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../clock.ts';
import { BeckonError } from '../errors.ts';
import { checkStore, type CheckResult } from '../store/check.ts';
import { configName, storeName } from './backup.ts';
import { manifestName, readManifest, verifyFiles, type BackupManifest } from './backup-manifest.ts';
import { copyNewFile } from './copy-files.ts';
import { failed, isMissing, makePrivateDirectory, syncDirectory } from './durable-file.ts';
import { withStore } from './stopped.ts';

export { configName } from './backup.ts';

export interface RestoreOptions {
  /** The backup. */
  readonly from: string;
  /** The data directory. */
  readonly data: string;
  readonly clock: Clock;
}

export interface Restored {
  readonly manifest: BackupManifest;
  readonly check: CheckResult;
}

/** Throws `not_found`, `state_invalid` (damaged, or of a newer program), `exists`, `storage_failed`; then nothing was changed. */
export async function restoreBackup({ from, data, clock }: RestoreOptions): Promise<Restored> {
  const manifest = await readManifest(from);
  await expectWhole(from, manifest);
  await makePrivateDirectory(data);
  await expectEmpty(data);
  const draft = await mkdtemp(join(data, '.restoring-')).catch((cause: unknown) => {
    throw failed(data, cause);
  });
  try {
    for (const { path } of manifest.files)
      if (path !== configName) await copyNewFile(join(from, path), join(draft, path));
    const check = await checkStore({ dir: join(draft, storeName), payloads: false });
    await forgetPublished(join(draft, storeName), clock);
    await takeOver(draft, data);
    return { manifest, check };
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** The configuration of a backup, to a place where there is none. Throws `exists`, `storage_failed`. */
export async function restoreConfig(from: string, configFile: string): Promise<void> {
  await copyNewFile(join(from, configName), configFile);
  await syncDirectory(dirname(configFile));
}

/** What is wrong with a backup: its files, then what its store contradicts itself in. Throws as `readManifest`. */
export async function checkBackup(
  directory: string,
  payloads: boolean,
): Promise<CheckResult & { readonly files: readonly string[] }> {
  const manifest = await readManifest(directory);
  const files = await filesWrong(directory, manifest);
  return { files, ...(await checkStore({ dir: join(directory, storeName), payloads })) };
}

/** Whether a directory is a backup. */
export async function isBackup(directory: string): Promise<boolean> {
  return (await stat(join(directory, manifestName)).catch(() => undefined)) !== undefined;
}

async function filesWrong(directory: string, manifest: BackupManifest): Promise<readonly string[]> {
  const wrong: string[] = [];
  for await (const { path, problem } of verifyFiles(directory, manifest))
    if (problem !== undefined) wrong.push(`${path} ${problem}`);
  return wrong;
}

async function expectWhole(from: string, manifest: BackupManifest): Promise<void> {
  const [first] = await filesWrong(from, manifest);
  if (first !== undefined) throw new BeckonError('state_invalid', `${from}: ${first}`);
}

async function expectEmpty(data: string): Promise<void> {
  const names = await readdir(data).catch((cause: unknown) => {
    if (isMissing(cause)) return [];
    throw failed(data, cause);
  });
  const there = names.find((name) => name === storeName || name === 'keys');
  if (there !== undefined)
    throw new BeckonError('exists', `${join(data, there)} exists and is not overwritten: move it away first`);
}

function forgetPublished(dir: string, clock: Clock): Promise<void> {
  return withStore(dir, clock, async ({ domains }) => {
    for (const { domain } of await domains.list()) await domains.forgetPublished(domain);
  });
}

/** Keys and the rest first: a store without its keys would serve nothing, keys without a store serve from the next start. */
async function takeOver(draft: string, data: string): Promise<void> {
  const names = (await readdir(draft)).filter((name) => name !== storeName);
  for (const name of [...names, storeName])
    await rename(join(draft, name), join(data, name)).catch((cause: unknown) => {
      throw failed(join(data, name), cause);
    });
  await syncDirectory(data);
}
