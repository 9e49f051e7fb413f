/** Sending again what expired unfetched: the same parts, from the text that is kept here and the files as they were. */
import { basename } from 'node:path';
import type { Client, Outgoing, OutgoingPart, SentMessageEntry } from '../client/api.ts';
import { BeckonError } from '../errors.ts';
import { mediaTypes } from '../wire/registry.ts';
import { AdvisedError, misused } from './failure.ts';
import type { Home } from './home.ts';
import { keptPath, readKept } from './kept-message.ts';
import { filePart, formatSource, textPart } from './outgoing-parts.ts';
import { shortLine } from './safe-text.ts';

/**
 * What was sent under a number, for those for whom it expired. Throws `not_found`, `usage` where nothing expired or a file is missing,
 * `message_gone` where the text is not kept.
 */
export async function sentAgain(
  client: Client,
  home: Home,
  number: number,
  files: readonly string[],
): Promise<Outgoing> {
  const entry = (await client.sent()).find((sent) => sent.number === number);
  if (entry === undefined) throw new BeckonError('not_found', 'nothing was sent under this number');
  const expired = entry.recipients.filter(({ state }) => state === 'expired' || state === 'unknown');
  const [first] = expired;
  if (first === undefined)
    throw misused(`nothing of ${number} expired`, 'beckon sent shows what became of it');
  const parts: OutgoingPart[] = [];
  for (const message of first.messages.filter(({ mediaType }) => mediaType !== mediaTypes.cover))
    parts.push(await partOf(message, home, number, files));
  return { to: expired.map(({ to }) => to), parts, subject: entry.subject, again: number };
}

async function partOf(
  { fileName, mediaType }: SentMessageEntry,
  home: Home,
  number: number,
  files: readonly string[],
): Promise<OutgoingPart> {
  if (fileName === undefined)
    return {
      ...textPart(await readKept(keptPath(home, number), number), formatSource({ text: String(number) })),
      mediaType,
    };
  const path = files.find((file) => basename(file) === fileName);
  if (path === undefined)
    throw new AdvisedError(
      'usage',
      `${shortLine(fileName, 60)} is missing`,
      `name all files as they were sent: beckon send --again ${number} FILE...`,
    );
  return { ...(await filePart(path)), mediaType };
}
