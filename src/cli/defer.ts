import type { Command } from 'commander';
import type { Clock } from '../clock.ts';
import { command, homeOption, jsonOption, type HomeOption, type JsonOption } from './command.ts';
import { formatDuration } from './format.ts';
import { endOf } from './inbox-lines.ts';
import { messageNumber } from './number.ts';
import { withClient, type ClientParts } from './open-client.ts';
import { quantity } from './quantity.ts';
import { safeLine } from './safe-text.ts';

interface Options extends HomeOption, JsonOption {
  readonly for: string;
  readonly undo?: boolean;
}

/** A message comes up again so long before it ends, in seconds. */
const lastCall = 86_400;

/** `beckon defer`: a message waits where it is, and out of the list for a while, on all the user's devices. */
export function deferCommand(parts: ClientParts & { readonly clock: Clock }): Command {
  const { face, clock } = parts;
  return command('defer', 'leave a message where it waits, and out of the list for a while', [
    'defer 7',
    'defer 7 --for 3d',
    'defer 7 --undo',
  ])
    .argument('<number>', 'as "beckon inbox" shows it')
    .option('--for <duration>', 'how long, such as 12h or 3d; a day before it ends it shows again', '1d')
    .option('--undo', 'show it again now')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (typed: string, options: Options) => {
      const number = messageNumber(typed);
      // Once: what is said is what was asked for, however long asking took.
      const now = clock.seconds();
      const wanted = options.undo === true ? 0 : now + quantity.duration(options.for);
      const entry = await withClient(parts, options, async (client) => {
        const latest = endOf(client.entry(number)) - lastCall;
        return await client.defer(number, Math.max(0, Math.min(wanted, latest)));
      });
      if (options.json) return face.printJson(entry);
      const until = entry.deferred ?? 0;
      if (until <= now && options.undo !== true)
        return face.warn(`message ${number} ends within a day: it is still shown`);
      if (until <= now) return face.print(`shown    ${number}`);
      face.print(
        `deferred ${number} for ${formatDuration(until - now)}; it waits at ${safeLine(entry.senderDomain)} for ${formatDuration(endOf(entry) - now)}`,
      );
    });
}
