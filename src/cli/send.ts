import type { Command } from 'commander';
import { readBody } from './body.ts';
import { command, homeOption, jsonOption, type HomeOption, type JsonOption } from './command.ts';
import { deliver, showDelivery, type DeliveryParts } from './delivery.ts';
import { misused } from './failure.ts';
import { withClient, type ClientParts } from './open-client.ts';
import { quantity } from './quantity.ts';
import { sortWords } from './recipients.ts';

export interface MessageOptions extends HomeOption, JsonOption {
  readonly subject?: string;
  readonly body?: string;
  readonly expires?: string;
  readonly partial?: boolean;
  readonly from?: string;
}

/** `beckon send`: to all recipients or, without --partial, to none. */
export function sendCommand(parts: ClientParts & DeliveryParts): Command {
  const { face } = parts;
  return command('send', 'send a text, files, or both; shows how each recipient is reached', [
    'send bob@beta.test -s "The drawing" --body "Here it is." lighthouse.png',
    'send bob@beta.test carol@gamma.test < letter.txt',
  ])
    .argument('<to-or-file...>', 'addresses and files; what contains @ and is no file is an address')
    .option('-s, --subject <text>', 'subject of the text')
    .option('--body <text>', 'the text (default: standard input, else your editor)')
    .option('--expires <duration>', 'how long it may wait at your domain, from 1h to 90d (default: 14d)')
    .option('--from <address>', 'an alias of yours (default: your address)')
    .option('--partial', 'send to those who can be written to though others cannot')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (words: string[], options: MessageOptions) => {
      if (options.expires !== undefined) quantity.duration(options.expires);
      const { to, files } = await sortWords(face, words);
      if (to.length === 0) throw misused('no recipient', 'an address looks like alice@example.org');
      const body = await readBody(face, options.body, files.length > 0);
      const { subject, expires, partial, from } = options;
      const result = await withClient(parts, options, (client) =>
        deliver(parts, client, { to, files, body, subject, expires, partial, from }),
      );
      showDelivery(face, result, options.json);
    });
}
