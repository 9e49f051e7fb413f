/** Text and files as the parts of a message. */
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import mime from 'mime';
import type { OutgoingPart } from '../client/api.ts';

const mail = 'message/rfc822';
/** Enough to hold the subject of any mail. */
const headerBytes = 1 << 16;

/** Composed text: the first part. */
export function textPart(bytes: Uint8Array, source?: string): OutgoingPart {
  return {
    mediaType: mail,
    length: bytes.length,
    ...(source === undefined ? {} : { source }),
    async *open() {
      yield bytes;
    },
  };
}

/**
 * Where a content comes from, for a sending that goes on after a crash: a file as it was, a text that is kept in the home directory, or what a
 * whole mail is made of, which is kept there too.
 */
export type Source =
  | { readonly file: string; readonly modified: number }
  | { readonly text: string }
  | { readonly mail: string };

export function formatSource(source: Source): string {
  return JSON.stringify(source);
}

/** Undefined for what no version of ours wrote. */
export function parseSource(written: string | undefined): Source | undefined {
  try {
    const value = JSON.parse(written ?? '') as Readonly<Record<string, unknown>>;
    const { file, modified, text, mail: whole } = value;
    if (typeof file === 'string' && typeof modified === 'number') return { file, modified };
    if (typeof whole === 'string') return { mail: whole };
    return typeof text === 'string' ? { text } : undefined;
  } catch {
    return undefined;
  }
}

/** A file as it is on disk, read when it is sent. */
export async function filePart(path: string): Promise<OutgoingPart> {
  const { size, mtimeMs } = await stat(path);
  return {
    source: formatSource({ file: path, modified: mtimeMs }),
    mediaType: mime.getType(path) ?? 'application/octet-stream',
    fileName: basename(path),
    length: size,
    open: () => createReadStream(path, { highWaterMark: 1 << 18 }),
  };
}

/** Whether a file is a mail already, which is then sent as it is. */
export function isMail(path: string): boolean {
  return mime.getType(path) === mail;
}

/** The subject of a mail in a file, as far as its beginning tells. */
export async function subjectOfMail(path: string): Promise<string | undefined> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(headerBytes), 0, headerBytes, 0);
    const { default: PostalMime } = await import('postal-mime');
    const { subject } = await PostalMime.parse(buffer.subarray(0, bytesRead));
    return subject;
  } catch {
    return undefined;
  } finally {
    await file.close();
  }
}
