import { Option, type Command } from 'commander';
import { takedownReasonNames, type TakedownReason } from '../wire/registry.ts';
import { askDaemon, type AdminParts } from './admin.ts';
import { command, configOption, jsonOption, type ConfigOption, type JsonOption } from './command.ts';

interface Options extends ConfigOption, JsonOption {
  readonly reason: TakedownReason;
}

/** `beckon takedown`: exit code 1 where nothing waited any more. */
export function takedownCommand(parts: AdminParts): Command {
  const { face } = parts;
  return command(
    'takedown',
    'stop serving a message that a user of this host sent, and all that share its payload',
    'takedown vzwyjknzmonk6pvp --reason malware',
  )
    .argument('<handle>', 'its trace handle, as the recipient and "beckon sent" show it')
    .addOption(
      new Option('--reason <reason>', 'what the sender is told')
        .choices(takedownReasonNames)
        .makeOptionMandatory(),
    )
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (handle: string, options: Options) => {
      const { reason } = options;
      const taken = await askDaemon(parts, options, (admin) => admin.takedown(handle, reason));
      if (options.json) face.printJson(taken);
      else if (taken.outcome === 'taken_down')
        face.print(
          taken.ended === 0
            ? 'it was taken down before'
            : `${taken.ended} ${taken.ended === 1 ? 'message is' : 'messages are'} served no more; the sender sees: ${reason}`,
        );
      if (taken.outcome === 'gone')
        face.warn('nothing waits with this payload any more: it was accepted, withdrawn or expired');
    });
}
