/** What was received, as it is shown: by number, parts under their cover. */
import { base64urlnopad } from '@scure/base';
import { BeckonError } from '../errors.ts';
import { traceHandle } from '../keys/fingerprints.ts';
import { splitAddress } from '../wire/address.ts';
import type { InboxEntry, Reply } from './api.ts';
import { aloneFrom, isCover, lacksCover, listedParts, partsOf, type PartOf } from './belonging.ts';
import { correspondentOf } from './correspondent.ts';
import { isUnderWay, letterKey, receivedKey } from './reduce.ts';
import type { ClientState, OpenedMessage, Received, ReceivedKey } from './state.ts';

/** Everything received, by number; what a cover lists stands under it alone, and a part that ended before its cover came nowhere. */
export function inboxOf(state: ClientState): readonly InboxEntry[] {
  const lookup = lookupOf(state);
  const isNothing = (one: Received): boolean => !isUnderWay(one) && lacksCover(one, lookup.listed);
  return Object.values(state.received)
    .filter((one) => !lookup.listed.has(receivedKey(one)) && !isNothing(one))
    .toSorted((a, b) => a.number - b.number)
    .map((entry) => describe(state, lookup, entry));
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
  expectWhole(state, received);
  const first = partsOf(state, received).find(({ part }) => part.opened !== undefined)?.part.opened;
  const from = opened.to === undefined ? {} : { from: opened.to };
  return { to: whomToAnswer(opened), ...from, parents: [(first ?? opened).letterId] };
}

/** Throws `unavailable` for a part of which no cover came yet: it is nothing by itself. */
export function expectWhole(state: ClientState, received: Received): void {
  if (lacksCover(received, listedParts(state)))
    throw new BeckonError('unavailable', 'this is part of a message whose rest has not come yet');
}

/** Of mail, whom it asks to answer: a bridge is nobody to write to. */
function whomToAnswer({ sender, mail }: OpenedMessage): string {
  if (mail === undefined) return sender;
  const asked = mail.kind === 'mail' ? (mail.replyTo ?? mail.from) : '';
  if (asked === '') throw new BeckonError('request_invalid', 'this mail names nobody to answer');
  return asked;
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
    ...statusOf(lookup, received),
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
    ...(received.deferred === undefined ? {} : { deferred: received.deferred.until }),
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

/** Of a part whose cover has not come nobody is to do anything yet. */
function statusOf({ listed }: Lookup, received: Received): Pick<InboxEntry, 'status' | 'restUntil'> {
  const { status } = received;
  const waits = status === 'opened' && lacksCover(received, listed);
  return waits ? { status: 'waiting', restUntil: aloneFrom(received) } : { status };
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
  /** Keys of what stands under a cover. */
  readonly listed: ReadonlySet<ReceivedKey>;
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
    listed: listedParts(state),
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
