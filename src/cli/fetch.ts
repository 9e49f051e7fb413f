import type { Command } from 'commander';
import type { Client, InboxEntry } from '../client/api.ts';
import type { Clock } from '../clock.ts';
import { command, homeOption, jsonOption, type HomeOption, type JsonOption } from './command.ts';
import type { Face } from './face.ts';
import type { Home } from './home.ts';
import { contentText } from './inbox-lines.ts';
import { eachPart, keepMessage, openEntry, openWhole } from './kept-message.ts';
import { messageNumber } from './number.ts';
import { withClient, type ClientParts } from './open-client.ts';

/** `beckon fetch`: a message with all its parts, verified, into the home directory; its sender's domain may drop it then. */
export function fetchCommand(parts: ClientParts & { readonly clock: Clock }): Command {
  const { face } = parts;
  return command('fetch', 'have a message here, with all its parts, to be read and saved later', 'fetch 7')
    .argument('<number>', 'as "beckon inbox" shows it')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (typed: string, options: HomeOption & JsonOption) => {
      const number = messageNumber(typed);
      // Told one by one: where a later part fails, those before it are here all the same.
      const tell = (entry: InboxEntry): void => {
        if (!options.json) face.print(`fetched  ${entry.number}  ${contentText(entry)}, verified`);
      };
      const fetched = await withClient(parts, options, (client, home) =>
        fetchAll(face, client, home, number, tell),
      );
      if (options.json) face.printJson(fetched);
    });
}

async function fetchAll(
  face: Face,
  client: Client,
  home: Home,
  number: number,
  tell: (entry: InboxEntry) => void,
): Promise<readonly InboxEntry[]> {
  const whole = await openWhole(client, number);
  const fetched: InboxEntry[] = [];
  await eachPart(face, client, whole, async ({ number: one }) => {
    const entry = await openEntry(client, one);
    await keepMessage(face, client, home, entry);
    tell(entry);
    fetched.push(client.entry(one));
  });
  return fetched;
}
