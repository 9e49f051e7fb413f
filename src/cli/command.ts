/** What all commands have in common: an example in the help, and the options that many share. */
import { Command, Option } from 'commander';

/** A command with its line in the list, and an example of its use. */
export function command(name: string, summary: string, examples: string | readonly string[]): Command {
  const lines = [examples].flat().map((example) => `  $ beckon ${example}`);
  return new Command(name)
    .description(summary)
    .addHelpText('after', `\nExample:\n${lines.join('\n')}`)
    .helpOption('-h, --help', 'show this');
}

/** A command that only holds others. */
export function group(name: string, summary: string, members: readonly Command[]): Command {
  const all = new Command(name).description(summary).helpOption('-h, --help', 'show this').helpCommand(false);
  for (const member of members) all.addCommand(member);
  const example = members[0] === undefined ? name : `${name} ${members[0].name()} --help`;
  return all.addHelpText('after', `\nExample:\n  $ beckon ${example}`);
}

/** Of the hoster's commands. */
export function configOption(): Option {
  return new Option(
    '--config <file>',
    'configuration (default: beckon.toml here, then /etc/beckon/beckon.toml)',
  );
}

/** Of the user's commands. */
export function homeOption(): Option {
  return new Option('--home <dir>', "directory of this client's state (default: $XDG_DATA_HOME/beckon)");
}

export function jsonOption(): Option {
  return new Option('--json', 'for programs');
}

export interface ConfigOption {
  readonly config?: string;
}
export interface HomeOption {
  readonly home?: string;
}
export interface JsonOption {
  readonly json?: boolean;
}
