/** The command line inside the test's process: streams that remember, and no world behind it. */
import { PassThrough } from 'node:stream';
import { loadCommands, type CommandParts } from '../../src/cli/commands.ts';
import { createFace } from '../../src/cli/face.ts';
import { createProgram, runProgram } from '../../src/cli/program.ts';
import { runCommand } from '../../src/main.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { BeckonError } from '../../src/errors.ts';
import { testClock } from '../support/clock.ts';
import type { Run, RunOptions } from './beckon.ts';

export interface InProcess {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** In the place of what fails with `unavailable`. */
  readonly parts?: Partial<CommandParts>;
}

/** Runs a command line. */
export async function command(args: readonly string[], options: InProcess): Promise<Run> {
  const [input, output, errors] = [new PassThrough(), new PassThrough(), new PassThrough()];
  input.end(options.input ?? '');
  const face = createFace({
    environment: { HOME: options.cwd, ...options.env },
    input,
    output,
    errors,
    workingDirectory: options.cwd,
  });
  const nobody = (): never => {
    throw new BeckonError('unavailable', 'nobody is there');
  };
  const groups = await loadCommands(
    {
      face,
      clock: testClock(),
      random: async () => systemRandom,
      openAdmin: nobody,
      createClient: nobody,
      lookUpMail: async () => undefined,
      serve: nobody,
      version: '9.9.9',
      ...options.parts,
    },
    args,
  );
  const code = await runProgram(createProgram({ face, version: '9.9.9', groups }), face, args);
  return { code, out: textOf(output), err: textOf(errors) };
}

/**
 * Runs a command line put together as the binary does it, in this process: most of the cost of a short command is the start of its own.
 */
export async function beckonHere(args: readonly string[], options: RunOptions): Promise<Run> {
  const [input, output, errors] = [new PassThrough(), new PassThrough(), new PassThrough()];
  input.end(options.input ?? '');
  const face = createFace({
    environment: { PATH: process.env['PATH'], HOME: options.cwd, ...options.env },
    input,
    output,
    errors,
    workingDirectory: options.cwd,
  });
  const code = await runCommand(face, args);
  return { code, out: textOf(output), err: textOf(errors) };
}

function textOf(stream: PassThrough): string {
  return (stream.read() as Buffer | null)?.toString('utf8') ?? '';
}
