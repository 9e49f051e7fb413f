/** argv -> one command -> exit code: the command line put together from its parts. */
import { readFileSync } from 'node:fs';
import { failed } from './admin/durable-file.ts';
import type { MailRemark } from './admin/mail-remark.ts';
import { loadCommands } from './cli/commands.ts';
import type { DemoOption } from './cli/demo.ts';
import { createFace, type Face } from './cli/face.ts';
import { reportFailure } from './cli/failure.ts';
import type { CreateClient } from './cli/open-client.ts';
import { createProgram, runProgram } from './cli/program.ts';
import type { ServeOptions } from './cli/serve.ts';
import { systemClock as clock } from './clock.ts';
import type { Random } from './crypto/random.ts';
import { openAdmin } from './http/admin-client.ts';

/** Runs the command line. Gives the exit code; throws nothing. */
export async function main(argv: readonly string[]): Promise<number> {
  const face = createFace({
    environment: process.env,
    input: process.stdin,
    output: process.stdout,
    errors: process.stderr,
    workingDirectory: process.cwd(),
  });
  // Whoever reads our output may stop before its end: `beckon inbox | head`.
  process.stdout.on('error', (error: NodeJS.ErrnoException) =>
    process.exit(error.code === 'EPIPE' ? 0 : reportFailure(face, failed('standard output', error))),
  );
  process.once('uncaughtException', (error) => process.exit(reportFailure(face, error)));
  return await runCommand(face, argv);
}

/** The same with streams, environment and working directory of the caller's. */
export async function runCommand(face: Face, argv: readonly string[]): Promise<number> {
  const version = ownVersion();
  const groups = await loadCommands(
    {
      face,
      clock,
      random: loadRandom,
      openAdmin,
      createClient,
      version,
      lookUpMail: (domain) => lookUpMail(face, domain),
      serve: (options) => serve(face, version, options),
      demo: (files, options) => demo(face, files, options),
    },
    argv,
  );
  return await runProgram(createProgram({ face, version, groups }), face, argv);
}

/** Loaded when asked for: other commands start faster without the store. */
async function serve(face: Face, version: string, options: ServeOptions): Promise<number> {
  const daemon = await import('./daemon-process.ts');
  return await daemon.serve({ ...options, version, ready: face.print });
}

/** Loaded when asked for, as `serve`. */
async function demo(face: Face, files: readonly string[], { keep }: DemoOption): Promise<number> {
  const { runDemo } = await import('./demo/demo.ts');
  const { output, errors, environment } = face;
  return await runDemo(files, { keep, output, errors, environment });
}

/** Loaded when asked for, as `serve`. */
const createClient: CreateClient = async (files, surroundings) => {
  const { createNodeClient } = await import('./main-client.ts');
  return await createNodeClient(files, surroundings);
};

/** Loaded when asked for, as `serve`. */
async function loadRandom(): Promise<Random> {
  return (await import('./crypto/random.ts')).systemRandom;
}

/** For a remark that can be left out: one quick try. */
async function lookUpMail(face: Face, domain: string): Promise<MailRemark | undefined> {
  const { createResolver } = await import('./dns/resolver.ts');
  const { mailRemark } = await import('./admin/mail-remark.ts');
  const { readSurroundings } = await import('./cli/open-client.ts');
  const { resolvers } = readSurroundings(face);
  return await mailRemark(createResolver({ servers: resolvers, timeoutMs: 1000, tries: 1 }), domain);
}

function ownVersion(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
