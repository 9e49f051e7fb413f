/**
 * All commands, under the headings of the help. Only the file of the command that is asked for is loaded, with what it needs: each
 * command is a process of its own, and most of its time would go into loading the others.
 */
import type { Command } from 'commander';
import type { Clock } from '../clock.ts';
import type { Demo } from './demo.ts';
import type { InitCommandParts } from './init.ts';
import type { ClientParts } from './open-client.ts';
import type { CommandGroup } from './program.ts';
import type { Serve } from './serve.ts';

/** What the commands need of the rooms that they may not import. */
export interface CommandParts extends Omit<InitCommandParts, 'random'>, ClientParts {
  readonly clock: Clock;
  /** Loads a source of randomness. */
  readonly random: () => Promise<InitCommandParts['random']>;
  readonly serve: Serve;
  readonly demo?: Demo;
  readonly version: string;
}

type Load = (parts: CommandParts) => Promise<Command | undefined>;

const hoster: Readonly<Record<string, Load>> = {
  init: async (parts) => (await import('./init.ts')).initCommand(await withRandom(parts)),
  serve: async (parts) => (await import('./serve.ts')).serveCommand(parts),
  reload: async (parts) => (await import('./reload.ts')).reloadCommand(parts),
  status: async (parts) => (await import('./status.ts')).statusCommand(parts),
  config: async (parts) => (await import('./config.ts')).configCommand(parts),
  domain: async (parts) => (await import('./domain.ts')).domainCommand(parts),
  keys: async (parts) => (await import('./keys.ts')).keysCommand(await withRandom(parts)),
  user: async (parts) => (await import('./user.ts')).userCommand(parts),
  trace: async (parts) => (await import('./trace.ts')).traceCommand(parts),
  takedown: async (parts) => (await import('./takedown.ts')).takedownCommand(parts),
  queue: async (parts) => (await import('./queue.ts')).queueCommand(parts),
  backup: async (parts) => (await import('./backup.ts')).backupCommand(parts),
  restore: async (parts) => (await import('./restore.ts')).restoreCommand(parts),
  check: async (parts) => (await import('./check.ts')).checkCommand(parts),
};

const user: Readonly<Record<string, Load>> = {
  enroll: async (parts) => (await import('./enroll.ts')).enrollCommand(parts),
  send: async (parts) => (await import('./send.ts')).sendCommand(await withRandom(parts)),
  inbox: async (parts) => (await import('./inbox.ts')).inboxCommand(parts),
  read: async (parts) => (await import('./read.ts')).readCommand(parts),
  reply: async (parts) => (await import('./reply.ts')).replyCommand(await withRandom(parts)),
  save: async (parts) => (await import('./save.ts')).saveCommand(parts),
  sent: async (parts) => (await import('./sent.ts')).sentCommand(parts),
  retract: async (parts) => (await import('./retract.ts')).retractCommand(parts),
  fetch: async (parts) => (await import('./fetch.ts')).fetchCommand(parts),
  defer: async (parts) => (await import('./defer.ts')).deferCommand(parts),
  delegate: async (parts) => (await import('./delegate.ts')).delegateCommand(parts),
  ignore: async (parts) => (await import('./ignore.ts')).ignoreCommand(parts),
  pull: async (parts) => (await import('./pull.ts')).pullCommand(parts),
  trust: async (parts) => (await import('./trust.ts')).trustCommand(parts),
  card: async (parts) => (await import('./card.ts')).cardCommand(parts),
  devices: async (parts) => (await import('./devices.ts')).devicesCommand(parts),
  mailbox: async (parts) => (await import('./mailbox.ts')).mailboxCommand(parts),
};

const both: Readonly<Record<string, Load>> = {
  demo: async ({ face, demo }) => demo && (await import('./demo.ts')).demoCommand({ face, demo }),
};

const headings = { 'Hoster:': hoster, 'User:': user, 'Both:': both };

async function withRandom(parts: CommandParts) {
  return { ...parts, random: await parts.random() };
}

/** The command that the first word of a command line names; all of them where it names none, so for the help. */
export async function loadCommands(
  parts: CommandParts,
  [name = '']: readonly string[] = [],
): Promise<readonly CommandGroup[]> {
  const isOne = Object.values(headings).some((loads) => Object.hasOwn(loads, name));
  return await Promise.all(
    Object.entries(headings).map(async ([heading, loads]) => {
      const wanted = Object.entries(loads).filter(([known]) => !isOne || known === name);
      const loaded = await Promise.all(wanted.map(([, load]) => load(parts)));
      return { heading, commands: loaded.filter((command) => command !== undefined) };
    }),
  );
}
