import type { Command } from 'commander';
import { readBody } from './body.ts';
import { command, homeOption, jsonOption, type HomeOption, type JsonOption } from './command.ts';
import { deliver, deliverMessage, showDelivery, type DeliveryParts } from './delivery.ts';
import { misused } from './failure.ts';
import { withClient, type ClientParts } from './open-client.ts';
import { quantity } from './quantity.ts';
import { messageNumber } from './number.ts';
import { sortWords, type SendWords } from './recipients.ts';
import { sentAgain } from './send-again.ts';
import { discardSending, resumeSending } from './unfinished.ts';

export interface MessageOptions extends HomeOption, JsonOption {
  readonly subject?: string;
  readonly body?: string;
  readonly expires?: string;
  readonly partial?: boolean;
  readonly from?: string;
  readonly again?: string;
  readonly mail?: boolean;
  readonly delivered?: boolean;
  readonly resume?: string | true;
  readonly discard?: string | true;
}

/** `beckon send`: to all recipients or, without --partial, to none. */
export function sendCommand(parts: ClientParts & DeliveryParts): Command {
  const { face } = parts;
  return command('send', 'send a text, files, or both; shows how each recipient is reached', [
    'send bob@beta.test -s "The drawing" --body "Here it is." lighthouse.png',
    'send bob@beta.test carol@gamma.test < letter.txt',
    'send https://beckon.beta.test/.well-known/beckon/cards/...#... -s "Hello" < letter.txt',
    'send --mail dave@legacy.test -s "By post" < letter.txt',
    'send --again 12 lighthouse.png',
    'send --resume',
  ])
    .argument(
      '[to-or-file...]',
      'addresses, contact cards (links) and files; what contains @ and is no file is an address',
    )
    .option('-s, --subject <text>', 'subject of the text')
    .option('--body <text>', 'the text (default: standard input, else your editor)')
    .option('--mail', 'by mail, in clear text, to those who take nothing else: for this message')
    .option('--delivered', 'of what goes by mail: tell when a server has taken it')
    .option('--expires <duration>', 'how long it may wait at your domain, from 1h to 90d (default: 14d)')
    .option(
      '--again <number>',
      'what expired unfetched, to whom it did, with all its files: by introduction now',
    )
    .option(
      '--resume [number]',
      'what was cut off, from what your domain has of it; name files that were moved',
    )
    .option('--discard [number]', 'drop what was cut off, and take back what went out')
    .option('--from <address>', 'an alias of yours (default: your address)')
    .option('--partial', 'send to those who can be written to though others cannot')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (words: string[], options: MessageOptions) => {
      if (options.expires !== undefined) quantity.duration(options.expires);
      const { to, files } = await sortWords(face, words);
      if (options.resume !== undefined || options.discard !== undefined)
        return await sendOrDrop(parts, options, { to, files });
      if (options.again !== undefined) return await sendAgain(parts, options, options.again, { to, files });
      if (to.length === 0) throw misused('no recipient', 'an address looks like alice@example.org');
      const body = await readBody(face, options.body, files.length > 0);
      const { subject, expires, partial, from, mail, delivered } = options;
      const byMail = { mail, delivered };
      const result = await withClient(parts, options, (client, home) =>
        deliver(parts, client, { to, files, body, subject, expires, partial, from, byMail }, home),
      );
      showDelivery(face, result, options.json);
    });
}

/** `--resume` and `--discard`. */
async function sendOrDrop(
  parts: ClientParts & DeliveryParts,
  options: MessageOptions,
  { to, files }: SendWords,
): Promise<void> {
  const { resume: typed, discard, json, home: _, ...others } = options;
  // A file right behind it: of the only one that was cut off.
  const isFile = typeof typed === 'string' && !/^\d+$/.test(typed);
  const resume = isFile ? true : typed;
  const alone = to.length === 0 && Object.keys(others).length === 0;
  if (discard === undefined && resume !== undefined && alone) {
    const result = await withClient(parts, options, (client, home) =>
      resumeSending(parts, client, home, resume, isFile ? [parts.face.path(typed), ...files] : files),
    );
    return showDelivery(parts.face, result, json, 'try again later, or drop it: --discard');
  }
  if (discard === undefined || resume !== undefined || !alone || files.length > 0)
    throw misused('--resume takes nothing but files, --discard nothing', 'the rest is as it was');
  const number = await withClient(parts, options, (client, home) => discardSending(client, home, discard));
  if (json) parts.face.printJson({ number, discarded: true });
  else parts.face.print(`dropped ${number}: what went out is taken back`);
}

async function sendAgain(
  parts: ClientParts & DeliveryParts,
  options: MessageOptions,
  typed: string,
  { to, files }: SendWords,
): Promise<void> {
  const number = messageNumber(typed);
  const { body, subject, from, expires, partial = false } = options;
  if (to.length > 0 || [body, subject, from].some((option) => option !== undefined))
    throw misused('--again takes nothing but files', 'recipients, text and subject are those that it had');
  const result = await withClient(parts, options, async (client, home) => {
    const message = await sentAgain(client, home, number, files);
    const until =
      expires === undefined ? {} : { expires: parts.clock.seconds() + quantity.duration(expires) };
    return await deliverMessage(parts, client, { ...message, partial, ...until });
  });
  showDelivery(parts.face, result, options.json);
}
