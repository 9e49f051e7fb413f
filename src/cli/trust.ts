import { Argument, type Command } from 'commander';
import type { Client, DomainTrustReport, TrustReport } from '../client/api.ts';
import { warnOfAlarms } from './alarms.ts';
import { command, group, homeOption, jsonOption, type HomeOption, type JsonOption } from './command.ts';
import type { Face } from './face.ts';
import { misused } from './failure.ts';
import { formatFingerprint } from './fingerprint.ts';
import { formatTime, table } from './format.ts';
import { withClient, type ClientParts } from './open-client.ts';
import { safeLine } from './safe-text.ts';
import { ownCommand } from './trust-own.ts';
import { domainLines, listLines, trustLines } from './trust-lines.ts';

type Options = HomeOption & JsonOption;
type Report = TrustReport | DomainTrustReport;

/** `beckon trust ...`: who somebody is, as far as this client knows. wire-spec/keys.md section 9. */
export function trustCommand(parts: ClientParts): Command {
  return group('trust', 'whose keys they are, why that is believed, since when, and what changed', [
    showCommand(parts),
    listCommand(parts),
    verifyCommand(parts),
    acceptCommand(parts),
    mailCommand(parts),
    ownCommand(parts),
  ]);
}

function showCommand(parts: ClientParts): Command {
  return command('show', 'show all that is known of an address or a domain; your own without one', [
    'trust show',
    'trust show bob@beta.test',
    'trust show beta.test',
  ])
    .argument('[address-or-domain]')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (who: string | undefined, options: Options) => {
      await reported(parts, options, (client) =>
        who === undefined || who.includes('@') ? client.trust.show(who) : client.trust.showDomain(who),
      );
    });
}

function listCommand(parts: ClientParts): Command {
  const { face } = parts;
  return command('list', 'show whose keys are pinned, without asking anybody', 'trust list')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (options: Options) => {
      const all = await withClient(parts, options, (client) => client.trust.list());
      if (options.json) return face.printJson(all);
      for (const line of listLines(all)) face.print(line);
      if (all.length === 0) face.note('nobody yet');
    });
}

function verifyCommand(parts: ClientParts): Command {
  return command('verify', 'say that a fingerprint was compared with its owner by another way', [
    'trust verify bob@beta.test id:MUvQiWMq4jGu2ih_8jGtPS3hlFKbFdHjViJv3smZCcA',
    'trust verify bob@beta.test 52169 54801 32799 41885 58290 98467 97438 49920',
  ])
    .argument('<address-or-domain>')
    .argument('<fingerprint...>', 'as its owner\'s "beckon trust show" shows it: whole, words or digits')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (who: string, fingerprint: string[], options: Options) => {
      await reported(parts, options, (client) => client.trust.verify(who, fingerprint.join(' ')));
    });
}

interface AcceptOptions extends Options {
  readonly mail?: boolean;
}

function acceptCommand(parts: ClientParts): Command {
  return command('accept', 'take what changed in the place of what was known, after comparing it', [
    'trust accept bob@beta.test',
    'trust accept bob@beta.test id:MUvQiWMq4jGu2ih_8jGtPS3hlFKbFdHjViJv3smZCcA',
    'trust accept --mail bob@beta.test',
  ])
    .argument('<address-or-domain>')
    .argument('[fingerprint...]', 'of what is accepted (a user’s: by default what was shown last)')
    .option('--mail', 'clear text will do for this address, should it take mail only now')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (who: string, fingerprint: string[], options: AcceptOptions) => {
      const typed = fingerprint.length === 0 ? undefined : fingerprint.join(' ');
      await reported(parts, options, async (client) => {
        if (options.mail) return await client.trust.acceptMail(who);
        const { outcome } = await (who.includes('@') ? client.trust.show(who) : client.trust.showDomain(who));
        if (outcome !== 'changed') parts.face.note('nothing waits for your word: nothing has changed');
        return await client.trust.accept(who, typed);
      });
    });
}

const mailWords = ['allow', 'refuse', 'ask'] as const;

function mailCommand(parts: ClientParts): Command {
  const { face } = parts;
  return command(
    'mail',
    'say whether clear text will do for those of a domain who take mail only; without words, show it',
    ['trust mail', 'trust mail legacy.test allow', 'trust mail legacy.test refuse'],
  )
    .argument('[domain]')
    .addArgument(new Argument('[word]', 'for good, on all your devices').choices(mailWords))
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(
      async (domain: string | undefined, word: (typeof mailWords)[number] | undefined, options: Options) => {
        if ((domain === undefined) !== (word === undefined))
          throw misused('a domain goes with allow, refuse or ask', 'beckon trust mail legacy.test allow');
        const words = await withClient(parts, options, async (client) => {
          if (domain !== undefined && word !== undefined) await client.trust.mail(domain, word);
          return client.trust.mailWords();
        });
        if (options.json) return face.printJson(words);
        for (const line of table(words.map((one) => [safeLine(one.domain), one.word, formatTime(one.at)])))
          face.print(line);
        if (words.length === 0) face.note('you are asked for each domain');
      },
    );
}

/** Prints what is known, which counts as seen from then on, and warns of what waits. */
async function reported(
  parts: ClientParts,
  options: Options,
  ask: (client: Client) => Promise<Report>,
): Promise<void> {
  const { face } = parts;
  await withClient(parts, options, async (client) => {
    const report = await ask(client);
    const alarms = 'address' in report && report.address === client.address() ? client.alarms() : undefined;
    if (options.json) face.printJson(alarms === undefined ? report : { ...report, alarms });
    else for (const line of linesOf(report)) face.print(line);
    if ('address' in report) await client.trust.acknowledge(report.address);
    warnOfWaiting(face, report);
    warnOfAlarms(face, alarms ?? []);
  });
}

function linesOf(report: Report): string[] {
  return 'address' in report ? trustLines(report) : domainLines(report);
}

function warnOfWaiting(face: Face, report: Report): void {
  if (report.outcome === 'changed') face.warn(waitingLine(report));
  if (report.reason === 'pinned_native') face.warn(mailLine(report));
}

function waitingLine(report: Report): string {
  const whose = 'address' in report && report.of === 'user' ? report.address : domainOf(report);
  const offered = 'address' in report && report.of === 'domain' ? report.domain.offered : report.offered;
  const weaker = 'address' in report && report.what === 'suite';
  const what = weaker ? 'weaker keys than before' : 'another identity than before';
  const fingerprint = offered === undefined ? '' : ` ${formatFingerprint(offered.whole)}`;
  return `${safeLine(whose)} has ${what}: nothing is sent. Compare it, then: beckon trust accept ${safeLine(whose)}${fingerprint}`;
}

function mailLine(report: Report): string {
  const who = safeLine('address' in report ? report.address : report.domain);
  return `${who} was native and is not shown as such now: nothing is sent. If mail in clear text will do: beckon trust accept --mail ${who}`;
}

function domainOf(report: Report): string {
  return 'address' in report ? report.domain.domain : report.domain;
}
