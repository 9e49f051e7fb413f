import type { Command } from 'commander';
import type { Client, RetractResult } from '../client/api.ts';
import { command, homeOption, jsonOption, type HomeOption, type JsonOption } from './command.ts';
import { table } from './format.ts';
import { AdvisedError, misused } from './failure.ts';
import { withClient, type ClientParts } from './open-client.ts';
import { shortLine } from './safe-text.ts';

/** `beckon retract`: exit code 1 where somebody has it already. */
export function retractCommand(parts: ClientParts): Command {
  const { face } = parts;
  return command('retract', 'take back what was not accepted yet, and ask the others to forget it', [
    'retract 12',
    'retract mfrggzdfmztwq2lk',
  ])
    .argument('<number-or-handle>', 'as "beckon sent" shows it')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (typed: string, options: HomeOption & JsonOption) => {
      const what = numberOrHandle(typed);
      const result = await withClient(parts, options, (client) => retract(client, what));
      if (options.json) face.printJson(result);
      else {
        const rows = result.recipients.map(({ to, outcome, asked }) => [
          shortLine(to, 80),
          outcomes[outcome],
          asked ? 'asked to forget it' : '',
        ]);
        for (const line of table(rows)) face.print(line);
      }
      const late = result.recipients.filter(({ outcome }) => outcome === 'already_accepted').length;
      if (late > 0) face.warn(`too late for ${late} of ${result.recipients.length}`);
    });
}

async function retract(client: Client, what: number | string): Promise<RetractResult> {
  for (const { number } of await client.sending.unfinished())
    if (number === what)
      throw new AdvisedError(
        'not_found',
        `${number} was not sent to its end`,
        `beckon send --discard ${number} drops it, and takes back what went out`,
      );
  return await client.retract(what);
}

function numberOrHandle(typed: string): number | string {
  if (/^[1-9]\d{0,8}$/.test(typed)) return Number(typed);
  if (/^[a-z2-7]{16}$/i.test(typed)) return typed.toLowerCase();
  throw misused(`${typed} is neither a number nor a trace handle`, 'beckon sent shows both');
}

const outcomes = {
  withdrawn: 'withdrawn, unread',
  withdrawn_maybe_read: 'withdrawn, perhaps read',
  already_accepted: 'accepted already',
  gone: 'expired before',
} as const;
