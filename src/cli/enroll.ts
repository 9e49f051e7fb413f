import { hostname } from 'node:os';
import type { Command } from 'commander';
import type { Client, Joined } from '../client/api.ts';
import { BeckonError } from '../errors.ts';
import { formatAddress, parseAddress } from '../wire/address.ts';
import { parseInvitation } from '../wire/invitation.ts';
import { looksLikePairing, parsePairing } from '../wire/state.ts';
import { askLine } from './ask.ts';
import { command, homeOption, jsonOption, type HomeOption, type JsonOption } from './command.ts';
import type { Face } from './face.ts';
import { AdvisedError, misused } from './failure.ts';
import { formatFingerprint } from './fingerprint.ts';
import { withNewClient, type ClientParts } from './open-client.ts';
import { homeDirectory } from './home.ts';
import { phraseLines } from './phrase-lines.ts';
import { safeLine } from './safe-text.ts';

interface Options extends HomeOption, JsonOption {
  readonly restore?: string;
  readonly name?: string;
  readonly passphrase?: boolean;
}

/** `beckon enroll`: becomes a user, or another device of one. Repeating it finishes what was cut off. */
export function enrollCommand(parts: ClientParts): Command {
  const { face } = parts;
  return command(
    'enroll',
    'make keys on this machine and become the user that an invitation names, or another device of a user',
    ['enroll beckon-invitation:pAF...', 'enroll', 'enroll --restore alice@example.org'],
  )
    .argument(
      '[invitation]',
      'as the hoster gave it, or the code that "beckon devices add" shows (not named: asked for, or the first line of a pipe)',
    )
    .option('--restore <address>', 'after a loss: asks for the recovery phrase (from a pipe: the first line)')
    .option('--name <name>', "your word for this device (default: the machine's name)")
    .option(
      '--passphrase',
      'keep the keys on this machine under a passphrase (asked for, or BECKON_PASSPHRASE_FILE)',
    )
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (named: string | undefined, options: Options) => {
      const name = options.name ?? hostname().slice(0, 64);
      if (named !== undefined && options.restore !== undefined)
        throw misused('either an invitation, a code of another device, or --restore ADDRESS');
      if (options.restore !== undefined) return await restore(parts, options, options.restore, name);
      const word = named ?? (await askLine(face, 'invitation, or code of another device'));
      if (looksLikePairing(word)) {
        parsePairing(word);
        await join(parts, options, (client) => client.pair(word, name));
        if (named !== undefined) face.note(historyNote);
        return;
      }
      await enroll(parts, options, word, name);
      if (!options.json) face.print('next         beckon send SOMEBODY@SOMEWHERE, or beckon inbox');
    });
}

const historyNote =
  'note    the code stays in the history of this shell, and what is in it opens what your devices share: take it out there';

async function enroll(parts: ClientParts, options: Options, invitation: string, name: string): Promise<void> {
  const { face } = parts;
  parseInvitation(invitation);
  const enrolled = await withNewClient(
    parts,
    options,
    (client) => client.enroll(invitation, name),
    options.passphrase,
  ).catch(adviseOnHome);
  if (options.json) return face.printJson(enrolled);
  face.print(`enrolled     ${enrolled.address}; keys in ${homeDirectory(face, options)} (0600)`);
  face.print(`fingerprint  ${formatFingerprint(enrolled.fingerprint)}`);
  if (enrolled.phrase !== undefined) for (const line of phraseLines(enrolled.phrase)) face.print(line);
  else face.warn('there is no recovery phrase yet: beckon devices phrase makes one');
  if (!enrolled.listed) face.warn('the domain does not list these keys yet: run the same command again');
}

async function restore(parts: ClientParts, options: Options, typed: string, name: string): Promise<void> {
  const address = formatAddress(parseAddress(typed).address);
  const phrase = await askLine(parts.face, 'recovery phrase');
  await join(parts, options, (client) => client.restore(address, phrase, name));
  if (!options.json)
    parts.face.note('note    DNS alone vouched for the domain: it was asked from here for the first time');
}

async function join(
  parts: ClientParts,
  options: Options,
  action: (client: Client) => Promise<Joined>,
): Promise<void> {
  const { face } = parts;
  const joined = await withNewClient(parts, options, action, options.passphrase).catch(adviseOnJoining);
  if (options.json) return face.printJson(joined);
  printJoined(face, joined, homeDirectory(face, options));
}

function printJoined(
  face: Face,
  { address, fingerprint, received, sent, contacts }: Joined,
  home: string,
): void {
  face.print(`device of    ${safeLine(address)}; keys in ${home} (0600)`);
  face.print(`fingerprint  ${formatFingerprint(fingerprint)}`);
  face.print(
    `found        ${received} received, ${sent} sent, ${contacts} ${contacts === 1 ? 'contact' : 'contacts'}`,
  );
  face.print('next         beckon inbox');
}

function adviseOnHome(cause: unknown): never {
  if (!(cause instanceof BeckonError) || cause.code !== 'exists') throw cause;
  throw new AdvisedError(
    'exists',
    cause.message,
    'beckon trust show says who lives here; --home DIRECTORY makes room for another',
    { cause },
  );
}

const joiningAdvice: Readonly<Record<string, string>> = {
  unauthorized:
    'check address and phrase (of several that were made only the last one counts), or have beckon devices add show a new code',
  key_unknown: 'a later phrase was made: use that one, or beckon devices add on another device',
  key_invalid: 'type all 24 words as they were shown',
  not_found: 'without a state nothing can be restored: ask the hoster to invite you again',
};

function adviseOnJoining(cause: unknown): never {
  const advice = cause instanceof BeckonError ? joiningAdvice[cause.code] : undefined;
  if (!(cause instanceof BeckonError) || advice === undefined) return adviseOnHome(cause);
  throw new AdvisedError(cause.code, cause.message, advice, { cause });
}
