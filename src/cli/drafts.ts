/** Texts of messages that are being sent: on disk before anything is, so that a sending that is cut off can go on. */
import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { makePrivateDirectory, syncDirectory, writeNewFile } from '../admin/durable-file.ts';
import type { Client, UnfinishedEntry } from '../client/api.ts';
import { AdvisedError } from './failure.ts';
import type { Home } from './home.ts';
import { keptPath } from './kept-message.ts';
import { parseSource } from './outgoing-parts.ts';

const prefix = 'draft-';

/** The name of a text that is on disk now. */
export async function writeDraft(
  home: Home,
  text: Uint8Array,
  random: (length: number) => Uint8Array,
): Promise<string> {
  await makePrivateDirectory(home.messages);
  const name = `${prefix}${Buffer.from(random(8)).toString('hex')}`;
  await writeNewFile(join(home.messages, name), text);
  return name;
}

/** Throws `message_gone`. */
export async function readDraft(home: Home, name: string, number: number): Promise<Uint8Array> {
  const path = name.startsWith(prefix) ? join(home.messages, name) : keptPath(home, Number(name));
  return await readFile(path).catch((cause: unknown) => {
    throw new AdvisedError(
      'message_gone',
      `the text of ${number} is gone`,
      `beckon send --discard ${number}, and send it anew`,
      { cause },
    );
  });
}

/** The text as it was sent, should it be sent again. */
export async function keepDraft(home: Home, name: string, number: number): Promise<void> {
  if (!name.startsWith(prefix)) return;
  // Gone where it was kept before: what goes by mail was cut off after that.
  await rename(join(home.messages, name), keptPath(home, number)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await syncDirectory(home.messages);
}

/** Removes those that no sending needs. */
export async function tidyDrafts(home: Home, client: Client): Promise<void> {
  const needed = new Set((await client.sending.unfinished()).flatMap(draftsOf));
  const names = await readdir(home.messages).catch(() => []);
  for (const name of names)
    if (name.startsWith(prefix) && !needed.has(name)) await rm(join(home.messages, name), { force: true });
}

/** The names of what is kept for a sending that was cut off. */
function draftsOf(entry: UnfinishedEntry): readonly string[] {
  const whole = parseSource(entry.mail?.source);
  return [draftOf(entry) ?? [], whole !== undefined && 'mail' in whole ? whole.mail : []].flat();
}

/** The name of the text of a sending that was cut off. */
export function draftOf({ parts }: UnfinishedEntry): string | undefined {
  for (const { source } of parts) {
    const known = parseSource(source);
    if (known !== undefined && 'text' in known) return known.text;
  }
  return undefined;
}

/**
 * Keeps a list of sendings that cannot be read under another name, which it gives, and the texts that it may name under others: no command
 * needs them, and nothing is lost.
 */
export async function setSendingAside({ directory, messages }: Home): Promise<string> {
  const names = await readdir(messages).catch(() => []);
  for (const name of names)
    if (name.startsWith(prefix)) await rename(join(messages, name), join(messages, `aside-${name}`));
  const path = join(directory, 'sending.json');
  const { mtimeMs } = await stat(path);
  const aside = `sending.damaged-${Math.floor(mtimeMs)}.json`;
  await rename(path, join(directory, aside));
  await syncDirectory(directory);
  return aside;
}
