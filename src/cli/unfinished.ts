/** Sendings that were cut off: shown, gone on with, dropped. */
import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Client, ContentOf, SendResult, UnfinishedEntry, UnfinishedPart } from '../client/api.ts';
import { BeckonError } from '../errors.ts';
import { sendShown, type DeliveryParts } from './delivery.ts';
import { draftOf, keepDraft, readDraft, tidyDrafts } from './drafts.ts';
import { AdvisedError, misused } from './failure.ts';
import { formatSize, formatTime } from './format.ts';
import type { Home } from './home.ts';
import { keptMail } from './mail-out.ts';
import { messageNumber } from './number.ts';
import { filePart, parseSource, textPart } from './outgoing-parts.ts';
import { shortLine } from './safe-text.ts';

/** What `beckon sent` prints of one. */
export function unfinishedLines({
  number,
  created,
  subject,
  to,
  done,
  total,
  mail,
}: UnfinishedEntry): string[] {
  const head = `${String(number).padStart(4)}  ${formatTime(created)}  ${shortLine(subject, 80)}`;
  const names = to.map((address) => shortLine(address, 80)).join(', ');
  return [
    head.trimEnd(),
    `      ${names}  not finished: ${done === total && mail !== undefined ? 'the mail is not' : `${formatSize(done)} of ${formatSize(total)} are`} at your domain`,
    `      beckon send --resume ${number} goes on, beckon send --discard ${number} drops it`,
  ];
}

/** Goes on with one, `true` meaning the only one; files that are elsewhere by now are named. Throws `usage`, `message_gone`, and as `deliver`. */
export async function resumeSending(
  parts: DeliveryParts,
  client: Client,
  home: Home,
  which: string | true,
  files: readonly string[],
): Promise<SendResult> {
  const entry = await chosen(client, which);
  const { number } = entry;
  const contentOf: ContentOf = (part) => contentAgain(parts, home, number, part, files);
  const result = await sendShown(
    parts,
    client,
    (progress, before) => client.sending.resume(number, contentOf, progress, before),
    number,
  );
  const draft = draftOf(entry);
  if (draft !== undefined && result.number !== undefined) await keepDraft(home, draft, result.number);
  await tidyDrafts(home, client);
  return result;
}

/** Gives the number of what was dropped. Throws `usage`, `not_found`, network codes. */
export async function discardSending(client: Client, home: Home, which: string | true): Promise<number> {
  const { number } = await chosen(client, which);
  await client.sending.discard(number);
  await tidyDrafts(home, client);
  return number;
}

async function chosen(client: Client, which: string | true): Promise<UnfinishedEntry> {
  const number = which === true ? undefined : messageNumber(which);
  const all = await client.sending.unfinished();
  const [first] = all;
  if (first === undefined) throw new BeckonError('not_found', 'nothing that was sent was cut off');
  if (number === undefined && all.length > 1)
    throw misused('more than one was cut off', 'beckon sent shows them: say the number');
  const found = number === undefined ? first : all.find((entry) => entry.number === number);
  if (found === undefined) throw new BeckonError('not_found', 'nothing that was cut off has this number');
  return found;
}

async function contentAgain(
  { face, random }: DeliveryParts,
  home: Home,
  number: number,
  { source, fileName = '', length }: UnfinishedPart,
  files: readonly string[],
): ReturnType<ContentOf> {
  const known = parseSource(source);
  if (known === undefined && length === 0) return textPart(new Uint8Array());
  if (known !== undefined && 'text' in known) return textPart(await readDraft(home, known.text, number));
  if (known !== undefined && 'mail' in known) {
    const kept = await readDraft(home, known.mail, number);
    return await keptMail(kept, async (file) => (await fileAgain(number, file, files)).path, random);
  }
  const { path, about } = await fileAgain(number, known?.file ?? fileName, files);
  if (about.size !== length || about.mtimeMs !== known?.modified)
    face.note(`note    ${shortLine(fileName, 60)} was written since: it is sent as it is now`);
  return await filePart(path);
}

/** A file as it was named, or another of its name that is named now. */
async function fileAgain(
  number: number,
  before: string,
  files: readonly string[],
): Promise<{ readonly path: string; readonly about: Stats }> {
  const name = basename(before);
  const path = files.find((file) => basename(file) === name) ?? before;
  const about = await stat(path).catch(() => undefined);
  if (about?.isFile() === true) return { path, about };
  throw new AdvisedError(
    'usage',
    `${shortLine(name, 60)} is not where it was`,
    `name it: beckon send --resume ${number} FILE...; or drop it: beckon send --discard ${number}`,
  );
}
