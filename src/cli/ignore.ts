import type { Command } from 'commander';
import type { IgnoredSender } from '../client/api.ts';
import { command, homeOption, jsonOption, type HomeOption, type JsonOption } from './command.ts';
import type { Face } from './face.ts';
import { misused } from './failure.ts';
import { messageNumber } from './number.ts';
import { withClient, type ClientParts } from './open-client.ts';
import { safeLine } from './safe-text.ts';

interface Options extends HomeOption, JsonOption {
  readonly sender?: string;
  readonly undo?: boolean;
  readonly list?: boolean;
}

/** `beckon ignore`: done with a message, unread, or with all of a sender's; the sender does not learn of it. */
export function ignoreCommand(parts: ClientParts): Command {
  return command('ignore', 'be done with a message without fetching it, or with a sender from now on', [
    'ignore 9',
    'ignore --sender mallory@gamma.test',
    'ignore --sender mallory@gamma.test --undo',
    'ignore --list',
  ])
    .argument('[number]', 'as "beckon inbox" shows it')
    .option(
      '--sender <address>',
      'ignore all that comes from there: your domain drops it, and they cannot notice',
    )
    .option('--undo', 'take that back')
    .option('--list', 'show whom you ignore')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (typed: string | undefined, options: Options) => {
      const { sender, undo = false, list = false } = options;
      const wanted = [typed, sender, list || undefined].filter((one) => one !== undefined);
      if (wanted.length !== 1 || (undo && sender === undefined))
        throw misused('what is to be ignored?', 'give a number, --sender ADDRESS, or --list');
      if (sender !== undefined) return await ignoreSender(parts, sender, !undo, options);
      if (list) return await listSenders(parts, options);
      await ignoreMessage(parts, messageNumber(typed ?? ''), options);
    });
}

async function ignoreMessage(parts: ClientParts, number: number, options: Options): Promise<void> {
  const entry = await withClient(parts, options, (client) => client.ignore(number));
  if (options.json) parts.face.printJson(entry);
  else parts.face.print(`ignored  ${number}`);
}

async function ignoreSender(
  parts: ClientParts,
  sender: string,
  on: boolean,
  options: Options,
): Promise<void> {
  const { face } = parts;
  const result = await withClient(parts, options, (client) => client.ignoreSender(sender, on));
  if (options.json) face.printJson(result);
  else face.print(`${on ? 'ignored' : 'not ignored any more'}  ${safeLine(result.address)}`);
  if (!options.json && on && result.notTold === undefined)
    face.note('what came before stays in the inbox; answers to what you send there will not reach you');
  warnIfNotTold(face, result);
}

function warnIfNotTold(face: Face, { ignored, notTold }: IgnoredSender): void {
  if (notTold === undefined) return;
  const meanwhile = ignored
    ? 'until then this client passes over what comes'
    : 'until then it drops what comes';
  face.warn(`your domain does not know yet (${notTold}): the next "beckon inbox" tells it; ${meanwhile}`);
}

async function listSenders(parts: ClientParts, options: Options): Promise<void> {
  const { face } = parts;
  const senders = await withClient(parts, options, async (client) => client.ignoredSenders());
  if (options.json) return face.printJson(senders);
  for (const address of senders) face.print(safeLine(address));
  if (senders.length === 0) face.note('nobody is ignored');
}
