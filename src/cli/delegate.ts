import type { Command } from 'commander';
import type { Delegated } from '../client/api.ts';
import { command, homeOption, jsonOption, type HomeOption, type JsonOption } from './command.ts';
import { messageNumber } from './number.ts';
import { withClient, type ClientParts } from './open-client.ts';

const words: Readonly<Record<Delegated['state'], string>> = {
  waiting: 'your domain fetches it, sealed as it is, within a quarter of an hour',
  pulled: 'your domain has a copy',
  unknown: 'your domain knows nothing of it',
};

/** `beckon delegate`: the own domain fetches a message and keeps it, sealed as it is. */
export function delegateCommand(parts: ClientParts): Command {
  const { face } = parts;
  return command(
    'delegate',
    'have your own domain fetch a message, so that you can read it later',
    'delegate 7',
  )
    .argument('<number>', 'as "beckon inbox" shows it')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (typed: string, options: HomeOption & JsonOption) => {
      const number = messageNumber(typed);
      const delegated = await withClient(parts, options, (client) => client.delegate(number));
      if (options.json) face.printJson(delegated);
      for (const { number: one, state } of delegated)
        if (state === 'unknown') face.warn(`message ${one}: ${words[state]}`);
        else if (!options.json)
          face.print(`${state === 'pulled' ? 'pulled   ' : 'delegated'} ${one}  ${words[state]}`);
    });
}
