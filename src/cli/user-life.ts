import type { Command } from 'commander';
import { codeOf } from '../errors.ts';
import { formatAddress, parseAddress } from '../wire/address.ts';
import { askDaemon, type AdminParts } from './admin.ts';
import { command, configOption, jsonOption, type ConfigOption, type JsonOption } from './command.ts';
import { AdvisedError, misused } from './failure.ts';
import { formatNumber, formatSize, formatTime } from './format.ts';
import { safeLine } from './safe-text.ts';

/** `beckon user reinvite`: for who lost device and phrase, or had them stolen. */
export function reinviteCommand(parts: AdminParts): Command {
  const { face } = parts;
  return command('reinvite', 'let a user who lost everything begin anew under the same address', [
    'user reinvite alice@example.org',
    'user reinvite alice@example.org --revoke',
  ])
    .argument('<address>')
    .option('--revoke', 'the device was stolen: refuse it from now on, not only once the invitation is used')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (typed: string, options: ConfigOption & JsonOption & { revoke?: boolean }) => {
      const address = formatAddress(parseAddress(typed).address);
      const revoke = options.revoke === true;
      const issued = await askDaemon(parts, options, (admin) =>
        admin.reinviteUser(address, { revoke }),
      ).catch(adviseOnInvited);
      if (options.json) return face.printJson(issued);
      face.print(`invitation for ${address} (once, until ${formatTime(issued.expires)}):`);
      face.print(safeLine(issued.invitation));
      face.print(
        revoke
          ? 'now     their devices are refused; messages to them wait at their senders'
          : 'now     nothing changes; if the device was stolen, run it again with --revoke',
      );
      face.print('then    once it is used, their devices, recovery phrase, state and kept messages are gone');
      face.print(
        '        and correspondents are told that the keys changed: they should compare fingerprints',
      );
      face.print('next    make sure who asks, and hand it over by a safe way: beckon enroll INVITATION');
    });
}

/** An invitation that nobody used yet is simply made again. */
function adviseOnInvited(cause: unknown): never {
  if (codeOf(cause) !== 'not_found') throw cause;
  throw new AdvisedError(
    'not_found',
    'nobody enrolled under this address here',
    'who has not enrolled yet gets another invitation by: beckon user add',
    { cause },
  );
}

/** `beckon user export`: for the user who asks what is here about them. */
export function exportCommand(parts: AdminParts): Command {
  const { face } = parts;
  return command('export', 'write all that is here about a user into a new directory', [
    'user export alice@example.org /tmp/alice',
  ])
    .argument('<address>')
    .argument('<dir>', 'is made, by the daemon; the daemon must be allowed to write there')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (typed: string, dir: string, options: ConfigOption & JsonOption) => {
      const address = formatAddress(parseAddress(typed).address);
      const made = await askDaemon(parts, options, (admin) => admin.exportUser(address, face.path(dir)));
      if (options.json) return face.printJson(made);
      face.print(
        `wrote   ${safeLine(made.directory)}: ${formatNumber(made.files, 'file')}, ${formatSize(made.bytes)} of ciphertext`,
      );
      face.print(
        '        user.json says what is known: keys, devices, aliases, what was sent where and when',
      );
      face.print('        content, and who writes to this user, is not here: only the user can open it');
    });
}

/** `beckon user remove`. */
export function removeCommand(parts: AdminParts): Command {
  const { face } = parts;
  return command('remove', 'end an account for good', 'user remove alice@example.org --yes')
    .argument('<address>')
    .option('--yes', 'it is meant: nothing brings back what goes')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (typed: string, options: ConfigOption & JsonOption & { yes?: boolean }) => {
      const address = formatAddress(parseAddress(typed).address);
      if (options.yes !== true)
        throw misused(`${address} would lose devices, state, kept messages and aliases: say --yes`);
      const removed = await askDaemon(parts, options, (admin) => admin.removeUser(address));
      if (options.json) return face.printJson(removed);
      face.print(`${address} is removed; what they sent waits until it expires`);
    });
}
