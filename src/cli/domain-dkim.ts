import type { Command } from 'commander';
import type { DkimReport } from '../http/admin-handlers.ts';
import { canonicalDomain } from '../wire/domain-name.ts';
import { askDaemon, type AdminParts } from './admin.ts';
import { command, configOption, jsonOption, type ConfigOption, type JsonOption } from './command.ts';
import { dnsLines } from './dns-lines.ts';
import { formatTime } from './format.ts';
import { safeLine } from './safe-text.ts';

/** `beckon domain dkim`: what signs the mail of a domain, and what will. */
export function dkimCommand(parts: AdminParts): Command {
  const { face } = parts;
  return command('dkim', 'show the keys that sign its mail; "--rotate" makes the next one', [
    'domain dkim example.org',
    'domain dkim example.org --rotate',
  ])
    .argument('<domain>')
    .option('--rotate', 'make the next key: it signs once DNS shows it')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (typed: string, options: ConfigOption & JsonOption & { readonly rotate?: boolean }) => {
      const domain = canonicalDomain(typed);
      const report = await askDaemon(parts, options, (admin) =>
        options.rotate === true ? admin.rotateDkim(domain) : admin.domainDkim(domain),
      );
      if (options.json) return face.printJson(report);
      for (const line of linesOf(report)) face.print(line);
    });
}

const words = {
  signs: 'signs',
  next: 'waits for DNS: it is looked for every hour, and signs once it was there for one',
  before: 'signed before',
} as const;

function linesOf({ domain, keys }: DkimReport): readonly string[] {
  if (keys.length === 0)
    return [`${safeLine(domain)} signs no mail: beckon domain set ${safeLine(domain)} --bridge on`];
  const lines = keys.map(({ selector, state, until }) => {
    const end = until === undefined ? '' : `: leave it in DNS until ${formatTime(until)}`;
    return `${safeLine(selector)}  ${words[state]}${end}`;
  });
  const next = keys.filter(({ state }) => state === 'next').map(({ dns }) => dns);
  return next.length === 0 ? lines : [...lines, 'add to DNS', ...dnsLines(next)];
}
