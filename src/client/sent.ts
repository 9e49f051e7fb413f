/** What was sent and what became of it: the own records beside the domain's, wire-spec/account.md section 6. */
import { mediaTypes } from '../wire/registry.ts';
import type { SentEntry, SentMessageEntry, SentState } from './api.ts';
import type { OwnDomain, SentMessage } from './own-domain.ts';
import type { OwnMail } from './own-mail.ts';
import { foreign } from './own-request.ts';
import type { ClientEvent, ClientState, Sent, SentPart } from './state.ts';
import { mailRecipients, mailStates } from './sent-mail.ts';
import type { Session } from './store.ts';

/** Most pages that are read. */
const maxPages = 1000;

/** Newest first. `unknown`: the domain keeps no record of it any more. Throws network codes. */
export async function listSent(
  state: ClientState,
  own: Pick<OwnDomain, 'sent' | 'mail'>,
): Promise<readonly SentEntry[]> {
  const known = await statesOf(own, new Set(state.sent.flatMap(allParts).map(({ handle }) => handle)));
  const mails = await mailStates(state, own);
  return state.sent.map((sent) => describe(sent, known, mails)).reverse();
}

/** Reads pages until every message is found or there are no more. */
async function statesOf(
  own: Pick<OwnDomain, 'sent'>,
  wanted: ReadonlySet<string>,
): Promise<ReadonlyMap<string, SentMessage>> {
  const found = new Map<string, SentMessage>();
  let after: string | undefined;
  for (let page = 0; page < maxPages && found.size < wanted.size; page++) {
    const { messages, next } = await own.sent(after);
    for (const message of messages) if (wanted.has(message.handle)) found.set(message.handle, message);
    if (next === undefined) break;
    if (next === after) throw foreign();
    after = next;
  }
  return found;
}

function describe(
  sent: Sent,
  known: ReadonlyMap<string, SentMessage>,
  mails: ReadonlyMap<string, OwnMail>,
): SentEntry {
  const addresses = [...new Set(sent.parts.map(({ to }) => to))];
  const natively = addresses.map((to) => {
    const parts = lastSent(sent, to);
    const messages = parts.map((part) => describePart(part, known.get(part.handle)));
    const way = parts[0]?.way ?? 'drop';
    const silent = way === 'drop' && isSilent(parts, known) ? ({ silent: true } as const) : {};
    return { to, way, ...silent, state: stateOf(messages), messages };
  });
  return {
    number: sent.number,
    subject: sent.subject,
    created: sent.created,
    letterId: sent.letterIds[0] ?? '',
    recipients: [...natively, ...mailRecipients(sent, mails)],
  };
}

function allParts({ parts, again = {} }: Sent): readonly SentPart[] {
  return [...parts, ...Object.values(again)];
}

/** What somebody was sent last: the message, or what was sent again after it. Each part may have an end of its own. */
export function lastSent(sent: Sent, to: string): readonly SentPart[] {
  const theirs = allParts(sent).filter((part) => part.to === to);
  const lastOf = (part: SentPart): number =>
    Math.max(...theirs.filter((other) => isSame(part, other)).map(({ expires }) => expires));
  return theirs.filter((part) => part.expires === lastOf(part));
}

/** One part, sent again: with the same letter, but for covers. */
function isSame(a: SentPart, b: SentPart): boolean {
  return a.letterId === b.letterId || (a.mediaType === mediaTypes.cover && b.mediaType === mediaTypes.cover);
}

/** All of it expired, and nobody ever came for any of it. */
function isSilent(parts: readonly SentPart[], known: ReadonlyMap<string, SentMessage>): boolean {
  return parts.every(({ handle }) => {
    const message = known.get(handle);
    return message?.state === 'expired' && message.fetched === undefined;
  });
}

/**
 * Gives up the drops of correspondents that went silent: what was sent over them expired unfetched since the last time.
 * wire-spec/addressing.md section 4. Throws network codes.
 */
export async function giveUpSilentDrops(
  session: Session,
  own: Pick<OwnDomain, 'sent'>,
  now: number,
): Promise<void> {
  const state = session.state();
  const since = state.silenceAt ?? 0;
  const ended = state.sent.flatMap((sent) =>
    [...new Set(sent.parts.map(({ to }) => to))].flatMap((to) => {
      const parts = lastSent(sent, to);
      const over = parts.every(({ way, expires }) => way === 'drop' && expires <= now && expires > since);
      return over ? [{ to, parts, created: sent.created }] : [];
    }),
  );
  if (ended.length === 0) return;
  const known = await statesOf(own, new Set(ended.flatMap(({ parts }) => parts.map(({ handle }) => handle))));
  const silent = ended.filter(({ parts }) => isSilent(parts, known));
  await session.commit(
    ...silent.map(({ to, created }): ClientEvent => ({
      type: 'drops-given-up',
      address: to,
      until: created,
    })),
    { type: 'silence-checked', at: now },
  );
}

function describePart(part: SentPart, known: SentMessage | undefined): SentMessageEntry {
  return {
    handle: part.handle,
    state: known?.state ?? 'unknown',
    mediaType: part.mediaType,
    ...(part.fileName === undefined ? {} : { fileName: part.fileName }),
    length: part.length,
    sha256: part.plaintextHash,
    expires: part.expires,
    ...(known?.fetched === undefined ? {} : { fetched: known.fetched }),
    ...(known?.accepted === undefined ? {} : { accepted: known.accepted }),
    ...(known?.takedown === undefined ? {} : { takedown: known.takedown }),
  };
}

/** In the order in which one that is there decides for all: as long as a part waits, the whole waits. */
const weights: readonly SentState[] = ['stored', 'withdrawn', 'expired', 'unknown', 'accepted'];

/** A cover is accepted with its parts; where there are others, they decide. */
function stateOf(messages: readonly SentMessageEntry[]): SentState {
  const parts = messages.filter(({ mediaType }) => mediaType !== mediaTypes.cover);
  const present = new Set((parts.length > 0 ? parts : messages).map(({ state }) => state));
  return weights.find((state) => present.has(state)) ?? 'unknown';
}
