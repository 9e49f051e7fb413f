/** Received messages as lines. What others chose (addresses, file names, types) is made harmless. */
import type { InboxEntry } from '../client/api.ts';
import { formatDuration, formatSize, formatTime } from './format.ts';
import { mailSender } from './mail-words.ts';
import { safeLine, shortLine } from './safe-text.ts';

const longestName = 60;

/** The lines of several entries; what one sender introduced is one line until it is opened, and parts that wait for their rest. `now` in unix seconds. */
export function inboxLines(entries: readonly InboxEntry[], now: number): string[] {
  const groups = Map.groupBy(entries, groupOf);
  return [...groups.values()].flatMap((group) => {
    const [first, ...more] = group;
    if (first === undefined) return [];
    if (first.restUntil !== undefined) return [restLine(first, group, now)];
    const lines = entryLines(first, now);
    return more.length === 0 ? lines : [`${lines[0] ?? ''}, ${more.length + 1} messages`];
  });
}

function groupOf(entry: InboxEntry): string {
  const { number, senderDomain, from, held, restUntil } = entry;
  if (restUntil !== undefined) return `rest ${from}`;
  return isIntroduction(entry) ? `${senderDomain} ${from} ${held}` : String(number);
}

function isIntroduction({ status, way, restUntil }: InboxEntry): boolean {
  return status === 'waiting' && way === 'introduction' && restUntil === undefined;
}

/** Of parts whose cover has not come yet. */
function restLine({ number, from = '' }: InboxEntry, parts: readonly InboxEntry[], now: number): string {
  const until = Math.min(...parts.map(({ restUntil = now }) => restUntil));
  const count = parts.length === 1 ? 'a part' : `${parts.length} parts`;
  const left = formatDuration(Math.max(0, until - now));
  return `${String(number).padStart(4)}  .  ${safeLine(from)}  ${count} of a message, waiting for the rest of it (shown without it in ${left})`;
}

/** One line, and one for each part. `now` in unix seconds. */
export function entryLines(entry: InboxEntry, now: number): string[] {
  if (entry.restUntil !== undefined) return [restLine(entry, [entry], now)];
  const { number, cover, parts = [] } = entry;
  const line = `${String(number).padStart(4)}  ${mark(entry)}  ${summary(entry, now)}`;
  return [line, ...(cover ? parts.map((part) => partLine(part, now)) : [])];
}

function partLine(part: InboxEntry, now: number): string {
  const state = part.status === 'opened' ? '' : `, ${statusText(part, now)}`;
  return `${String(part.number).padStart(9)}  ${contentText(part)}${state}`;
}

function mark({ status, way, from }: InboxEntry): string {
  switch (status) {
    case 'waiting':
      return way === 'introduction' || (way === 'card' && from === undefined) ? '?' : '.';
    case 'opened':
      return '*';
    case 'accepted':
      return ' ';
    case 'refused':
      return '!';
    case 'withdrawn':
    case 'expired':
    case 'ignored':
      return '-';
  }
}

function summary(entry: InboxEntry, now: number): string {
  const { status, from, senderDomain, way, card } = entry;
  const { mail } = entry;
  const who = mail === undefined ? safeLine(from ?? `somebody at ${senderDomain}`) : mailSender(mail, entry);
  if (isIntroduction(entry)) return `${who} wants to reach you (claimed), ${statusText(entry, now)}`;
  if (status === 'waiting' && way === 'card') {
    const which = card === undefined ? 'a card of yours' : `your card “${shortLine(card, longestName)}”`;
    return `${who} wrote over ${which}, ${statusText(entry, now)}`;
  }
  const what = status === 'waiting' ? '' : `  ${whatText(entry)}`;
  return `${written(entry)}${who}${what}, ${statusText(entry, now)}${remarks(entry)}`;
}

/** When it was written, once that is known: `2026-11-21 04:30Z`, before the sender. */
function written({ created }: InboxEntry): string {
  return created === undefined ? '' : `${formatTime(created).replace(/:\d\dZ$/, 'Z')}  `;
}

function whatText(entry: InboxEntry): string {
  if (!entry.cover) return contentText(entry);
  const count = entry.parts?.length ?? 0;
  return `${count} part${count === 1 ? '' : 's'}`;
}

export function contentText({ fileName, mediaType, length, sizeAtMost }: InboxEntry): string {
  const size = length === undefined ? `up to ${formatSize(sizeAtMost)}` : formatSize(length);
  if (mediaType === undefined) return size;
  if (fileName !== undefined) return `${shortLine(fileName, longestName)} (${safeLine(mediaType)}, ${size})`;
  return `${mediaType === 'message/rfc822' ? 'letter' : shortLine(mediaType, longestName)}, ${size}`;
}

/** When a message can be had nowhere any more, unix seconds. */
export function endOf({ expires, copyUntil = 0 }: InboxEntry): number {
  return Math.max(expires, copyUntil);
}

/** Whether the user put it off, and it is not time yet. */
export function isDeferred({ status, deferred = 0 }: InboxEntry, now: number): boolean {
  return (status === 'waiting' || status === 'opened') && deferred > now;
}

/** The state of an entry in words. */
export function statusText(entry: InboxEntry, now: number): string {
  const { status, held, refusal, copyUntil = 0, sizeAtMost } = entry;
  const left = `${formatDuration(endOf(entry) - now)} left${copyUntil > now ? ' at your domain' : ''}`;
  switch (status) {
    case 'waiting': {
      const why = held === undefined ? '' : `, tried in vain [${safeLine(held)}]`;
      return `up to ${formatSize(sizeAtMost)}, ${left}${why}`;
    }
    case 'opened':
      return `new, ${left}`;
    case 'accepted':
      return 'fetched';
    case 'refused':
      return `refused [${safeLine(refusal ?? 'unknown')}]`;
    case 'withdrawn':
      return 'withdrawn by the sender';
    case 'expired':
      return 'expired before it was fetched';
    case 'ignored':
      return 'ignored';
  }
}

function remarks({ answers, retracts, retractedBy, forwarded, author }: InboxEntry): string {
  return [
    ...(answers === undefined
      ? []
      : [`, answers ${answers.kind === 'sent' ? 'sent ' : ''}${answers.number}`]),
    ...(retracts === undefined ? [] : [`, asks to forget ${retracts}`]),
    ...(retractedBy === undefined ? [] : [`, the sender asks to forget it (${retractedBy})`]),
    ...(forwarded ? [`, forwarded, by ${safeLine(author ?? 'somebody else')}`] : []),
  ].join('');
}
