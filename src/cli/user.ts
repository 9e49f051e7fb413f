import type { Command } from 'commander';
import { formatAddress, parseAddress } from '../wire/address.ts';
import { canonicalDomain } from '../wire/domain-name.ts';
import { askDaemon, type AdminParts } from './admin.ts';
import { command, configOption, group, jsonOption, type ConfigOption, type JsonOption } from './command.ts';
import { misused } from './failure.ts';
import { formatSize, formatTime, table } from './format.ts';
import { safeLine } from './safe-text.ts';
import { exportCommand, reinviteCommand, removeCommand } from './user-life.ts';

/** `beckon user ...`: the users of the domains of a running daemon. */
export function userCommand(parts: AdminParts): Command {
  return group('user', 'the users of the domains', [
    addCommand(parts),
    listCommand(parts),
    suspendCommand(parts),
    reinviteCommand(parts),
    exportCommand(parts),
    removeCommand(parts),
    aliasCommand(parts),
  ]);
}

function addCommand(parts: AdminParts): Command {
  const { face } = parts;
  return command(
    'add',
    'invite a user, or invite again one who has not enrolled',
    'user add alice@example.org',
  )
    .argument('<address>')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (typed: string, options: ConfigOption & JsonOption) => {
      const address = canonical(typed);
      const issued = await askDaemon(parts, options, (admin) => admin.inviteUser(address));
      if (options.json) return face.printJson(issued);
      face.print(`invitation for ${address} (once, until ${formatTime(issued.expires)}):`);
      face.print(safeLine(issued.invitation));
      face.print('next    hand it over by a safe way; they run: beckon enroll INVITATION');
    });
}

function listCommand(parts: AdminParts): Command {
  const { face } = parts;
  return command('list', 'show them, of one domain or of all', 'user list example.org')
    .argument('[domain]')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (typed: string | undefined, options: ConfigOption & JsonOption) => {
      const users = await askDaemon(parts, options, async (admin) => {
        const domains =
          typed === undefined
            ? (await admin.domains()).map(({ domain }) => domain)
            : [canonicalDomain(typed)];
        return (await Promise.all(domains.map((domain) => admin.users(domain)))).flat();
      });
      if (options.json) return face.printJson(users);
      if (users.length === 0) face.note('nobody yet: beckon user add NAME@DOMAIN');
      const rows = users.map(({ address, state, created, bytes, devices }) => [
        safeLine(address),
        state,
        `since ${formatTime(created)}`,
        `${devices} ${devices === 1 ? 'device' : 'devices'}`,
        formatSize(bytes),
      ]);
      for (const line of table(rows)) face.print(line);
    });
}

function suspendCommand(parts: AdminParts): Command {
  const { face } = parts;
  return command('suspend', 'stop a user from sending and receiving; --off takes it back', [
    'user suspend alice@example.org',
    'user suspend alice@example.org --off',
  ])
    .argument('<address>')
    .option('--off', 'take it back')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (typed: string, options: ConfigOption & JsonOption & { off?: boolean }) => {
      const address = canonical(typed);
      const user = await askDaemon(parts, options, (admin) => admin.suspendUser(address, !options.off));
      if (options.json) return face.printJson(user);
      face.print(`${address}  ${user.state}`);
    });
}

function aliasCommand(parts: AdminParts): Command {
  const { face } = parts;
  return command('alias', 'show the further addresses of a user, give one or take it back (--remove)', [
    'user alias alice@example.org',
    'user alias alice@example.org info@example.org',
    'user alias alice@example.org info@example.org --remove',
  ])
    .argument('<address>')
    .argument('[alias]')
    .option('--remove', 'take it back')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(
      async (
        typed: string,
        typedAlias: string | undefined,
        options: ConfigOption & JsonOption & { remove?: boolean },
      ) => {
        const address = canonical(typed);
        if (typedAlias === undefined && options.remove) throw misused('say which alias to take back');
        const alias = typedAlias === undefined ? undefined : canonical(typedAlias);
        const held = await askDaemon(parts, options, (admin) =>
          alias === undefined ? admin.aliases(address) : admin.setAlias(address, alias, !options.remove),
        );
        if (options.json) return face.printJson(held);
        if (held.aliases.length === 0) face.print(`${address} has no aliases`);
        const rows = held.aliases.map((one) => [
          safeLine(one.address),
          one.listed ? 'listed' : 'waits until the user’s client signs for it',
        ]);
        for (const line of table(rows)) face.print(line);
      },
    );
}

function canonical(typed: string): string {
  return formatAddress(parseAddress(typed).address);
}
