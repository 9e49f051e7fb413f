/** What was sent and what became of it: the own records beside the domain's, wire-spec/account.md section 6. */
import { mediaTypes } from '../wire/registry.ts';
import type { SentEntry, SentMessageEntry, SentState } from './api.ts';
import type { OwnDomain, SentMessage } from './own-domain.ts';
import { foreign } from './own-request.ts';
import type { ClientState, Sent, SentPart } from './state.ts';

/** Most pages that are read. */
const maxPages = 1000;

/** Newest first. `unknown`: the domain keeps no record of it any more. Throws network codes. */
export async function listSent(
  state: ClientState,
  own: Pick<OwnDomain, 'sent'>,
): Promise<readonly SentEntry[]> {
  const wanted = new Set(state.sent.flatMap(({ parts }) => parts.map(({ handle }) => handle)));
  const known = await statesOf(own, wanted);
  return state.sent.map((sent) => describe(sent, known)).reverse();
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

function describe(sent: Sent, known: ReadonlyMap<string, SentMessage>): SentEntry {
  const addresses = [...new Set(sent.parts.map(({ to }) => to))];
  return {
    number: sent.number,
    subject: sent.subject,
    created: sent.created,
    letterId: sent.letterIds[0] ?? '',
    recipients: addresses.map((to) => {
      const parts = sent.parts.filter((part) => part.to === to);
      const messages = parts.map((part) => describePart(part, known.get(part.handle)));
      return { to, way: parts[0]?.way ?? 'drop', state: stateOf(messages), messages };
    }),
  };
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
