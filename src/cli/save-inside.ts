/** `beckon save --inside`: the files inside a mail, and its text as HTML where it has one, each as a file of its own. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client, InboxEntry } from '../client/api.ts';
import { BeckonError } from '../errors.ts';
import type { Face } from './face.ts';
import { misused } from './failure.ts';
import { safeFileName } from './file-name.ts';
import { openFileSink } from './file-sink.ts';
import type { Home } from './home.ts';
import { keepMessage, openEntry, openWhole, readKept } from './kept-message.ts';
import { filesInside, type FileInside } from './show-mail.ts';

export interface SavedFile {
  /** Of the message, or of the mail that it was in. */
  readonly number: number;
  readonly path: string;
  readonly length: number;
  /** Base64url, as it was signed: not of what was inside a mail. */
  readonly sha256?: string;
}

/** Into a directory, under their own names made harmless; never overwrites. Throws `not_found` where nothing is inside, `usage`, `exists`. */
export async function saveInside(
  face: Face,
  client: Client,
  home: Home,
  number: number,
  directory: string,
  tell: (saved: SavedFile) => void,
): Promise<readonly SavedFile[]> {
  if (!((await stat(directory).catch(() => undefined))?.isDirectory() ?? false))
    throw misused(`${directory} is no directory`, 'name one that is there');
  const whole = await openWhole(client, number);
  const letter = (whole.cover ? (whole.parts ?? []) : [whole]).find(isMail);
  if (letter === undefined) throw misused(`message ${number} is no mail`, `beckon save ${number}`);
  const part = await openEntry(client, letter.number);
  const bytes = await readKept(await keepMessage(face, client, home, part), part.number);
  const files = await filesInside(bytes);
  if (files.length === 0) throw new BeckonError('not_found', `no files are inside message ${number}`);
  const saved: SavedFile[] = [];
  for (const [name, file] of named(files, part)) {
    const path = join(directory, name);
    await write(path, file.bytes);
    const one = { number: part.number, path, length: file.bytes.length };
    tell(one);
    saved.push(one);
  }
  return saved;
}

function isMail({ mediaType }: InboxEntry): boolean {
  return mediaType === 'message/rfc822';
}

/** Names of their own: a mail may give one to several files. */
function named(
  files: readonly FileInside[],
  { number }: InboxEntry,
): readonly (readonly [string, FileInside])[] {
  const taken = new Set<string>();
  return files.map((file, index) => {
    const about = { number, mediaType: file.type };
    const plain = safeFileName(file.name, about);
    const name = taken.has(plain.toLowerCase()) ? safeFileName(`${index + 1}-${plain}`, about) : plain;
    taken.add(name.toLowerCase());
    return [name, file];
  });
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  const sink = await openFileSink(path);
  try {
    await sink.truncate(0);
    await sink.write(bytes);
    await sink.commit();
  } finally {
    await sink.close();
  }
}
