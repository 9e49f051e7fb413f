/** Copying files so that they are on disk, for their owner alone. */
import { constants } from 'node:fs';
import { chmod, copyFile, open, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { failed, isMissing, makePrivateDirectory, syncDirectory } from './durable-file.ts';

/** The regular files below a directory, as relative paths, sorted; sockets and links are none. Throws `storage_failed`. */
export async function filesBelow(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((cause: unknown) => {
    if (isMissing(cause)) return [];
    throw failed(directory, cause);
  });
  const paths = await Promise.all(
    entries.map(async (entry) => {
      if (entry.isFile()) return [entry.name];
      if (!entry.isDirectory()) return [];
      const below = await filesBelow(join(directory, entry.name));
      return below.map((path) => join(entry.name, path));
    }),
  );
  return paths.flat().sort();
}

/** Copies one file to a place where none is. Throws `exists`, `storage_failed`. */
export async function copyNewFile(from: string, to: string): Promise<void> {
  await makePrivateDirectory(dirname(to));
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL);
    await chmod(to, 0o600);
  } catch (cause) {
    throw failed(to, cause);
  }
  await syncFile(to);
}

/** Throws `storage_failed`. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw failed(path, cause);
  });
  try {
    await file.sync();
  } catch (cause) {
    throw failed(path, cause);
  } finally {
    await file.close();
  }
  await syncDirectory(dirname(path));
}
