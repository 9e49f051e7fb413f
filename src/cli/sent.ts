import type { Command } from 'commander';
import type { SentEntry, SentMessageEntry, SentState, UnfinishedEntry } from '../client/api.ts';
import { mediaTypes } from '../wire/registry.ts';
import { command, homeOption, jsonOption, type HomeOption, type JsonOption } from './command.ts';
import { formatSize, formatTime } from './format.ts';
import { withClient, type ClientParts } from './open-client.ts';
import { shortLine } from './safe-text.ts';
import { unfinishedLines } from './unfinished.ts';

/** `beckon sent`: newest first. */
export function sentCommand(parts: ClientParts): Command {
  const { face } = parts;
  return command('sent', 'show what was sent and what became of it', 'sent')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (options: HomeOption & JsonOption) => {
      const { unfinished, entries } = await withClient(parts, options, async (client) => ({
        unfinished: await client.sending.unfinished(),
        entries: await client.sent(),
      }));
      if (options.json) return face.printJson([...unfinished.map(unfinishedJson), ...entries]);
      if (entries.length + unfinished.length === 0) return face.note('nothing was sent');
      for (const entry of unfinished) for (const line of unfinishedLines(entry)) face.print(line);
      for (const entry of entries) for (const line of sentLines(entry)) face.print(line);
    });
}

/** As what was sent, but to nobody yet. */
function unfinishedJson({ parts: _, ...entry }: UnfinishedEntry): unknown {
  return { ...entry, unfinished: true, recipients: [] };
}

/** What `beckon sent` prints of one message. */
export function sentLines({ number, subject, created, recipients }: SentEntry): string[] {
  const head = `${String(number).padStart(4)}  ${formatTime(created)}  ${shortLine(subject, 80)}`;
  return [
    head.trimEnd(),
    ...recipients.map(({ to, way, state, silent, messages }) => {
      const content = messages.filter(({ mediaType }) => mediaType !== mediaTypes.cover);
      const size = content.reduce((sum, { length }) => sum + length, 0);
      const handle = (messages.find((message) => !content.includes(message)) ?? messages[0])?.handle ?? '';
      const line = `      ${shortLine(to, 80)}  ${wordOf(state, messages)}  (${way}, ${formatSize(size)}, trace ${handle})`;
      return silent ? `${line}\n      nobody came for it: beckon send --again ${number}` : line;
    }),
  ];
}

function wordOf(state: SentState, messages: readonly SentMessageEntry[]): string {
  const reason = messages.find(({ takedown }) => takedown !== undefined)?.takedown;
  return state === 'withdrawn' && reason !== undefined
    ? `taken down by the own domain: ${shortLine(reason, 32)}`
    : states[state];
}

const states = {
  stored: 'waits',
  accepted: 'accepted',
  withdrawn: 'withdrawn',
  expired: 'expired',
  queued: 'queued',
  delivered: 'delivered to the mail server',
  failed: 'failed: a report came',
  unknown: 'unknown to the domain',
} as const;
