/** `beckon mailbox ...`: old mail programs that send for the user, and a mail store that new messages are copied into. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { readPassphrase } from '../admin/key-sealer.ts';
import type { ClientMailbox, MailboxStatus, PushRuleGiven, PushTarget } from '../client/api.ts';
import { command, group, homeOption, jsonOption, type HomeOption, type JsonOption } from './command.ts';
import type { Face } from './face.ts';
import { AdvisedError, misused } from './failure.ts';
import { formatTime } from './format.ts';
import { withClient, type ClientParts } from './open-client.ts';
import { askHidden } from './passphrase.ts';
import { safeLine } from './safe-text.ts';

export function mailboxCommand(parts: ClientParts): Command {
  return group('mailbox', 'old mail programs that send for you, a mail store that messages are copied into', [
    statusCommand(parts),
    passwordCommand(parts),
    pushCommand(parts),
    offCommand(parts),
  ]);
}

type Options = HomeOption & JsonOption;

function statusCommand(parts: ClientParts): Command {
  const { face } = parts;
  return command('status', 'what is set up, and how it fares', 'mailbox status')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (options: Options) => {
      const status = await withClient(parts, options, (client) => client.mailbox.status());
      if (options.json) return face.printJson(status);
      for (const line of statusLines(status)) face.print(line);
    });
}

function passwordCommand(parts: ClientParts): Command {
  const { face } = parts;
  return command(
    'password',
    'make a password with which a mail program sends for you; the one before is void',
    ['mailbox password', 'mailbox password --own'],
  )
    .option('--own', 'type one, of 12 characters at least, in the place of one that is made')
    .option('--password-file <file>', 'the same, from the first line of a file of mode 0600')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (options: Options & { readonly own?: boolean; readonly passwordFile?: string }) => {
      const typed = await typedPassword(face, options);
      const status = await withClient(parts, options, (client) => client.mailbox.password(typed));
      if (options.json) return face.printJson(status);
      if (status.made !== undefined)
        face.print(`PASSWORD (shown once, for your mail program):  ${status.made}`);
      face.print(`user      ${status.address}`);
      for (const line of placeLines(status)) face.print(line);
      face.print('your hoster’s server opens your keys with it while the program is connected');
      face.print(
        'who takes mail only gets it over SMTP, in clear text, but in domains that you refused: beckon trust mail',
      );
      face.print('next      enter these in the mail program, as the server for outgoing mail');
    });
}

async function typedPassword(
  face: Face,
  { own, passwordFile }: { readonly own?: boolean; readonly passwordFile?: string },
): Promise<string | undefined> {
  if (passwordFile !== undefined) return await readPassphrase(face.path(passwordFile));
  if (own !== true) return undefined;
  if (!face.input.isTTY)
    throw misused('there is nobody to ask for a password', 'name a file: --password-file');
  const first = await askHidden(face, 'password for the mail program');
  if ((await askHidden(face, 'once more')) !== first)
    throw misused('the two are not the same', 'nothing was changed: try again');
  return first;
}

interface PushOptions extends Options {
  readonly folder: string;
  readonly sent?: string;
  readonly rule?: readonly string[];
  readonly passwordFile?: string;
  readonly yes?: boolean;
}

function pushCommand(parts: ClientParts): Command {
  const { face } = parts;
  return command('push', 'have your domain copy new messages into a mail store, in clear text', [
    'mailbox push imaps://alice@imap.example.org',
    'mailbox push imaps://alice@imap.example.org --rule introductions=Requests --rule sender:@work.test=Work',
  ])
    .argument('<store>', 'imaps://USER@HOST[:PORT]')
    .option('--folder <name>', 'where messages go that no rule speaks of', 'INBOX')
    .option('--sent <name>', 'where copies of what a mail program sent go; none unless told')
    .option(
      '--rule <rule...>',
      'introductions=FOLDER, sender:ADDRESS=FOLDER, sender:@DOMAIN=FOLDER, tag:TAG=FOLDER, mail=FOLDER',
    )
    .option('--password-file <file>', 'the password at the store, in the first line of a file of mode 0600')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (store: string, options: PushOptions) => {
      const target = { ...storeOf(store), ...(await restOf(face, options)) };
      const status = await withClient(parts, options, (client) => pushed(client.mailbox, target));
      if (options.json) face.printJson(status);
      const { state, code } = status.push ?? {};
      if (state === 'refused' || state === 'waiting') throw storeFailure(code);
      if (options.json) return;
      face.print(`new messages are copied into ${safeLine(target.host)}, folder ${safeLine(target.folder)}`);
      face.print('they lie there in clear text, and your hoster’s server holds keys of yours all the time');
      face.print('correspondents are told (bridged); it ends with: beckon mailbox off push');
      if (!target.rules.some(({ kind }) => kind === 'introductions'))
        face.print(
          'introductions of strangers wait in beckon inbox; --rule introductions=FOLDER copies them too',
        );
    });
}

/** What a user mends. */
const storeFailures = {
  unauthorized: 'the mail store refuses the name or the password',
  tls_failed: 'the mail store has no certificate for its name',
  network_refused: 'the mail store is at no address that your hoster dials',
  network_failed: 'the mail store does not answer',
  unavailable: 'the mail store takes nothing now',
} as const;

function storeFailure(code = 'unavailable'): Error {
  const known = Object.keys(storeFailures).find((one): one is keyof typeof storeFailures => one === code);
  return new AdvisedError(
    known ?? 'unavailable',
    storeFailures[known ?? 'unavailable'],
    'it is tried again later: see beckon mailbox status; or mend it and say this again, or end it: beckon mailbox off push',
  );
}

const lookMs = 500;
const mostLooks = 60;

/** Set, and looked at by the domain: whether the store lets it in. */
async function pushed(mailbox: ClientMailbox, target: PushTarget): Promise<MailboxStatus> {
  let status = await mailbox.push(target);
  for (let look = 0; status.push?.state === 'starting' && look < mostLooks; look++) {
    await sleep(lookMs);
    status = await mailbox.status();
  }
  return status;
}

/** Throws `usage`. */
function storeOf(store: string): Pick<PushTarget, 'host' | 'port' | 'user'> {
  const url = URL.parse(store);
  const good =
    url?.protocol === 'imaps:' && url.hostname !== '' && url.username !== '' && url.password === '';
  if (url === null || !good)
    throw misused(
      'the mail store is not one',
      'name it so: imaps://USER@HOST[:PORT]; the password is asked for',
    );
  return { host: url.hostname, port: Number(url.port || 993), user: decodeURIComponent(url.username) };
}

async function restOf(
  face: Face,
  { folder, sent, rule = [], passwordFile }: PushOptions,
): Promise<Omit<PushTarget, 'host' | 'port' | 'user'>> {
  const rules = rule.map(ruleOf);
  if (passwordFile === undefined && !face.input.isTTY)
    throw misused('there is nobody to ask for the password at the store', 'name a file: --password-file');
  const password =
    passwordFile === undefined
      ? await askHidden(face, 'password at the mail store')
      : await readPassphrase(face.path(passwordFile));
  return { folder, password, rules, ...(sent === undefined ? {} : { sentFolder: sent }) };
}

/** Throws `usage`. */
function ruleOf(text: string): PushRuleGiven {
  const [, word, match = '', folder = ''] =
    /^(introductions|mail|(?:sender|tag)(?=:))(?::([^=]+))?=(.+)$/.exec(text) ?? [];
  const kind = (['introductions', 'sender', 'tag', 'mail'] as const).find((known) => known === word);
  const needsMatch = kind === 'sender' || kind === 'tag';
  if (kind === undefined || needsMatch !== (match !== ''))
    throw misused(
      `a rule is none: ${safeLine(text)}`,
      'such as introductions=Requests or sender:@work.test=Work',
    );
  return { kind, match: kind === 'sender' ? match.toLowerCase() : match, folder };
}

function offCommand(parts: ClientParts): Command {
  const { face } = parts;
  return command('off', 'end it: password, push, or both', ['mailbox off', 'mailbox off push'])
    .argument('[what]', 'password or push; both unless told')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (what: string | undefined, options: Options) => {
      if (what !== undefined && what !== 'password' && what !== 'push')
        throw misused('there is password and push', 'beckon mailbox off push');
      const status = await withClient(parts, options, (client) => client.mailbox.off(what));
      if (options.json) return face.printJson(status);
      for (const line of statusLines(status)) face.print(line);
    });
}

function statusLines(status: MailboxStatus): readonly string[] {
  const { password, push, bridged } = status;
  return [
    `password  ${password === undefined ? 'none: no mail program sends for you' : `since ${formatTime(password.since)}`}`,
    ...(password === undefined ? [] : [`user      ${status.address}`, ...placeLines(status)]),
    `push      ${push === undefined ? 'none: nothing is copied into a mail store' : pushLine(push)}`,
    ...(bridged ? ['bridged   correspondents are told that messages are copied in clear text'] : []),
  ];
}

function placeLines({ submission }: MailboxStatus): readonly string[] {
  if (submission === undefined) return ['server    your domain takes no mail from mail programs'];
  const { host, tls, starttls } = submission;
  return [
    ...(tls === undefined ? [] : [`server    ${host}, port ${tls}, SSL/TLS`]),
    ...(starttls === undefined ? [] : [`server    ${host}, port ${starttls}, STARTTLS`]),
  ];
}

function pushLine({ since, state, code, next, appended }: NonNullable<MailboxStatus['push']>): string {
  const why =
    code === undefined ? '' : ` (${code}${next === undefined ? '' : `; tried again ${formatTime(next)}`})`;
  return `since ${formatTime(since)}, ${state}${why}; ${appended} copied since the server started`;
}
