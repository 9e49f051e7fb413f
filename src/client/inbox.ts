/** What was received, as it is shown: by number, parts under their cover. */
import { base64urlnopad } from '@scure/base';
import { BeckonError } from '../errors.ts';
import { traceHandle } from '../keys/fingerprints.ts';
import { splitAddress } from '../wire/address.ts';
import type { InboxEntry, Reply } from './api.ts';
import { isCover } from './cover.ts';
import { correspondentOf } from './correspondent.ts';
import { letterKey, receivedKey } from './reduce.ts';
import type { ClientState, ListedPart, OpenedMessage, Received } from './state.ts';

/** Everything received, by number; what a cover lists stands under it alone. */
export function inboxOf(state: ClientState): readonly InboxEntry[] {
  const received = Object.values(state.received).sort((a, b) => a.number - b.number);
  const listed = new Set(received.flatMap((cover) => partsOf(state, cover).map(({ part }) => part.number)));
  const lookup = lookupOf(state);
  return received.filter(({ number }) => !listed.has(number)).map((entry) => describe(state, lookup, entry));
}

/** The entry with a number. Throws `not_found`. */
export function entryOf(state: ClientState, number: number): InboxEntry {
  return describe(state, lookupOf(state), receivedOf(state, number));
}

/** Throws `not_found`. */
export function receivedOf(state: ClientState, number: number): Received {
  const found = Object.values(state.received).find((received) => received.number === number);
  if (found !== undefined) return found;
  const sent = state.sent.some((message) => message.number === number);
  throw new BeckonError(
    'not_found',
    sent ? 'this number is that of a message that you sent' : 'no message has this number',
  );
}

/** What an answer to a message takes: of a cover, its first opened part is what others know. Throws as `Client.reply`. */
export function replyTo(state: ClientState, number: number): Reply {
  const received = receivedOf(state, number);
  const { opened } = received;
  if (opened === undefined) throw new BeckonError('request_invalid', 'this message is not opened yet');
  const first = partsOf(state, received).find(({ part }) => part.opened !== undefined)?.part.opened;
  const from = opened.to === undefined ? {} : { from: opened.to };
  return { to: whomToAnswer(opened), ...from, parents: [(first ?? opened).letterId] };
}

/** Of mail, whom it asks to answer: a bridge is nobody to write to. */
function whomToAnswer({ sender, mail }: OpenedMessage): string {
  if (mail === undefined) return sender;
  const asked = mail.kind === 'mail' ? (mail.replyTo ?? mail.from) : '';
  if (asked === '') throw new BeckonError('request_invalid', 'this mail names nobody to answer');
  return asked;
}

interface PartOf {
  readonly listed: ListedPart;
  readonly part: Received;
}

/** Only what came the same way from the same domain can belong together. */
function partsOf(state: ClientState, cover: Received): readonly PartOf[] {
  return (cover.opened?.parts ?? []).flatMap((listed) => {
    const part = state.received[receivedKey({ pollKey: cover.pollKey, id: listed.id })];
    const belongs = part !== undefined && part.id !== cover.id && part.senderDomain === cover.senderDomain;
    return belongs ? [{ listed, part }] : [];
  });
}

/** Who wrote it if its drop and its ref are right: nobody where they contradict each other. */
export function claimedSender(
  { drops }: ClientState,
  { pollKey, senderDomain }: Received,
): string | undefined {
  const drop = drops[pollKey];
  const claimed = drop && correspondentOf(drop);
  return claimed !== undefined && splitAddress(claimed).domain === senderDomain ? claimed : undefined;
}

function describe(state: ClientState, lookup: Lookup, received: Received): InboxEntry {
  const { opened } = received;
  const drop = state.drops[received.pollKey];
  const from = opened?.sender ?? claimedSender(state, received);
  const parts = partsOf(state, received);
  return {
    number: received.number,
    status: received.status,
    ...(from === undefined ? {} : { from }),
    fromVerified: opened !== undefined,
    way: drop?.kind === 'introduced' ? 'introduction' : drop?.kind === 'card' ? 'card' : 'drop',
    ...(drop?.kind === 'card' && drop.note !== '' ? { card: drop.note } : {}),
    senderDomain: received.senderDomain,
    handle: traceHandle(base64urlnopad.decode(received.id)),
    expires: received.expires,
    firstSeen: received.firstSeen,
    sizeAtMost: 2 ** received.sizeClass,
    ...(received.refusal === undefined ? {} : { refusal: received.refusal }),
    ...(received.held === undefined ? {} : { held: received.held }),
    ...(received.blind === undefined ? {} : { copyUntil: received.blind }),
    ...(received.deferred === undefined ? {} : { deferred: received.deferred }),
    ...(opened === undefined ? {} : openedFields(lookup, opened)),
    ...(opened?.mail === undefined
      ? {}
      : {
          mail: opened.mail,
          byOwnBridge: splitAddress(opened.sender).domain === splitAddress(state.address).domain,
        }),
    ...(received.kept === 'kept' ? { kept: true } : {}),
    ...(isCover(received)
      ? { cover: true, parts: parts.map((found) => describePart(state, lookup, found)) }
      : {}),
  };
}

/** Before a part is opened, its cover says what it is. */
function describePart(state: ClientState, lookup: Lookup, { listed, part }: PartOf): InboxEntry {
  const { mediaType, length, fileName } = listed;
  return {
    mediaType,
    length,
    ...(fileName === undefined ? {} : { fileName }),
    ...describe(state, lookup, part),
  };
}

function openedFields(lookup: Lookup, opened: OpenedMessage): Partial<InboxEntry> {
  const { fileName, tag } = opened;
  return {
    author: opened.author,
    forwarded: opened.forwarded,
    created: opened.created,
    mediaType: opened.mediaType,
    ...(fileName === undefined ? {} : { fileName }),
    length: opened.length,
    sha256: opened.plaintextHash,
    ...(tag === undefined ? {} : { tag }),
    letterId: opened.letterId,
    parents: opened.parents,
    ...answersOf(lookup, opened),
    ...retractionsOf(lookup, opened),
  };
}

/** What entries are looked up by, made once for a listing. */
interface Lookup {
  /** Numbers of own messages, by letter id. */
  readonly sent: ReadonlyMap<string, number>;
  /** By letter id, whoever the author is. */
  readonly letters: ReadonlyMap<string, Received>;
  /** By author and letter id. */
  readonly authored: ReadonlyMap<string, Received>;
  /** By author and the letter id that they ask to forget. */
  readonly retracting: ReadonlyMap<string, Received>;
}

function lookupOf(state: ClientState): Lookup {
  const opened = Object.values(state.received).flatMap((received) =>
    received.opened === undefined ? [] : [{ received, ...received.opened }],
  );
  return {
    sent: new Map(
      state.sent.flatMap(({ number, letterIds, parts }) =>
        [...letterIds, ...parts.map(({ letterId }) => letterId)].map((id) => [id, number] as const),
      ),
    ),
    letters: new Map(opened.map(({ received, letterId }) => [letterId, received])),
    authored: new Map(
      opened.map(({ received, author, letterId }) => [letterKey(author, letterId), received]),
    ),
    retracting: new Map(
      opened.flatMap(({ received, author, forwarded, retracts }) =>
        retracts === undefined || forwarded ? [] : [[letterKey(author, retracts), received] as const],
      ),
    ),
  };
}

function answersOf(lookup: Lookup, { parents }: OpenedMessage): Pick<InboxEntry, 'answers'> {
  for (const parent of parents) {
    const sent = lookup.sent.get(parent);
    if (sent !== undefined) return { answers: { kind: 'sent', number: sent } };
    const received = lookup.letters.get(parent);
    if (received !== undefined) return { answers: { kind: 'received', number: received.number } };
  }
  return {};
}

/** A wish to forget is honoured only from the same author, not from who forwards it. */
function retractionsOf(
  lookup: Lookup,
  { author, forwarded, letterId, retracts }: OpenedMessage,
): Pick<InboxEntry, 'retracts' | 'retractedBy'> {
  const earlier =
    retracts === undefined || forwarded ? undefined : lookup.authored.get(letterKey(author, retracts));
  const later = lookup.retracting.get(letterKey(author, letterId));
  return {
    ...(earlier === undefined ? {} : { retracts: earlier.number }),
    ...(later === undefined ? {} : { retractedBy: later.number }),
  };
}
