/** All commands, under the headings of the help. */
import type { Clock } from '../clock.ts';
import { backupCommand } from './backup.ts';
import { cardCommand } from './card.ts';
import { checkCommand } from './check.ts';
import { configCommand } from './config.ts';
import { demoCommand, type Demo } from './demo.ts';
import { devicesCommand } from './devices.ts';
import { domainCommand } from './domain.ts';
import { enrollCommand } from './enroll.ts';
import { ignoreCommand } from './ignore.ts';
import { inboxCommand } from './inbox.ts';
import { initCommand, type InitCommandParts } from './init.ts';
import { keysCommand } from './keys.ts';
import type { ClientParts } from './open-client.ts';
import type { CommandGroup } from './program.ts';
import { readCommand } from './read.ts';
import { reloadCommand } from './reload.ts';
import { replyCommand } from './reply.ts';
import { restoreCommand } from './restore.ts';
import { retractCommand } from './retract.ts';
import { saveCommand } from './save.ts';
import { sendCommand } from './send.ts';
import { sentCommand } from './sent.ts';
import { serveCommand, type Serve } from './serve.ts';
import { statusCommand } from './status.ts';
import { takedownCommand } from './takedown.ts';
import { traceCommand } from './trace.ts';
import { trustCommand } from './trust.ts';
import { userCommand } from './user.ts';

/** What the commands need of the rooms that they may not import. */
export interface CommandParts extends InitCommandParts, ClientParts {
  readonly clock: Clock;
  readonly serve: Serve;
  readonly demo?: Demo;
  readonly version: string;
}

export function createCommands(parts: CommandParts): readonly CommandGroup[] {
  const { face, demo } = parts;
  return [
    {
      heading: 'Hoster:',
      commands: [
        initCommand(parts),
        serveCommand(parts),
        reloadCommand(parts),
        statusCommand(parts),
        configCommand(parts),
        domainCommand(parts),
        keysCommand(parts),
        userCommand(parts),
        traceCommand(parts),
        takedownCommand(parts),
        backupCommand(parts),
        restoreCommand(parts),
        checkCommand(parts),
      ],
    },
    {
      heading: 'User:',
      commands: [
        enrollCommand(parts),
        sendCommand(parts),
        inboxCommand(parts),
        readCommand(parts),
        replyCommand(parts),
        saveCommand(parts),
        sentCommand(parts),
        retractCommand(parts),
        ignoreCommand(parts),
        trustCommand(parts),
        cardCommand(parts),
        devicesCommand(parts),
      ],
    },
    ...(demo === undefined ? [] : [{ heading: 'Both:', commands: [demoCommand({ face, demo })] }]),
  ];
}
