import type { Command } from 'commander';
import type { OwnKeysReport } from '../client/api.ts';
import { warnOfAlarms } from './alarms.ts';
import { command, homeOption, jsonOption, type HomeOption, type JsonOption } from './command.ts';
import { misused } from './failure.ts';
import { formatTime, table } from './format.ts';
import { withClient, type ClientParts } from './open-client.ts';

interface OwnOptions extends HomeOption, JsonOption {
  readonly revoke?: boolean;
  readonly dismiss?: boolean;
}

/** `beckon trust own`: the user's own keys, and what others are shown of them. Exit code 1 where something is wrong with that. */
export function ownCommand(parts: ClientParts): Command {
  const { face } = parts;
  return command(
    'own',
    'show since when your keys are in use, and what is wrong with what others are shown',
    ['trust own', 'trust own --revoke', 'trust own --dismiss'],
  )
    .option(
      '--revoke',
      'after theft: new keys at once; the old ones, and where others may write to, are void',
    )
    .option('--dismiss', 'forget the warnings: what is still wrong comes again')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async ({ revoke, dismiss, ...options }: OwnOptions) => {
      if (revoke && dismiss) throw misused('two things at once', 'either --revoke or --dismiss');
      const { keys, alarms } = await withClient(parts, options, async (client) => {
        if (revoke) await client.revokeKeys();
        if (dismiss) await client.dismissAlarms();
        return { keys: client.ownKeys(), alarms: client.alarms() };
      });
      if (options.json) face.printJson({ keys, alarms });
      else for (const line of ownLines(keys)) face.print(line);
      if (!keys.published)
        face.warn('your domain has not taken the newest keys yet: beckon inbox tries again');
      warnOfAlarms(face, alarms);
    });
}

function ownLines({ made, rotates, record, dropsSince }: OwnKeysReport): string[] {
  return table([
    ['keys of', formatTime(made)],
    ...(rotates === undefined ? [] : [['new ones', `after ${formatTime(rotates)}`]]),
    ['record', record],
    ...(dropsSince === undefined ? [] : [['revoked', `what came before ${formatTime(dropsSince)}`]]),
  ]);
}
