import { Option, type Command } from 'commander';
import type { Clock } from '../clock.ts';
import {
  bridgePolicies,
  mailPolicies,
  introductionPolicies,
  unknownUsersPolicies,
  type DomainChanges,
  type DomainSettings,
  type DomainSummary,
} from '../http/admin-handlers.ts';
import { canonicalDomain } from '../wire/domain-name.ts';
import { askDaemon, type AdminParts } from './admin.ts';
import { certificateLines } from './certificate-line.ts';
import { command, configOption, group, jsonOption, type ConfigOption, type JsonOption } from './command.ts';
import { readConfig } from './config-file.ts';
import { dkimCommand } from './domain-dkim.ts';
import { dnsLines, zoneLines } from './dns-lines.ts';
import { attachCommand, retireCommand, vouchCommand } from './domain-identity.ts';
import { misused } from './failure.ts';
import { formatDuration, formatNumber, formatSize, table } from './format.ts';
import { quantity } from './quantity.ts';
import { safeLine } from './safe-text.ts';

/** `beckon domain ...`: the domains of a running daemon. */
export function domainCommand(parts: AdminParts & { readonly clock: Clock }): Command {
  return group('domain', 'the domains that the daemon serves', [
    addCommand(parts),
    listCommand(parts),
    setCommand(parts),
    dnsCommand(parts),
    dkimCommand(parts),
    retireCommand(parts),
    vouchCommand(parts),
    attachCommand(parts),
  ]);
}

function addCommand(parts: AdminParts): Command {
  const { face } = parts;
  return command('add', 'make the keys of a further domain', 'domain add second.org')
    .argument('<domain>')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (typed: string, options: ConfigOption & JsonOption) => {
      const domain = canonicalDomain(typed);
      const added = await askDaemon(parts, options, (admin) => admin.addDomain(domain));
      if (options.json) return face.printJson(added);
      face.print(`RECOVERY KEY (shown once, for the owner of ${domain}):  ${safeLine(added.recoveryKey)}`);
      face.print('add to DNS');
      for (const line of dnsLines(added.dns)) face.print(line);
      const missing = await certificateLines(readConfig(face, options), domain);
      for (const line of missing) face.print(line);
      face.print(`next    ${missing.length > 0 ? 'beckon reload, then ' : ''}beckon user add NAME@${domain}`);
    });
}

function listCommand(parts: AdminParts): Command {
  const { face } = parts;
  return command('list', 'show them', 'domain list')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (options: ConfigOption & JsonOption) => {
      const domains = await askDaemon(parts, options, (admin) => admin.domains());
      if (options.json) return face.printJson(domains);
      const rows = domains.map((one) => [
        one.domain,
        formatNumber(one.users, 'user'),
        dnsWords[one.dns ?? 'unknown'],
        [identityWords[one.identity ?? 'as_it_was'], ownSettings(one) || 'defaults'].join(''),
      ]);
      for (const line of table(rows)) face.print(line);
    });
}

const identityWords = {
  as_it_was: '',
  leaving: 'leaving, ',
  changing: 'another identity waits for DNS (beckon keys identity), ',
} as const;

const dnsWords: Readonly<Record<NonNullable<DomainSummary['dns']>, string>> = {
  validated: 'in DNS, DNSSEC holds',
  published: 'in DNS, not validated',
  differs: 'DNS names another key',
  missing: 'not in DNS',
  unknown: 'no answer from DNS',
};

interface SetOptions extends ConfigOption, JsonOption {
  readonly unknownUsers?: string;
  readonly introductions?: string;
  readonly introductionsPerHour?: string;
  readonly transit?: string;
  readonly quota?: string;
  readonly pullQuota?: string;
  readonly egress?: string;
  readonly keep?: string;
  readonly bridge?: string;
  readonly mailPolicy?: string;
  readonly contact?: string;
  readonly bucketBits?: string;
}

function setCommand(parts: AdminParts): Command {
  const { face } = parts;
  return command('set', 'change what holds for one domain; "default" goes back to the configuration', [
    'domain set second.org --introductions closed --transit 30d',
    'domain set second.org --transit default',
  ])
    .argument('<domain>')
    .addOption(choiceOption('--unknown-users <policy>', 'for unknown addresses', unknownUsersPolicies))
    .addOption(choiceOption('--introductions <policy>', 'first contact by strangers', introductionPolicies))
    .option('--introductions-per-hour <n>', 'first contacts that are taken in an hour')
    .option('--transit <duration>', 'how long a message waits, such as 14d')
    .option('--quota <size>', 'what one user may take at the domain, such as 2GB')
    .option('--pull-quota <size>', 'what is pulled for one user at most, such as 500MB; 0B: nothing')
    .option('--egress <size>', 'what the domain serves of its messages in a day, such as 200GB')
    .option('--keep <duration>', 'how long ciphertext is kept for users, such as 90d; 0d: not at all')
    .addOption(choiceOption('--bridge <state>', 'mail in and out', bridgePolicies))
    .addOption(choiceOption('--mail-policy <policy>', 'for mail that fails the checks', mailPolicies))
    .option('--contact <mail>', 'where to report abuse')
    .option('--bucket-bits <k>', 'first contacts are read in 2^k buckets, 0 to 12')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (typed: string, options: SetOptions) => {
      const domain = canonicalDomain(typed);
      const changes = changesOf(options);
      if (Object.keys(changes).length === 0)
        throw misused('nothing to change', 'beckon domain set --help lists what can be set');
      const summary = await askDaemon(parts, options, (admin) => admin.setDomain(domain, changes));
      if (options.json) return face.printJson(summary);
      face.print(`${domain}  ${ownSettings(summary) || 'defaults'}`);
    });
}

function dnsCommand(parts: AdminParts): Command {
  const { face } = parts;
  return command('dns', 'show the records to publish', 'domain dns second.org --zone')
    .argument('<domain>')
    .option('--zone', 'as lines of a zone file')
    .addOption(configOption())
    .addOption(jsonOption().conflicts('zone'))
    .action(async (typed: string, options: ConfigOption & JsonOption & { zone?: boolean }) => {
      const domain = canonicalDomain(typed);
      const entries = await askDaemon(parts, options, (admin) => admin.domainDns(domain));
      if (options.json) return face.printJson(entries);
      for (const line of options.zone ? zoneLines(entries) : dnsLines(entries)) face.print(line);
    });
}

const back = 'default';

function choiceOption(flags: string, description: string, choices: readonly string[]): Option {
  return new Option(flags, description).choices([...choices, back]);
}

function changesOf(options: SetOptions): DomainChanges {
  const { unknownUsers, introductions, introductionsPerHour, transit, quota, pullQuota, keep } = options;
  const { bridge, mailPolicy, contact, bucketBits, egress } = options;
  return {
    ...change('unknownUsers', unknownUsers, (text) => text as DomainSettings['unknownUsers']),
    ...change('introductions', introductions, (text) => text as DomainSettings['introductions']),
    ...change('introductionsPerHour', introductionsPerHour, (text) => quantity.count(text)),
    ...change('transit', transit, (text) => quantity.duration(text)),
    ...change('quota', quota, (text) => quantity.size(text)),
    ...change('pullQuota', pullQuota, (text) => quantity.size(text)),
    ...change('egress', egress, (text) => quantity.size(text)),
    ...change('keep', keep, (text) => quantity.keep(text)),
    ...change('bridge', bridge, (text) => text as DomainSettings['bridge']),
    ...change('mailPolicy', mailPolicy, (text) => text as DomainSettings['mailPolicy']),
    ...change('contact', contact, (text) => text),
    ...change('bucketBits', bucketBits, (text) => quantity.bits(text)),
  };
}

function change<K extends keyof DomainSettings>(
  name: K,
  text: string | undefined,
  read: (text: string) => DomainSettings[K],
): DomainChanges {
  if (text === undefined) return {};
  return { [name]: text === back ? null : read(text) };
}

/** `transit 30 d, introductions closed`: what the domain has of its own. */
function ownSettings({ settings, own }: DomainSummary): string {
  const show: { readonly [K in keyof DomainSettings]: () => string } = {
    unknownUsers: () => `unknown users ${settings.unknownUsers}`,
    introductions: () => `introductions ${settings.introductions}`,
    introductionsPerHour: () => `${settings.introductionsPerHour} introductions/h`,
    transit: () => `transit ${formatDuration(settings.transit)}`,
    quota: () => `quota ${formatSize(settings.quota)}`,
    pullQuota: () => `pulls up to ${formatSize(settings.pullQuota)}`,
    egress: () => `serves ${formatSize(settings.egress)} a day`,
    keep: () => `keeps ${formatDuration(settings.keep)}`,
    bridge: () => `bridge ${settings.bridge}`,
    mailPolicy: () => `mail that fails checks: ${settings.mailPolicy}`,
    contact: () => `contact ${safeLine(settings.contact)}`,
    bucketBits: () => `2^${settings.bucketBits} buckets`,
  };
  return own.map((name) => show[name]()).join(', ');
}
