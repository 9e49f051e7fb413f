/**
 * Where content is written: PATH.beckon-part first, resumed by a later attempt, PATH once it is verified. Never overwrites:
 * the ending is our own, because a `PATH.part` may be another program's, or another part of the same message.
 */
import { constants } from 'node:fs';
import { link, lstat, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { alreadyThere, failed, syncDirectory } from '../admin/durable-file.ts';
import type { PayloadSink } from '../client/api.ts';
import { BeckonError } from '../errors.ts';
import { partSuffix } from './file-name.ts';

export interface FileSink extends PayloadSink {
  /** Leaves what was written for the next attempt. */
  close(): Promise<void>;
}

const fileMode = 0o600;
const readAtOnce = 1 << 18;
/** No link leads it elsewhere, and no pipe makes it wait. */
const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Throws `exists` where there is a file at the path, `storage_failed`. */
export async function openFileSink(path: string): Promise<FileSink> {
  if (await isThere(path)) throw alreadyThere(path);
  const part = `${path}${partSuffix}`;
  const file = await on(part, open(part, flags, fileMode));
  const about = await on(part, file.stat());
  if (!about.isFile()) {
    await file.close();
    throw new BeckonError('storage_failed', `${part}: is no file`);
  }
  let end = about.size;
  return {
    size: async () => end,
    read: (length) => readFrom(file, Math.min(length, end), part),
    async truncate(length) {
      await on(part, file.truncate(length));
      end = length;
    },
    async write(bytes) {
      let done = 0;
      while (done < bytes.length) {
        const { bytesWritten } = await on(part, file.write(bytes, done, bytes.length - done, end));
        done += bytesWritten;
        end += bytesWritten;
      }
    },
    async commit() {
      await on(part, file.sync());
      await publish(part, path);
    },
    close: () => file.close(),
  };
}

async function* readFrom(file: FileHandle, length: number, path: string): AsyncGenerator<Uint8Array> {
  let position = 0;
  while (position < length) {
    const buffer = new Uint8Array(Math.min(readAtOnce, length - position));
    const { bytesRead } = await on(path, file.read(buffer, 0, buffer.length, position));
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** A link never replaces a file that came meanwhile; file systems without links get the check and a rename. */
async function publish(part: string, path: string): Promise<void> {
  try {
    await link(part, path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST' || (await isThere(path))) throw alreadyThere(path);
    await on(path, rename(part, path));
  }
  await rm(part, { force: true });
  await syncDirectory(dirname(path));
}

async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}

async function on<T>(path: string, action: Promise<T>): Promise<T> {
  try {
    return await action;
  } catch (cause) {
    throw failed(path, cause);
  }
}
