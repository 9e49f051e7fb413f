/** argv -> one command -> exit code. */
import { Command, CommanderError } from 'commander';
import type { Face } from './face.ts';
import { misused, reportFailure } from './failure.ts';

export interface ProgramParts {
  readonly face: Face;
  readonly version: string;
  readonly groups: readonly CommandGroup[];
}

/** Commands under one heading of the help. */
export interface CommandGroup {
  readonly heading: string;
  readonly commands: readonly Command[];
}

/** The whole command line; `runProgram` runs it. */
export function createProgram({ face, version, groups }: ProgramParts): Command {
  const program = new Command('beckon')
    .description('Mail turned round: the sender’s domain keeps the message, the recipient fetches it.')
    .version(version, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show this')
    .addHelpText('after', '\nExample:\n  $ beckon send bob@beta.test -s "The drawing" lighthouse.png')
    .showSuggestionAfterError();
  for (const { heading, commands } of groups)
    for (const member of commands) program.addCommand(member.helpGroup(heading));
  settle(program, face);
  return program;
}

/** Nothing ends the process or prints but through `face`. */
function settle(command: Command, face: Face): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => face.output.write(text),
    // Errors are reported once, in our own words; help that was not asked for goes the same way.
    writeErr: () => {},
  });
  for (const member of command.commands) settle(member, face);
}

/** Runs one command. Gives the exit code: 0, 1 for a warning or refusal, 2 for what is broken or misused. Never throws. */
export async function runProgram(program: Command, face: Face, argv: readonly string[]): Promise<number> {
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return face.exitCode();
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportFailure(face, error);
    if (error.exitCode === 0) return 0;
    return reportFailure(face, misuse(error, program, argv));
  }
}

function misuse(error: CommanderError, program: Command, argv: readonly string[]): unknown {
  const path = commandPath(program, argv);
  const help = `beckon ${[...path, '--help'].join(' ')}`;
  if (error.code === 'commander.help')
    return misused(path.length === 0 ? 'no command' : 'this takes a further command', help);
  const [message = '', ...hints] = error.message.replace(/^error: /, '').split('\n');
  return misused([message, ...hints].join(' '), help);
}

/** The commands that the words name, as far as they do. */
function commandPath(program: Command, argv: readonly string[]): string[] {
  const path: string[] = [];
  let at = program;
  for (const word of argv) {
    const next = at.commands.find((member) => member.name() === word);
    if (next === undefined) break;
    path.push(word);
    at = next;
  }
  return path;
}
