import type { Command } from 'commander';
import type { PulledSender } from '../client/api.ts';
import { command, homeOption, jsonOption, type HomeOption, type JsonOption } from './command.ts';
import type { Face } from './face.ts';
import { misused } from './failure.ts';
import { formatDuration, formatSize } from './format.ts';
import { withClient, type ClientParts } from './open-client.ts';
import { safeLine } from './safe-text.ts';

interface Options extends HomeOption, JsonOption {
  readonly all?: boolean;
  readonly undo?: boolean;
  readonly list?: boolean;
}

/** `beckon pull`: the own domain fetches what comes from somebody, as it comes. */
export function pullCommand(parts: ClientParts): Command {
  return command(
    'pull',
    'have your own domain fetch what comes from somebody, so that nothing expires meanwhile',
    ['pull bob@beta.test', 'pull --all', 'pull --all --undo', 'pull --list'],
  )
    .argument('[address]', 'of whom you know')
    .option('--all', 'everybody whom you know, and do not ignore: before a holiday')
    .option('--undo', 'take that back; what was fetched stays until you read it')
    .option('--list', 'show whose messages are fetched, and the room for them')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (address: string | undefined, options: Options) => {
      const { all, undo = false, list } = options;
      const wanted = [address, all, list].filter((one) => one !== undefined);
      if (wanted.length !== 1 || (undo && list === true))
        throw misused('whose messages?', 'give an address, --all, or --list');
      if (list === true) return await listSenders(parts, options);
      const said = await withClient(parts, options, (client) =>
        address === undefined
          ? client.pullAll(!undo)
          : client.pullSender(address, !undo).then((one) => [one]),
      );
      show(parts.face, said, options);
    });
}

function show(face: Face, said: readonly PulledSender[], { json, undo = false }: Options): void {
  if (json) face.printJson(said);
  else
    for (const { address } of said)
      face.print(`${undo ? 'not pulled any more' : 'pulled'}  ${safeLine(address)}`);
  if (!json && said.length === 0) face.note(undo ? 'nothing is pulled' : 'you know nobody yet');
  const [notTold] = said.flatMap((one) => one.notTold ?? []);
  if (notTold === 'unsupported') face.warn('your domain fetches nothing for its users: ask who runs it');
  else if (notTold !== undefined)
    face.warn(`your domain does not know yet (${notTold}): the next "beckon inbox" tells it`);
}

async function listSenders(parts: ClientParts, options: Options): Promise<void> {
  const { face } = parts;
  const listed = await withClient(parts, options, (client) => client.pulledSenders());
  if (options.json) return face.printJson(listed);
  const { senders, room } = listed;
  for (const address of senders) face.print(safeLine(address));
  if (senders.length === 0) face.note('nothing is pulled');
  if (room === undefined) face.note('your domain fetches nothing for its users');
  else
    face.note(
      `copies at your domain: ${formatSize(room.used)} of ${formatSize(room.quota)}, each for ${formatDuration(room.keep)}`,
    );
}
