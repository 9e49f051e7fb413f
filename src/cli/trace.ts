import type { Command } from 'commander';
import { askDaemon, type AdminParts } from './admin.ts';
import { command, configOption, jsonOption, type ConfigOption, type JsonOption } from './command.ts';
import { BeckonError } from '../errors.ts';
import { formatTime, table } from './format.ts';
import { safeLine } from './safe-text.ts';

/** `beckon trace`: where a message is, as far as this domain knows. */
export function traceCommand(parts: AdminParts): Command {
  const { face } = parts;
  return command('trace', 'tell where a message is, at either end', 'trace vzwyjknzmonk6pvp')
    .argument('<handle>', 'as "beckon send" and "beckon inbox" show it')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (handle: string, options: ConfigOption & JsonOption) => {
      const events = await askDaemon(parts, options, (admin) => admin.trace(handle));
      if (options.json) return face.printJson(events);
      if (events.length === 0)
        throw new BeckonError('not_found', 'nothing is known here of a message with this handle');
      const rows = events.map(({ time, event, peer = '', detail = '' }) => [
        formatTime(time),
        safeLine(event),
        safeLine(peer),
        safeLine(detail),
      ]);
      for (const line of table(rows)) face.print(line);
    });
}
