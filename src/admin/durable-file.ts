/** Files that are on disk when a call resolves, also after a power cut. Modes are 0600 in directories of 0700. */
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BeckonError } from '../errors.ts';

const fileMode = 0o600;
const directoryMode = 0o700;
/** Modes that let others in. */
const othersMask = 0o077;

/** Makes a directory, and those above it, for its owner alone. One that is there stays as it is. */
export async function makePrivateDirectory(path: string): Promise<void> {
  await storage(mkdir(path, { recursive: true, mode: directoryMode }), path);
}

/** Writes a new file and its directory entry to disk. Throws `exists` where one is there, `storage_failed`. */
export async function writeNewFile(
  path: string,
  content: string | Uint8Array,
  mode = fileMode,
): Promise<void> {
  await writeSynced(path, content, mode);
  await syncDirectory(dirname(path));
}

const draftEnd = '.new';

/** Whether a name is one under which `replaceFile` writes: a crash may leave such a file, which may hold secrets. */
export function isDraft(name: string): boolean {
  return name.startsWith('.') && name.endsWith(draftEnd);
}

/** Replaces a file, or makes it, in one step. Throws `storage_failed`. */
export async function replaceFile(path: string, content: string): Promise<void> {
  const draft = join(dirname(path), `.${process.pid}-${process.hrtime.bigint()}${draftEnd}`);
  await writeSynced(draft, content, fileMode);
  try {
    await storage(rename(draft, path), path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/**
 * The text of a file that only its owner may open; undefined where there is none. Throws `config_invalid` where others may
 * open it, `state_invalid` where it is larger than `maxBytes`, `storage_failed`.
 */
export async function readPrivateFile(path: string, maxBytes: number): Promise<string | undefined> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    if (isMissing(cause)) return undefined;
    throw failed(path, cause);
  });
  if (file === undefined) return undefined;
  try {
    return await readChecked(file, path, maxBytes);
  } finally {
    await file.close();
  }
}

async function readChecked(file: FileHandle, path: string, maxBytes: number): Promise<string> {
  const { mode, size } = await file.stat();
  if ((mode & othersMask) !== 0)
    throw new BeckonError('config_invalid', `${path}: others may open it; run: chmod 600 ${path}`);
  if (size > maxBytes) throw new BeckonError('state_invalid', `${path}: larger than it can be`);
  return await storage(file.readFile('utf8'), path);
}

/** Makes the entries of a directory durable: what was made, renamed or removed in it. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await storage(open(path, 'r'), path);
  try {
    await storage(directory.sync(), path);
  } finally {
    await directory.close();
  }
}

async function writeSynced(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const file = await storage(open(path, 'wx', mode), path);
  try {
    await file.writeFile(content);
    await file.sync();
  } catch (cause) {
    await rm(path, { force: true });
    throw failed(path, cause);
  } finally {
    await file.close();
  }
}

async function storage<T>(action: Promise<T>, path: string): Promise<T> {
  try {
    return await action;
  } catch (cause) {
    throw failed(path, cause);
  }
}

/** What a failed file operation means, as one of our errors that names the file. */
export function failed(path: string, cause: unknown): BeckonError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown reason';
  if (code === 'EEXIST' || code === 'ENOTEMPTY') return alreadyThere(path);
  return new BeckonError('storage_failed', `${path}: ${reasons[code] ?? code}`, { cause });
}

export function isMissing(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
}

/** `exists`, naming the file. */
export function alreadyThere(path: string): BeckonError {
  return new BeckonError('exists', `${path} exists and is not overwritten`);
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the disk quota is used up',
  ENOENT: 'no such file or directory',
  ENOTDIR: 'a part of the path is no directory',
  EISDIR: 'is a directory',
  EIO: 'the disk reports an error',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'too many symbolic links',
};
