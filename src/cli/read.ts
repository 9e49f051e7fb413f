import type { Command } from 'commander';
import type { Client, InboxEntry } from '../client/api.ts';
import type { Clock } from '../clock.ts';
import { command, homeOption, jsonOption, type HomeOption, type JsonOption } from './command.ts';
import type { Face } from './face.ts';
import { formatSize } from './format.ts';
import type { Home } from './home.ts';
import { entryLines, statusText } from './inbox-lines.ts';
import { eachPart, isGone, keepMessage, maxShown, openEntry, openWhole, readKept } from './kept-message.ts';
import { messageNumber } from './number.ts';
import { withClient, type ClientParts } from './open-client.ts';
import { safeBlock, shortLine } from './safe-text.ts';
import { headLines, mailLines, parseMail, type ShownMail } from './show-mail.ts';

const mailType = 'message/rfc822';

/** `beckon read`: opens, fetches, verifies and shows; other parts are named. */
export function readCommand(parts: ClientParts & { readonly clock: Clock }): Command {
  const { face, clock } = parts;
  return command('read', 'show a message; one that waits is opened and fetched first', 'read 7')
    .argument('<number>', 'as "beckon inbox" shows it')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (typed: string, options: HomeOption & JsonOption) => {
      const number = messageNumber(typed);
      const shown = await withClient(parts, options, (client, home) => read(face, client, home, number));
      if (options.json) face.printJson(shown);
      else print(face, shown, clock.seconds());
    });
}

interface Shown {
  readonly entry: InboxEntry;
  /** The part that is shown, or the message itself. */
  readonly part?: InboxEntry;
  readonly mail?: ShownMail;
  readonly text?: string;
  /** Numbers of what can only be saved. */
  readonly toSave: readonly InboxEntry[];
}

async function read(face: Face, client: Client, home: Home, asked: number): Promise<Shown> {
  const opened = await openWhole(client, asked);
  const { number } = opened;
  let found: { readonly part: InboxEntry; readonly bytes: Uint8Array } | undefined;
  // The first part that can be shown is fetched; others wait until they are saved.
  await eachPart(face, client, opened, async (one) => {
    if (found !== undefined || !isReadable(one)) return;
    const part = await openEntry(client, one.number);
    if (!isReadable(part)) return;
    found = { part, bytes: await readKept(await keepMessage(face, client, home, part), one.number) };
  });
  const entry = client.entry(number);
  const all = entry.cover ? (entry.parts ?? []) : [entry];
  const toSave = all.filter((other) => other.number !== found?.part.number);
  if (found === undefined) return { entry, toSave };
  const { part, bytes } = found;
  return part.mediaType === mailType
    ? { entry, part, mail: await parseMail(bytes), toSave }
    : { entry, part, text: new TextDecoder().decode(bytes), toSave };
}

function isReadable({ mediaType = '', length = 0 }: InboxEntry): boolean {
  return (mediaType === mailType || mediaType === 'text/plain') && length <= maxShown;
}

function print(face: Face, { entry, part, mail, text, toSave }: Shown, now: number): void {
  const lines =
    mail !== undefined && part !== undefined
      ? mailLines({ ...part, handle: entry.handle }, mail)
      : [...headLines(entry), ...(text === undefined ? [] : ['', ...safeBlock(text).trimEnd().split('\n')])];
  for (const line of lines) face.print(line);
  if (toSave.length === 0) return;
  face.print();
  for (const other of toSave)
    if (other.mediaType === undefined) for (const line of entryLines(other, now)) face.print(line);
    else face.print(saveLine(other, now));
}

function saveLine(entry: InboxEntry, now: number): string {
  const { number, fileName, mediaType = '', length = 0 } = entry;
  const name = fileName === undefined ? shortLine(mediaType, 60) : shortLine(fileName, 60);
  return `File     ${name} (${shortLine(mediaType, 60)}, ${formatSize(length)}): ${isGone(entry) ? statusText(entry, now) : `beckon save ${number}`}`;
}
