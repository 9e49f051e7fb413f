/** What a backup lists about itself: its files, so that nothing of it is missing or another when it is used. */
import { createReadStream } from 'node:fs';
import { isAbsolute, join, normalize, sep } from 'node:path';
import { stat } from 'node:fs/promises';
import { createSha256 } from '../crypto/kdf.ts';
import { BeckonError } from '../errors.ts';
import { failed, readPrivateFile } from './durable-file.ts';

export const manifestName = 'backup.json';
const format = 'beckon-backup-1';
/** A million files would be more than this; a store has four. */
const maxManifest = 64 << 20;

export interface BackupFile {
  /** Relative, with `/`. */
  readonly path: string;
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

export interface BackupManifest {
  readonly format: typeof format;
  /** Of the program that made it. */
  readonly version: string;
  /** Unix seconds. */
  readonly created: number;
  readonly domains: readonly string[];
  readonly files: readonly BackupFile[];
}

export function createManifest(content: Omit<BackupManifest, 'format'>): BackupManifest {
  return { format, ...content };
}

/** Size and hash of a file as it is on disk. Throws `storage_failed`. */
export async function describeFile(directory: string, path: string): Promise<BackupFile> {
  const hash = createSha256();
  let size = 0;
  try {
    for await (const chunk of createReadStream(join(directory, path)) as AsyncIterable<Uint8Array>) {
      hash.update(chunk);
      size += chunk.length;
    }
  } catch (cause) {
    throw failed(join(directory, path), cause);
  }
  return { path: path.split(sep).join('/'), size, sha256: Buffer.from(hash.digest()).toString('hex') };
}

/** Throws `not_found` where there is no backup, `state_invalid` where its list is damaged. */
export async function readManifest(directory: string): Promise<BackupManifest> {
  const text = await readPrivateFile(join(directory, manifestName), maxManifest);
  if (text === undefined)
    throw new BeckonError('not_found', `${directory}: there is no backup (no ${manifestName})`);
  const manifest = parse(text);
  if (!isManifest(manifest))
    throw new BeckonError(
      'state_invalid',
      `${join(directory, manifestName)}: damaged, or of a newer program`,
    );
  return manifest;
}

/** The files that are missing, cut or changed, each with what is wrong. */
export async function* verifyFiles(
  directory: string,
  { files }: BackupManifest,
): AsyncGenerator<{ readonly path: string; readonly problem?: string }> {
  for (const file of files) {
    if ((await stat(join(directory, file.path)).catch(() => undefined)) === undefined) {
      yield { path: file.path, problem: 'is missing' };
      continue;
    }
    const { size, sha256 } = await describeFile(directory, file.path);
    if (size !== file.size) yield { path: file.path, problem: `has ${size} bytes instead of ${file.size}` };
    else if (sha256 !== file.sha256) yield { path: file.path, problem: 'is not what was written' };
    else yield { path: file.path };
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function isManifest(value: unknown): value is BackupManifest {
  const { files, domains, ...rest } = (value ?? {}) as Partial<BackupManifest>;
  return (
    rest.format === format &&
    typeof rest.version === 'string' &&
    Number.isSafeInteger(rest.created) &&
    Array.isArray(domains) &&
    domains.every((domain: unknown) => typeof domain === 'string') &&
    Array.isArray(files) &&
    files.every(isFile)
  );
}

/** A path that leaves the backup would be read, and written, elsewhere. */
function isFile(value: unknown): value is BackupFile {
  const { path, size, sha256 } = (value ?? {}) as Partial<BackupFile>;
  return (
    typeof path === 'string' &&
    path !== '' &&
    !isAbsolute(path) &&
    normalize(path) === path &&
    path !== '..' &&
    !path.startsWith(`..${sep}`) &&
    Number.isSafeInteger(size) &&
    typeof sha256 === 'string' &&
    /^[0-9a-f]{64}$/.test(sha256)
  );
}
