import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { command, configOption, group, jsonOption, type ConfigOption, type JsonOption } from './command.ts';
import { findConfig } from './config-file.ts';
import type { Face } from './face.ts';

/** `beckon config ...` */
export function configCommand({ face }: { readonly face: Face }): Command {
  const check = command(
    'check',
    'read the configuration; a mistake is shown with line and key',
    'config check',
  )
    .addOption(configOption())
    .addOption(jsonOption())
    .action((options: ConfigOption & JsonOption) => {
      const file = findConfig(face, options);
      const config = loadConfig(file, face.environment);
      if (options.json) face.printJson({ file, config });
      else face.print(`ok    ${file}`);
    });
  return group('config', 'the configuration', [check]);
}
