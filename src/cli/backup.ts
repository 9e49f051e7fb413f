import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Clock } from '../clock.ts';
import { loadConfig } from '../config.ts';
import { BeckonError, errorCodes } from '../errors.ts';
import type { AdminHandlers, BackupState } from '../http/admin-handlers.ts';
import { askDaemon, isRunning, type AdminParts } from './admin.ts';
import { command, configOption, jsonOption, type ConfigOption, type JsonOption } from './command.ts';
import { findConfig } from './config-file.ts';
import { formatNumber, formatSize } from './format.ts';

export interface BackupCommandParts extends AdminParts {
  readonly clock: Clock;
  readonly version: string;
}

/** Milliseconds between two looks at a backup that is being made. */
const lookAgain = 200;

/** `beckon backup`: of everything the daemon must not lose. */
export function backupCommand(parts: BackupCommandParts): Command {
  const { face, openAdmin } = parts;
  return command(
    'backup',
    'copy store, keys and configuration into a new directory; the daemon goes on',
    'backup /backup/beckon-2027-01-31',
  )
    .argument('<dir>', 'is made; it holds private keys, so keep it as safe as this machine')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (typed: string, options: ConfigOption & JsonOption) => {
      const directory = face.path(typed);
      const configFile = findConfig(face, options);
      const configuration = readFileSync(configFile, 'utf8');
      const config = loadConfig(configFile, face.environment);
      const made = (await isRunning(openAdmin, config.listen.admin.path))
        ? await askDaemon(parts, options, (admin) => byDaemon(admin, directory, configuration))
        : await (
            await import('../admin/stopped.ts')
          ).backupStopped(config, { ...parts, directory, configuration });
      const { files, bytes } = made;
      if (options.json) return face.printJson({ directory, files, bytes });
      face.print(
        `wrote   ${directory}: ${formatNumber(files, 'file')}, ${formatSize(bytes)}, private keys among them`,
      );
      face.print(`next    beckon check ${typed}, and take it to another machine`);
    });
}

async function byDaemon(
  admin: AdminHandlers,
  directory: string,
  configuration: string,
): Promise<{ readonly files: number; readonly bytes: number }> {
  let last: BackupState = await admin.startBackup({ directory, configuration });
  while (last.state === 'running') {
    await setTimeout(lookAgain);
    last = await admin.backupState();
  }
  const { files, bytes, code, detail } = last;
  if (last.state === 'done' && last.directory === directory && files !== undefined && bytes !== undefined)
    return { files, bytes };
  const known = errorCodes.find((one) => one === code) ?? 'internal';
  throw new BeckonError(known, detail ?? 'the daemon did not make the backup');
}
