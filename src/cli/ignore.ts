import type { Command } from 'commander';
import { command, homeOption, jsonOption, type HomeOption, type JsonOption } from './command.ts';
import { messageNumber } from './number.ts';
import { withClient, type ClientParts } from './open-client.ts';

/** `beckon ignore`: done with it, unread; its sender does not learn of it. */
export function ignoreCommand(parts: ClientParts): Command {
  const { face } = parts;
  return command('ignore', 'be done with a message without fetching it', 'ignore 9')
    .argument('<number>', 'as "beckon inbox" shows it')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (typed: string, options: HomeOption & JsonOption) => {
      const number = messageNumber(typed);
      const entry = await withClient(parts, options, (client) => client.ignore(number));
      if (options.json) face.printJson(entry);
      else face.print(`ignored  ${number}`);
    });
}
