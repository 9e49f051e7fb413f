import type { Command } from 'commander';
import type { Clock } from '../clock.ts';
import type { ServerStatus } from '../http/admin-handlers.ts';
import { askDaemon, type AdminParts } from './admin.ts';
import { command, configOption, jsonOption, type ConfigOption, type JsonOption } from './command.ts';
import { formatCount, formatDuration, formatNumber, formatSize } from './format.ts';
import { warnOfMandate } from './mandate-warning.ts';
import { safeLine } from './safe-text.ts';

/** `beckon status`: one screen. */
export function statusCommand(parts: AdminParts & { readonly clock: Clock }): Command {
  const { face, clock } = parts;
  return command('status', 'show in one screen how the daemon is', 'status')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (options: ConfigOption & JsonOption) => {
      const status = await askDaemon(parts, options, (admin) => admin.status());
      if (options.json) return face.printJson(status);
      for (const line of statusLines(status, clock.seconds())) face.print(line);
      for (const { domain, mandateEnds } of status.identityWanted)
        warnOfMandate(face, domain, mandateEnds, clock.seconds());
    });
}

/** What `beckon status` prints, `now` in unix seconds. */
export function statusLines(status: ServerStatus, now: number): string[] {
  const { version, uptime, domains, users, waiting, stored, pulled, received, watchers, mailQueue } = status;
  const { oldest } = waiting;
  const since =
    oldest === undefined
      ? ''
      : `; oldest ${formatDuration(now - oldest.created)} (${safeLine(oldest.destination)})`;
  const age = formatDuration(now - received.since);
  const full = waiting.hasRoom
    ? []
    : ['NO ROOM        the disk is at its reserve (storage.reserve): nothing is accepted'];
  return [
    ...full,
    `beckon ${safeLine(version)}, up ${formatDuration(uptime)}, ${formatNumber(domains, 'domain')}, ${formatNumber(users, 'user')}`,
    `waiting        ${formatNumber(waiting.messages, 'message')}, ${formatSize(waiting.bytes)}${since}`,
    `stored         ${formatSize(stored.bytes)} of ${formatSize(stored.maxBytes)}, ${formatSize(stored.aside)} of it kept for users`,
    ...(pulled.messages === 0
      ? []
      : [
          `pulled         ${formatNumber(pulled.messages, 'message')} for users, ${formatSize(pulled.bytes)}`,
        ]),
    `received       ${formatCount(received.stored)} in ${age}; ${droppedText(received.dropped)}`,
    `introductions  ${formatCount(received.introductions)} in the feeds; watchers ${formatCount(watchers)}; bridge queue ${formatCount(mailQueue)}`,
  ];
}

function droppedText(dropped: Readonly<Record<string, number>>): string {
  const causes = Object.entries(dropped)
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a);
  const total = causes.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return 'none dropped';
  const names = causes.map(([code, count]) => `${safeLine(code).replaceAll('_', ' ')} ${formatCount(count)}`);
  return `dropped ${formatCount(total)} (${names.join(', ')})`;
}
