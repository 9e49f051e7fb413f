import type { Command } from 'commander';
import type { Clock } from '../clock.ts';
import type { QueuedMailSummary } from '../http/admin-handlers.ts';
import { askDaemon, type AdminParts } from './admin.ts';
import { command, configOption, group, jsonOption, type ConfigOption, type JsonOption } from './command.ts';
import { formatDuration, formatSize, table } from './format.ts';
import { safeLine } from './safe-text.ts';

type Parts = AdminParts & { readonly clock: Clock };
type Options = ConfigOption & JsonOption;

/** `beckon queue ...`: mail that waits to leave over SMTP, and what failed. */
export function queueCommand(parts: Parts): Command {
  return group('queue', 'mail that waits to leave over SMTP, and what failed', [
    listCommand(parts),
    oneCommand(parts, 'retry', 'try a mail again now: what waits, and what failed in the last 14 days'),
    oneCommand(parts, 'drop', 'send no more of a mail: its sender sees that it was taken back'),
  ]);
}

function listCommand(parts: Parts): Command {
  const { face, clock } = parts;
  return command('list', 'show it, oldest first', 'queue list')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (options: Options) => {
      const mails = await askDaemon(parts, options, (admin) => admin.queue());
      if (options.json) return face.printJson(mails);
      if (mails.length === 0) return face.note('the queue is empty');
      for (const line of table(mails.map((mail) => queueRow(mail, clock.seconds())))) face.print(line);
    });
}

function oneCommand(parts: Parts, name: 'retry' | 'drop', description: string): Command {
  const { face, clock } = parts;
  return command(name, description, `queue ${name} vzwyjknzmonk6pvp`)
    .argument('<handle>', 'as "queue list" shows it')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (handle: string, options: Options) => {
      const mail = await askDaemon(parts, options, (admin) =>
        name === 'retry' ? admin.retryMail(handle) : admin.dropMail(handle),
      );
      if (options.json) return face.printJson(mail);
      for (const line of table([queueRow(mail, clock.seconds())])) face.print(line);
    });
}

/** What `beckon queue list` prints of a mail; `now` in unix seconds. */
export function queueRow(mail: QueuedMailSummary, now: number): string[] {
  const { handle, domain, created, size, attempts, codes, next } = mail;
  const states = (['queued', 'failed', 'delivered', 'dropped'] as const)
    .filter((state) => mail[state] > 0)
    .map((state) => `${mail[state]} ${state}`);
  const again = next === undefined ? '' : next <= now ? 'now' : `in ${formatDuration(next - now)}`;
  return [
    safeLine(handle),
    safeLine(domain),
    formatDuration(now - created),
    formatSize(size),
    states.join(', '),
    `${attempts} ${attempts === 1 ? 'try' : 'tries'}`,
    again,
    codes.length === 0 ? '' : `[${codes.map(safeLine).join(', ')}]`,
  ];
}
