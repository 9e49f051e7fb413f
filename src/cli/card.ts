import type { Command } from 'commander';
import type { CardEntry, MadeCard } from '../client/api.ts';
import { command, homeOption, jsonOption, type HomeOption, type JsonOption } from './command.ts';
import { formatTime, table } from './format.ts';
import { withClient, type ClientParts } from './open-client.ts';
import { qrLines } from './qr.ts';
import { quantity } from './quantity.ts';
import { safeLine } from './safe-text.ts';

/** `beckon card`, `beckon card list|revoke`: what lets somebody write to you once, without an introduction. */
export function cardCommand(parts: ClientParts): Command {
  return makeCommand(parts)
    .addCommand(listCommand(parts))
    .addCommand(revokeCommand(parts))
    .helpCommand(false);
}

interface MakeOptions extends HomeOption, JsonOption {
  readonly expires?: string;
  readonly note?: string;
  readonly whole?: boolean;
  readonly qr?: boolean;
}

function makeCommand(parts: ClientParts): Command {
  const { face } = parts;
  return command(
    'card',
    'make a contact card: whoever gets its link can write to you, once, without an introduction',
    ['card', 'card --expires 7d --note "the baker"', 'card --whole'],
  )
    .option('--expires <duration>', 'how long it is good for, from 1h to 90d (default: 30d)')
    .option('--note <text>', 'whom it is for: for yourself, it does not travel')
    .option('--whole', 'the card itself as one word, which needs no server, in the place of the link')
    .option('--qr', 'a QR code also where the output is no terminal')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async ({ expires, note, whole, qr, ...options }: MakeOptions) => {
      const lasts = expires === undefined ? {} : { lasts: quantity.duration(expires) };
      const made = await withClient(parts, options, (client) =>
        client.cards.make({ ...lasts, ...(note === undefined ? {} : { note }) }),
      );
      if (options.json) return face.printJson(made);
      const drawn = whole !== true && (qr === true || face.output.isTTY === true);
      for (const line of madeLines(made, whole === true, drawn)) face.print(line);
      face.note(`good for one sender, until ${formatTime(made.expires)}; whoever has it first can use it`);
      face.note(
        `they type: beckon send ${whole ? 'CARD' : 'LINK'} ...; to take it back: beckon card revoke ${made.id.slice(0, 8)}`,
      );
    });
}

function madeLines(made: MadeCard, whole: boolean, drawn: boolean): readonly string[] {
  return [whole ? made.whole : made.link, ...(drawn ? qrLines(made.link) : [])];
}

/** `beckon card` has the same options, and takes them first. */
function sharedOptions(self: Command): HomeOption & JsonOption {
  return self.optsWithGlobals();
}

function listCommand(parts: ClientParts): Command {
  const { face } = parts;
  return command('list', 'show cards that are good, and who used them', 'card list')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (_own: unknown, self: Command) => {
      const options = sharedOptions(self);
      const cards = await withClient(parts, options, async (client) => client.cards.list());
      if (options.json) return face.printJson(cards);
      if (cards.length === 0) return face.note('there are no cards');
      for (const line of cardLines(cards)) face.print(line);
    });
}

/** A table: id, until when, who used it, the note. */
export function cardLines(cards: readonly CardEntry[]): readonly string[] {
  return table(
    cards.map(({ id, expires, note, claimed }) => [
      id.slice(0, 8),
      `until ${formatTime(expires)}`,
      claimed === undefined ? 'not used yet' : `used by ${safeLine(claimed.by)}`,
      safeLine(note),
    ]),
  );
}

function revokeCommand(parts: ClientParts): Command {
  const { face } = parts;
  return command(
    'revoke',
    'take a card back: what is sent over it from now on is not read',
    'card revoke 3f9aK2x_',
  )
    .argument('<id>', 'as beckon card list shows it')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (which: string, _own: unknown, self: Command) => {
      const options = sharedOptions(self);
      const revoked = await withClient(parts, options, (client) => client.cards.revoke(which));
      if (options.json) return face.printJson(revoked);
      face.print(`revoked  ${revoked.id.slice(0, 8)} ${safeLine(revoked.note)}`.trimEnd());
    });
}
