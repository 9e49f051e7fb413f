import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Clock } from '../clock.ts';
import { configPaths, loadConfig } from '../config.ts';
import { command, jsonOption, type JsonOption } from './command.ts';
import { findingLines } from './check.ts';
import type { Face } from './face.ts';
import { formatNumber, formatTime } from './format.ts';

export interface RestoreCommandParts {
  readonly face: Face;
  readonly clock: Clock;
}

interface Options extends JsonOption {
  readonly config?: string;
  readonly data?: string;
}

/** `beckon restore`: a backup becomes an installation again. */
export function restoreCommand({ face, clock }: RestoreCommandParts): Command {
  return command(
    'restore',
    'make an installation out of a backup, here or on a new machine; nothing is overwritten',
    'restore /backup/beckon-2027-01-31 --config /etc/beckon/beckon.toml',
  )
    .argument('<dir>', 'what "beckon backup" made')
    .option(
      '--config <file>',
      'configuration; written from the backup where there is none (default: beckon.toml here)',
    )
    .option('--data <dir>', 'data directory (default: what the configuration says)')
    .addOption(jsonOption())
    .action(async (typed: string, options: Options) => {
      // Loaded when asked for: other commands start faster without the store.
      const { configName, restoreBackup, restoreConfig } = await import('../admin/restore.ts');
      const from = face.path(typed);
      const configFile = face.path(options.config ?? configPaths[0]);
      const isNew = statSync(configFile, { throwIfNoEntry: false }) === undefined;
      const config = loadConfig(isNew ? join(from, configName) : configFile, face.environment);
      const data = options.data === undefined ? config.data : face.path(options.data);
      const { manifest, check } = await restoreBackup({ from, data, clock });
      if (isNew) await restoreConfig(from, configFile);
      const { created, domains } = manifest;
      if (options.json) return face.printJson({ data, configFile, created, domains, check });
      face.print(`wrote   ${data}: ${formatNumber(domains.length, 'domain')} as of ${formatTime(created)}`);
      if (isNew) face.print(`wrote   ${configFile}`);
      if (data !== config.data) face.print(`edit    ${configFile}: data = ${JSON.stringify(data)}`);
      for (const line of findingLines(check)) face.print(line);
      face.print(
        'what came after the backup is not in it: messages that users sent since have to be sent again',
      );
      face.print(
        `next    beckon serve --config ${configFile}, then DNS where the machine has another address`,
      );
    });
}
