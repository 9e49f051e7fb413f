import type { Command } from 'commander';
import { askDaemon, type AdminParts } from './admin.ts';
import { command, configOption, jsonOption, type ConfigOption, type JsonOption } from './command.ts';
import { withHosterAdvice } from './hoster-advice.ts';
import { safeLine } from './safe-text.ts';

/** `beckon reload`: exit code 1 where a change waits for a restart. */
export function reloadCommand(parts: AdminParts): Command {
  const { face } = parts;
  return command('reload', 'make the daemon read configuration and certificates again', 'reload')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (options: ConfigOption & JsonOption) => {
      const outcome = await withHosterAdvice(askDaemon(parts, options, (admin) => admin.reload()));
      if (options.json) face.printJson(outcome);
      else face.print('reloaded');
      if (outcome.restartNeeded.length > 0)
        face.warn(`a restart is needed for: ${outcome.restartNeeded.map(safeLine).join(', ')}`);
    });
}
