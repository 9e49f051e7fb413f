import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import type { Client, InboxEntry } from '../client/api.ts';
import { BeckonError } from '../errors.ts';
import { command, homeOption, jsonOption, type HomeOption, type JsonOption } from './command.ts';
import type { Face } from './face.ts';
import { AdvisedError, misused } from './failure.ts';
import { safeFileName } from './file-name.ts';
import { openFileSink } from './file-sink.ts';
import { formatSize } from './format.ts';
import type { Home } from './home.ts';
import { eachPart, fetchTo, isThere, keptPath, openEntry, openWhole } from './kept-message.ts';
import { messageNumber } from './number.ts';
import { withClient, type ClientParts } from './open-client.ts';
import { saveInside, type SavedFile } from './save-inside.ts';
import { safeLine } from './safe-text.ts';

type Options = HomeOption & JsonOption & { readonly inside?: boolean };

/** `beckon save`: into PATH.beckon-part, resumed by the next attempt, PATH once everything is verified. Never overwrites. */
export function saveCommand(parts: ClientParts): Command {
  const { face } = parts;
  return command('save', 'save a message or a part of it, as it was sent; of several parts, all', [
    'save 8',
    'save 8 drawing.png',
    'save 7 some/directory',
    'save 9 --inside',
  ])
    .argument('<number>', 'as "beckon inbox" shows it')
    .argument('[path]', 'a new file, or a directory (default: the name it has, here)')
    .option('--inside', 'of a mail: the files inside it, into a directory')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (typed: string, path: string | undefined, options: Options) => {
      const number = messageNumber(typed);
      // Told one by one: where a later part fails, those before it lie there all the same.
      const tell = ({ path, length }: SavedFile): void => {
        if (!options.json) face.print(`saved  ${safeLine(path)}  ${formatSize(length)}, verified`);
      };
      const saved = await withClient(parts, options, (client, home) =>
        options.inside
          ? saveInside(face, client, home, number, face.path(path ?? '.'), tell)
          : saveAll(face, client, home, number, path, tell),
      ).catch(adviseOnName);
      if (options.json) face.printJson(saved);
    });
}

async function saveAll(
  face: Face,
  client: Client,
  home: Home,
  number: number,
  typed: string | undefined,
  tell: (saved: SavedFile) => void,
): Promise<readonly SavedFile[]> {
  const entry = await openWhole(client, number);
  const entries = entry.cover ? (entry.parts ?? []) : [entry];
  const target = face.path(typed ?? '.');
  const isDirectory = (await stat(target).catch(() => undefined))?.isDirectory() ?? false;
  if (!isDirectory && entries.length > 1)
    throw misused(
      `message ${number} has ${entries.length} parts`,
      'name a directory that is there, or save one part',
    );
  const saved: SavedFile[] = [];
  const names = new Set<string>();
  await eachPart(face, client, entry, async ({ number: part }) => {
    const opened = await openEntry(client, part);
    const path = isDirectory ? join(target, freeName(names, opened)) : target;
    if (entries.length > 1 && (await isSpent(home, opened)))
      return face.note(`part ${part} was saved before`);
    const one = await saveOne(face, client, home, opened, path);
    tell(one);
    saved.push(one);
  });
  return saved;
}

function adviseOnName(cause: unknown): never {
  if (!(cause instanceof BeckonError) || cause.code !== 'exists') throw cause;
  throw new AdvisedError('exists', cause.message, 'name another file or directory behind the number', {
    cause,
  });
}

/** Two parts of one message may bear the same name. */
function freeName(taken: Set<string>, entry: InboxEntry): string {
  const plain = safeFileName(entry.fileName, entry);
  const name = taken.has(plain) ? safeFileName(`${entry.number}-${plain}`, entry) : plain;
  taken.add(name);
  return name;
}

/** SavedFile by an earlier command, and kept neither here nor at the sender's domain. */
async function isSpent(home: Home, { number, status, kept }: InboxEntry): Promise<boolean> {
  return status === 'accepted' && kept !== true && !(await isThere(keptPath(home, number)));
}

async function saveOne(
  face: Face,
  client: Client,
  home: Home,
  entry: InboxEntry,
  path: string,
): Promise<SavedFile> {
  const { number, status, kept, length = 0, sha256 = '' } = entry;
  if (!(await stat(dirname(path)).catch(() => undefined))?.isDirectory())
    throw misused(`${dirname(path)} is no directory`);
  const fromDomain = kept === true && !(await isThere(keptPath(home, number)));
  if (status === 'accepted' && !fromDomain) await copyKept(keptPath(home, number), number, path);
  else await fetchTo(face, client, number, path);
  return { number, path, length, sha256 };
}

async function copyKept(kept: string, number: number, path: string): Promise<void> {
  if (!(await isThere(kept)))
    throw new AdvisedError(
      'message_gone',
      `message ${number} was saved before, and its sender's domain does not keep it any more`,
      'look for the file that it was saved to',
    );
  const sink = await openFileSink(path);
  try {
    await sink.truncate(0);
    for await (const piece of createReadStream(kept)) await sink.write(piece as Uint8Array);
    await sink.commit();
  } finally {
    await sink.close();
  }
}
