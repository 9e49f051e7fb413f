/** The side of the process that people and programs see: streams, environment, working directory, exit code. */
import { dirname, resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { safeJson } from './safe-text.ts';

export interface Face {
  /** A line for standard output: what was asked for. */
  print(line?: string): void;
  printJson(value: unknown): void;
  /** A line for standard error that is no failure. */
  note(line: string): void;
  /** The same for what was refused or needs attention: the exit code becomes 1. */
  warn(line: string): void;
  /** Raises the exit code. */
  finish(exitCode: number): void;
  exitCode(): number;
  /** Absolute: where the user is, also under `npm run`. */
  path(typed: string): string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly input: Readable & { readonly isTTY?: boolean };
  readonly output: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly errors: Writable & { readonly isTTY?: boolean };
}

export type FaceParts = Pick<Face, 'environment' | 'input' | 'output' | 'errors'> & {
  readonly workingDirectory: string;
};

export function createFace({ environment, input, output, errors, workingDirectory: cwd }: FaceParts): Face {
  const base = startingDirectory(cwd, environment);
  let exitCode = 0;
  return {
    environment,
    input,
    output,
    errors,
    print: (line = '') => void output.write(`${line}\n`),
    printJson: (value) => void output.write(`${safeJson(value, 2)}\n`),
    note: (line) => void errors.write(`${line}\n`),
    warn(line) {
      exitCode = Math.max(exitCode, 1);
      errors.write(`beckon: ${line}\n`);
    },
    finish: (code) => void (exitCode = Math.max(exitCode, code)),
    exitCode: () => exitCode,
    path: (typed) => resolve(base, typed),
  };
}

/** npm changes to the directory of the package; the user's own is in INIT_CWD, which children inherit wherever they run. */
function startingDirectory(cwd: string, environment: Face['environment']): string {
  const { INIT_CWD: initial, npm_package_json: manifest } = environment;
  return initial && manifest && dirname(manifest) === cwd ? initial : cwd;
}
