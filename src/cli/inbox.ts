import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Client, InboxEntry, StateTrouble } from '../client/api.ts';
import type { Clock } from '../clock.ts';
import { codeOf, type ErrorCode } from '../errors.ts';
import { warnOfAlarms, warnOfTroubles } from './alarms.ts';
import { command, homeOption, jsonOption, type HomeOption, type JsonOption } from './command.ts';
import type { Face } from './face.ts';
import { inboxLines, isDeferred } from './inbox-lines.ts';
import { createNextLook } from './next-look.ts';
import { withClient, withClientLeftOpen, type ClientParts } from './open-client.ts';
import { safeJson, safeLine } from './safe-text.ts';
import { domainNoticeInWords, harmless, noticeInWords } from './trust-words.ts';

interface Options extends HomeOption, JsonOption {
  readonly watch?: boolean;
  readonly all?: boolean;
}

export type InboxParts = ClientParts & { readonly clock: Clock };

/** After a look that failed, in milliseconds: doubled with each. */
const patience = { first: 3000, most: 60_000 };
/** What passes by itself while watching. */
const passing: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'network_failed',
  'tls_failed',
  'discovery_later',
  'unavailable',
  'rate_limited',
  'state_locked',
]);

/** What may be done about what waits. */
const choices = `
What waits stays at its sender's domain until you decide:
  beckon fetch 7      have it here, with all its parts (read and save fetch what they need)
  beckon defer 7      leave it there, and out of this list until tomorrow
  beckon delegate 7   have your own domain fetch it, sealed as it is: then it does not expire
  beckon ignore 7     be done with it, unread
Before a holiday:  beckon pull --all`;

/** `beckon inbox`: asks the domain, then shows everything; with --watch what is new from then on. */
export function inboxCommand(parts: InboxParts): Command {
  const { face } = parts;
  return command('inbox', 'ask what waits, and show it', ['inbox', 'inbox --watch'])
    .option('--all', 'show what you put off, too')
    .option('--watch', 'go on, and show what is new, until Ctrl-C')
    .addOption(homeOption())
    .addOption(jsonOption())
    .addHelpText('after', choices)
    .action(async (options: Options) => {
      if (options.watch) return await watch(parts, options);
      const { entries, failure, alarms, troubles } = await withClient(parts, options, async (client) => {
        // What is known here is shown also where the domain cannot be asked now.
        let troubles: readonly StateTrouble[] = [];
        const failure = await client.sync().then((result) => void (troubles = result.troubles ?? []), passed);
        if (!options.json) await showNotices(face, client, new Set());
        return { failure, entries: client.inbox(), alarms: client.alarms(), troubles };
      });
      const shown = shownOf(entries, options, parts.clock.seconds());
      if (options.json) face.printJson(entries);
      else if (shown.length > 0) show(parts, shown, false);
      else if (failure === undefined && entries.length === 0) face.note('nothing waits');
      const deferred = entries.length - shown.length;
      if (!options.json && deferred > 0) face.note(`${deferred} put off: beckon inbox --all`);
      // In this order: a device that cannot read what the others share takes their records for a stranger's.
      warnOfTroubles(face, troubles);
      warnOfAlarms(face, alarms);
      if (failure !== undefined) throw failure;
    });
}

/** What changed about correspondents' keys: until it was looked at, but for what is harmless, which is told once. */
async function showNotices(face: Face, client: Client, told: Set<string>): Promise<void> {
  for (const { address, notices, domainNotices } of await client.trust.list()) {
    const name = safeLine(address);
    const lines = [
      ...notices.map((notice) => [notice.at, noticeInWords(notice)] as const),
      ...domainNotices.map((notice) => [notice.at, domainNoticeInWords(notice)] as const),
    ];
    for (const [at, words] of lines) {
      const id = `${address} ${at} ${words}`;
      if (!told.has(id)) face.note(`note    ${name}: ${words}; see: beckon trust show ${name}`);
      told.add(id);
    }
    if (notices.some(({ kind }) => harmless.includes(kind)))
      await client.trust.acknowledge(address, harmless);
  }
}

/** A failure that passes by itself, as a value; any other is thrown on. */
function passed(error: unknown): Error {
  if (passing.has(codeOf(error)) && error instanceof Error) return error;
  throw error;
}

/** The lock is held for each look only, so that other commands work meanwhile. */
async function watch(parts: InboxParts, options: Options): Promise<void> {
  const { face } = parts;
  const stop = stopSignal();
  let delay = patience.first;
  let shown = new Map<number, string>();
  const told = new Set<string>();
  const next = createNextLook();
  while (!stop.aborted) {
    try {
      const { result, close } = await withClientLeftOpen(parts, options, async (client, home) => {
        await client.sync();
        await showNotices(face, client, told);
        return { entries: client.inbox(), stand: await next.prepare(client, home) };
      });
      const { entries, stand } = result;
      const fresh = shownOf(entries, options, parts.clock.seconds()).filter(
        (entry) => shown.get(entry.number) !== fingerprint(entry),
      );
      show(parts, fresh, options.json === true);
      shown = new Map(
        shownOf(entries, options, parts.clock.seconds()).map((entry) => [entry.number, fingerprint(entry)]),
      );
      delay = patience.first;
      try {
        await next.wait(stand, fresh.length > 0, stop);
      } finally {
        await close();
      }
    } catch (error) {
      if (!passing.has(codeOf(error))) throw error;
      delay = Math.min(delay * 2, patience.most);
      face.note(`beckon: cannot ask now [${codeOf(error)}]; again in ${Math.round(delay / 1000)} s`);
      await sleep(delay, undefined, { signal: stop }).catch(() => undefined);
    }
  }
}

/** Aborted by the first Ctrl-C; a second one ends the process at once. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort());
  return controller.signal;
}

/** Without what was put off. Programs see everything. */
function shownOf(
  entries: readonly InboxEntry[],
  { all = false, json = false }: Options,
  now: number,
): readonly InboxEntry[] {
  return all || json ? entries : entries.filter((entry) => !isDeferred(entry, now));
}

/** What makes an entry worth showing again. */
function fingerprint({ status, held, refusal, restUntil, retractedBy, parts = [] }: InboxEntry): string {
  return JSON.stringify([status, held, refusal, restUntil, retractedBy, parts.map(({ status }) => status)]);
}

function show(
  { face, clock }: { readonly face: Face; readonly clock: Clock },
  entries: readonly InboxEntry[],
  json: boolean,
): void {
  const lines = json ? entries.map((entry) => safeJson(entry)) : inboxLines(entries, clock.seconds());
  for (const line of lines) face.print(line);
}
