import type { Command } from 'commander';
import { rewriteKeyFiles } from '../admin/key-files.ts';
import { keySealer, sealerOfFile } from '../admin/key-sealer.ts';
import { isRunning, type AdminParts } from './admin.ts';
import { command, configOption, jsonOption, type ConfigOption, type JsonOption } from './command.ts';
import { readConfig } from './config-file.ts';
import { AdvisedError, misused } from './failure.ts';
import { formatNumber } from './format.ts';

interface Options extends ConfigOption, JsonOption {
  readonly passphraseFile?: string;
  readonly off?: boolean;
}

/** `beckon keys protect`: key files under another passphrase, or plain again; while the daemon is stopped. */
export function protectCommand(
  parts: AdminParts & { readonly random: (length: number) => Uint8Array },
): Command {
  const { face, openAdmin, random } = parts;
  return command(
    'protect',
    'encrypt the key files under another passphrase, or not at all; the daemon must be stopped',
    ['keys protect --passphrase-file /root/new-passphrase', 'keys protect --off'],
  )
    .option('--passphrase-file <file>', 'its first line is the new passphrase')
    .option('--off', 'decrypt them')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (options: Options) => {
      if ((options.passphraseFile === undefined) === (options.off !== true))
        throw misused('--passphrase-file FILE or --off?', 'beckon keys protect --help');
      const config = readConfig(face, options);
      if (await isRunning(openAdmin, config.listen.admin.path))
        throw new AdvisedError(
          'state_locked',
          'the daemon is running and would write the keys as before',
          'stop it first',
        );
      const from = await keySealer(config, random);
      const to =
        options.passphraseFile === undefined
          ? undefined
          : await sealerOfFile(face.path(options.passphraseFile), random);
      const written = await rewriteKeyFiles(config.data, { from, to });
      if (options.json) return face.printJson({ written, encrypted: to !== undefined });
      face.print(
        `wrote   ${formatNumber(written, 'key file')}${to === undefined ? ', plain' : ', encrypted'}`,
      );
      face.print(
        to === undefined
          ? 'next    set keys.passphrase_file = "", then beckon serve'
          : `next    set keys.passphrase_file to a file with the new passphrase, then beckon serve`,
      );
    });
}
