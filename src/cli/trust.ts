import type { Command } from 'commander';
import type { TrustReport } from '../client/api.ts';
import { command, group, homeOption, jsonOption, type HomeOption, type JsonOption } from './command.ts';
import type { Face } from './face.ts';
import { formatFingerprint, typedFingerprint } from './fingerprint.ts';
import { withClient, type ClientParts } from './open-client.ts';
import { safeLine } from './safe-text.ts';

type Options = HomeOption & JsonOption;

/** `beckon trust ...`: who somebody is, as far as this client knows. */
export function trustCommand(parts: ClientParts): Command {
  return group('trust', 'who somebody is, and why that is believed', [
    showCommand(parts),
    verifyCommand(parts),
    acceptCommand(parts),
  ]);
}

function showCommand(parts: ClientParts): Command {
  const { face } = parts;
  return command('show', 'show a fingerprint and why it is believed; your own without an address', [
    'trust show',
    'trust show bob@beta.test',
  ])
    .argument('[address]')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (address: string | undefined, options: Options) => {
      report(face, options, await withClient(parts, options, (client) => client.trust.show(address)));
    });
}

function verifyCommand(parts: ClientParts): Command {
  const { face } = parts;
  return command(
    'verify',
    'say that a fingerprint was compared with its owner by another way',
    'trust verify bob@beta.test id:MUvQiWMq4jGu2ih_8jGtPS3hlFKbFdHjViJv3smZCcA',
  )
    .argument('<address>')
    .argument('<fingerprint>', 'as its owner\'s "beckon trust show" shows it')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (address: string, fingerprint: string, options: Options) => {
      report(
        face,
        options,
        await withClient(parts, options, (client) =>
          client.trust.verify(address, typedFingerprint(fingerprint)),
        ),
      );
    });
}

function acceptCommand(parts: ClientParts): Command {
  const { face } = parts;
  return command(
    'accept',
    'take a changed identity in the place of the known one, after comparing it',
    'trust accept bob@beta.test',
  )
    .argument('<address>')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (address: string, options: Options) => {
      report(face, options, await withClient(parts, options, (client) => client.trust.accept(address)));
    });
}

function report(face: Face, { json }: JsonOption, answer: TrustReport): void {
  if (json) face.printJson(answer);
  else for (const line of trustLines(answer)) face.print(line);
  if (answer.outcome === 'changed')
    face.warn(
      `${safeLine(answer.address)} has another identity than before; compare it, then: beckon trust accept`,
    );
}

function trustLines({ address, outcome, code, trust, fingerprint, offered, of }: TrustReport): string[] {
  const row = (name: string, value: string | undefined): string[] =>
    value === undefined ? [] : [`${name.padEnd(13)}${safeLine(value)}`];
  return [
    ...row('address', address),
    ...row('fingerprint', fingerprint && formatFingerprint(fingerprint)),
    ...row('offered', offered && `${formatFingerprint(offered)} (of the ${of ?? 'user'})`),
    ...row('trust', trust && `${trust.level} (${trust.reasons.join(', ')})`),
    ...(outcome === 'native' ? [] : row('outcome', code === undefined ? outcome : `${outcome} [${code}]`)),
  ];
}
