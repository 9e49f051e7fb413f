import type { Command } from 'commander';
import type { DeviceEntry } from '../client/api.ts';
import { command, group, homeOption, jsonOption, type HomeOption, type JsonOption } from './command.ts';
import { formatTime, table } from './format.ts';
import { withClient, type ClientParts } from './open-client.ts';
import { phraseLines } from './phrase-lines.ts';
import { safeLine } from './safe-text.ts';

/** `beckon devices ...`: the machines that speak for a user, and the recovery phrase. */
export function devicesCommand(parts: ClientParts): Command {
  return group('devices', 'your devices and the recovery phrase', [
    listCommand(parts),
    addCommand(parts),
    removeCommand(parts),
    phraseCommand(parts),
  ]);
}

function listCommand(parts: ClientParts): Command {
  const { face } = parts;
  return command('list', 'show them, with the time since when', 'devices list')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (options: HomeOption & JsonOption) => {
      const devices = await withClient(parts, options, (client) => client.devices.list());
      if (options.json) return face.printJson(devices);
      for (const line of deviceLines(devices)) face.print(line);
    });
}

function addCommand(parts: ClientParts): Command {
  const { face } = parts;
  return command('add', 'show a code that makes another machine a device of yours', 'devices add')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (options: HomeOption & JsonOption) => {
      const added = await withClient(parts, options, (client) => client.devices.add());
      if (options.json) return face.printJson(added);
      face.print(`code for one device (once, until ${formatTime(added.expires)}; as secret as a password):`);
      face.print(added.code);
      face.print('next    on the other machine: beckon enroll, which asks for it');
    });
}

function removeCommand(parts: ClientParts): Command {
  const { face } = parts;
  return command('remove', 'end the access of a device; --stolen: and void all that it held', [
    'devices remove phone',
    'devices remove phone --stolen',
  ])
    .argument('<name>', 'or the beginning of its id')
    .option(
      '--stolen',
      'new recovery phrase, new keys; where others may write to is void; other devices are paired again',
    )
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (which: string, options: HomeOption & JsonOption & { readonly stolen?: boolean }) => {
      const stolen = options.stolen === true;
      const result = await withClient(parts, options, (client) => client.devices.remove(which, { stolen }));
      if (options.json) return face.printJson(result);
      face.print(`removed  ${nameOf(result.removed)}: the domain lets it in no more`);
      face.print('left');
      for (const line of deviceLines(result.left)) face.print(line);
      if (result.phrase === undefined) return;
      for (const line of phraseLines(result.phrase)) face.print(line);
      face.print(
        'the phrase before is void, and keys and drops that the device held are; pair your other devices again',
      );
      face.print('next     look at the list: what was added by the thief is there too');
    });
}

function phraseCommand(parts: ClientParts): Command {
  const { face } = parts;
  return command(
    'phrase',
    'make a new recovery phrase; the one before is void, and other devices are paired again',
    'devices phrase',
  )
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (options: HomeOption & JsonOption) => {
      const phrase = await withClient(parts, options, (client) => client.devices.phrase());
      if (options.json) return face.printJson({ phrase });
      for (const line of phraseLines(phrase)) face.print(line);
      face.print('the phrase before is void; pair your other devices again: beckon devices add');
    });
}

function deviceLines(devices: readonly DeviceEntry[]): readonly string[] {
  return table(
    devices.map((device) => [
      nameOf(device),
      device.id.slice(0, 8),
      `since ${formatTime(device.added)}`,
      device.here ? 'this one' : '',
    ]),
  );
}

function nameOf({ kind, name }: DeviceEntry): string {
  if (kind === 'recovery') return '(recovery phrase)';
  return name === '' ? '(no name)' : safeLine(name);
}
