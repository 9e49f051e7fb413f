/** What was received, as it is shown: by number, parts under their cover. */
import { base64urlnopad } from '@scure/base';
import { BeckonError } from '../errors.ts';
import { traceHandle } from '../keys/fingerprints.ts';
import type { InboxEntry, Reply } from './api.ts';
import { isCover } from './cover.ts';
import type { ClientState, ListedPart, OpenedMessage, Received } from './state.ts';

/** Everything received, by number; what a cover lists stands under it alone. */
export function inboxOf(state: ClientState): readonly InboxEntry[] {
  const received = Object.values(state.received).sort((a, b) => a.number - b.number);
  const listed = new Set(received.flatMap((cover) => partsOf(state, cover).map(({ part }) => part.number)));
  return received.filter(({ number }) => !listed.has(number)).map((entry) => describe(state, entry));
}

/** The entry with a number. Throws `not_found`. */
export function entryOf(state: ClientState, number: number): InboxEntry {
  return describe(state, receivedOf(state, number));
}

/** Throws `not_found`. */
export function receivedOf(state: ClientState, number: number): Received {
  const found = Object.values(state.received).find((received) => received.number === number);
  if (found === undefined) throw new BeckonError('not_found', 'no message has this number');
  return found;
}

/** What an answer to a message takes: of a cover, its first opened part is what others know. Throws as `Client.reply`. */
export function replyTo(state: ClientState, number: number): Reply {
  const received = receivedOf(state, number);
  const { opened } = received;
  if (opened === undefined) throw new BeckonError('request_invalid', 'this message is not opened yet');
  const first = partsOf(state, received).find(({ part }) => part.opened !== undefined)?.part.opened;
  return { to: opened.sender, parents: [(first ?? opened).letterId] };
}

interface PartOf {
  readonly listed: ListedPart;
  readonly part: Received;
}

/** Only what came the same way from the same domain can belong together. */
function partsOf(state: ClientState, cover: Received): readonly PartOf[] {
  return (cover.opened?.parts ?? []).flatMap((listed) => {
    const part = state.received[listed.id];
    const belongs =
      part !== undefined &&
      part.id !== cover.id &&
      part.pollKey === cover.pollKey &&
      part.senderDomain === cover.senderDomain;
    return belongs ? [{ listed, part }] : [];
  });
}

function describe(state: ClientState, received: Received): InboxEntry {
  const { opened } = received;
  const drop = state.drops[received.pollKey];
  const claimed = drop?.kind === 'handed' ? drop.correspondent : drop?.claimedAddress;
  const from = opened?.sender ?? claimed;
  const parts = partsOf(state, received);
  return {
    number: received.number,
    status: received.status,
    ...(from === undefined ? {} : { from }),
    fromVerified: opened !== undefined,
    way: drop?.kind === 'introduced' ? 'introduction' : 'drop',
    senderDomain: received.senderDomain,
    handle: traceHandle(base64urlnopad.decode(received.id)),
    expires: received.expires,
    firstSeen: received.firstSeen,
    sizeAtMost: 2 ** received.sizeClass,
    ...(received.refusal === undefined ? {} : { refusal: received.refusal }),
    ...(received.held === undefined ? {} : { held: received.held }),
    ...(opened === undefined ? {} : openedFields(state, received, opened)),
    ...(isCover(received) ? { cover: true, parts: parts.map((found) => describePart(state, found)) } : {}),
  };
}

/** Before a part is opened, its cover says what it is. */
function describePart(state: ClientState, { listed, part }: PartOf): InboxEntry {
  const { mediaType, length, fileName } = listed;
  return { mediaType, length, ...(fileName === undefined ? {} : { fileName }), ...describe(state, part) };
}

function openedFields(state: ClientState, received: Received, opened: OpenedMessage): Partial<InboxEntry> {
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
    ...answersOf(state, opened),
    ...retractionsOf(state, received, opened),
  };
}

function answersOf(state: ClientState, { parents }: OpenedMessage): Pick<InboxEntry, 'answers'> {
  const isParent = (id: string | undefined): boolean => id !== undefined && parents.includes(id);
  const sent = state.sent.find(
    ({ letterIds, parts }) => letterIds.some(isParent) || parts.some(({ letterId }) => isParent(letterId)),
  );
  if (sent !== undefined) return { answers: { kind: 'sent', number: sent.number } };
  const received = Object.values(state.received).find(({ opened }) => isParent(opened?.letterId));
  return received === undefined ? {} : { answers: { kind: 'received', number: received.number } };
}

/** A wish to forget is honoured only from the same author. */
function retractionsOf(
  state: ClientState,
  { id }: Received,
  { author, letterId, retracts }: OpenedMessage,
): Pick<InboxEntry, 'retracts' | 'retractedBy'> {
  const others = Object.values(state.received).filter(
    (other) => other.id !== id && other.opened?.author === author,
  );
  const earlier = others.find(({ opened }) => retracts !== undefined && opened?.letterId === retracts);
  const later = others.find(({ opened }) => opened?.retracts === letterId);
  return {
    ...(earlier === undefined ? {} : { retracts: earlier.number }),
    ...(later === undefined ? {} : { retractedBy: later.number }),
  };
}
