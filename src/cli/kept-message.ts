/**
 * Messages that were read here are kept in the home directory: their domain does not keep them once they are accepted. What was read on another
 * device comes from the own domain, where that keeps it.
 */
import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { failed, isMissing, makePrivateDirectory } from '../admin/durable-file.ts';
import type { Client, InboxEntry } from '../client/api.ts';
import { BeckonError, type ErrorCode } from '../errors.ts';
import type { Face } from './face.ts';
import { AdvisedError } from './failure.ts';
import { openFileSink } from './file-sink.ts';
import { formatTime } from './format.ts';
import type { Home } from './home.ts';
import { createProgressBar } from './progress.ts';

/** What can be shown on a terminal; more is saved. */
export const maxShown = 32 << 20;

/** Where the content of a message is kept. */
export function keptPath(home: Home, number: number): string {
  return join(home.messages, String(number));
}

/** Opens a message that waits. Throws why it cannot be opened. */
export async function openEntry(client: Client, number: number): Promise<InboxEntry> {
  const before = client.entry(number);
  const entry = before.status === 'waiting' ? await client.open(number) : before;
  if (entry.status === 'opened' || entry.status === 'accepted') return entry;
  if (entry.restUntil !== undefined)
    throw new AdvisedError(
      'unavailable',
      `message ${number} is part of one whose rest has not come yet`,
      `look again: beckon inbox; without the rest it is shown from ${formatTime(entry.restUntil)} on`,
    );
  const code = (entry.refusal ?? entry.held ?? 'message_gone') as ErrorCode;
  const reasons: Partial<Record<InboxEntry['status'], string>> = {
    waiting: `message ${number} cannot be opened now`,
    refused: `message ${number} was refused: it is not what its sender signed, or not for you`,
    withdrawn: `message ${number} was withdrawn by its sender`,
    expired: `message ${number} expired before it was fetched`,
    ignored: `message ${number} was ignored`,
  };
  throw new BeckonError(code, reasons[entry.status] ?? `message ${number} is not there`);
}

/** While they wait, nobody can tell a message of several parts from its parts: then the whole is meant. Throws as `openEntry`. */
export async function openWhole(client: Client, number: number): Promise<InboxEntry> {
  const before = client.entry(number);
  const waited = before.status === 'waiting';
  // The rest of it may be there by now.
  if (before.restUntil !== undefined) await client.sync();
  const opened = await openEntry(client, number);
  const whole = client.inbox().find(({ parts = [] }) => parts.some((part) => part.number === number));
  return waited && whole !== undefined ? await openEntry(client, whole.number) : opened;
}

/** What ended before it was read: nothing brings it back, and it holds up nothing else. */
const ended: readonly InboxEntry['status'][] = ['withdrawn', 'expired', 'refused', 'ignored'];

export function isGone({ status }: InboxEntry): boolean {
  return ended.includes(status);
}

/**
 * Does something about a message, or about each part of it: of parts that are gone it is said so, and the others are there all the same. Throws as
 * the action where nothing is there, or may be later.
 */
export async function eachPart(
  face: Face,
  client: Client,
  whole: InboxEntry,
  action: (one: InboxEntry) => Promise<void>,
): Promise<void> {
  if (whole.cover !== true) return await action(whole);
  const { parts = [] } = whole;
  const gone: unknown[] = [];
  for (const part of parts)
    await action(part).catch((error: unknown) => {
      if (!isGone(client.entry(part.number))) throw error;
      gone.push(error);
    });
  if (gone.length > 0 && gone.length === parts.length) throw gone[0];
  for (const error of gone) face.warn(error instanceof Error ? error.message : 'a part is gone');
}

/** Fetches the content of an opened message into the home directory unless it is there, and gives where it is. */
export async function keepMessage(
  face: Face,
  client: Client,
  home: Home,
  { number, status, kept }: InboxEntry,
): Promise<string> {
  const path = keptPath(home, number);
  if (status === 'accepted' && (kept !== true || (await isThere(path)))) return path;
  await makePrivateDirectory(home.messages);
  // What a crash left between writing the file and noting it.
  await rm(path, { force: true });
  await fetchTo(face, client, number, path);
  return path;
}

export async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

/** Streams the content of a message to a new file, resumed where an earlier attempt ended, and accepts it. */
export async function fetchTo(face: Face, client: Client, number: number, path: string): Promise<InboxEntry> {
  const sink = await openFileSink(path);
  const bar = createProgressBar(face, 'fetching');
  try {
    return await client.payload(number, sink, bar.show);
  } finally {
    bar.end();
    await sink.close();
  }
}

/** The kept content. Throws `message_gone` where it was saved elsewhere, `too_large` for what is not to be shown. */
export async function readKept(path: string, number: number): Promise<Uint8Array> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    if (!isMissing(cause)) throw failed(path, cause);
    throw new AdvisedError(
      'message_gone',
      `message ${number} is not kept here any more`,
      'it was saved to a file with beckon save',
    );
  });
  try {
    const { size } = await file.stat();
    if (size > maxShown)
      throw new AdvisedError('too_large', `message ${number} is too large to show`, `beckon save ${number}`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}
