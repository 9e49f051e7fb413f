/** argv -> one command -> exit code: the command line put together from its parts. */
import { readFileSync } from 'node:fs';
import { mailRemark, type MailRemark } from './admin/mail-remark.ts';
import { configCommand } from './cli/config.ts';
import { domainCommand } from './cli/domain.ts';
import { enrollCommand } from './cli/enroll.ts';
import { createFace, type Face } from './cli/face.ts';
import { reportFailure } from './cli/failure.ts';
import { ignoreCommand } from './cli/ignore.ts';
import { inboxCommand } from './cli/inbox.ts';
import { initCommand } from './cli/init.ts';
import { readSurroundings, type CreateClient } from './cli/open-client.ts';
import { createProgram, runProgram, type CommandGroup } from './cli/program.ts';
import { readCommand } from './cli/read.ts';
import { reloadCommand } from './cli/reload.ts';
import { replyCommand } from './cli/reply.ts';
import { retractCommand } from './cli/retract.ts';
import { saveCommand } from './cli/save.ts';
import { sendCommand } from './cli/send.ts';
import { sentCommand } from './cli/sent.ts';
import { serveCommand, type ServeOptions } from './cli/serve.ts';
import { statusCommand } from './cli/status.ts';
import { traceCommand } from './cli/trace.ts';
import { userCommand } from './cli/user.ts';
import { systemClock as clock } from './clock.ts';
import { systemRandom as random } from './crypto/random.ts';
import { createResolver } from './dns/resolver.ts';
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
  process.stdout.on('error', () => process.exit(0));
  process.once('uncaughtException', (error) => process.exit(reportFailure(face, error)));
  const version = ownVersion();
  const groups = [hoster(face, version), user(face)];
  return await runProgram(createProgram({ face, version, groups }), face, argv);
}

function hoster(face: Face, version: string): CommandGroup {
  const admin = { face, openAdmin, clock };
  return {
    heading: 'Hoster:',
    commands: [
      initCommand({ ...admin, random, lookUpMail: (domain) => lookUpMail(face, domain) }),
      serveCommand({ face, serve: (options) => serve(face, version, options) }),
      reloadCommand(admin),
      statusCommand(admin),
      configCommand(admin),
      domainCommand(admin),
      userCommand(admin),
      traceCommand(admin),
    ],
  };
}

function user(face: Face): CommandGroup {
  const client = { face, createClient, clock, random };
  return {
    heading: 'User:',
    commands: [
      enrollCommand(client),
      sendCommand(client),
      inboxCommand(client),
      readCommand(client),
      replyCommand(client),
      saveCommand(client),
      sentCommand(client),
      retractCommand(client),
      ignoreCommand(client),
    ],
  };
}

/** Loaded when asked for: other commands start faster without the store. */
async function serve(face: Face, version: string, options: ServeOptions): Promise<number> {
  const daemon = await import('./daemon-process.ts');
  return await daemon.serve({ ...options, version, ready: face.print });
}

/** Loaded when asked for, as `serve`. */
const createClient: CreateClient = async (files, surroundings) => {
  const { createNodeClient } = await import('./main-client.ts');
  return await createNodeClient(files, surroundings);
};

/** For a remark that can be left out: one quick try. */
async function lookUpMail(face: Face, domain: string): Promise<MailRemark | undefined> {
  const { resolvers } = readSurroundings(face);
  return await mailRemark(createResolver({ servers: resolvers, timeoutMs: 1000, tries: 1 }), domain);
}

function ownVersion(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
