/** The one function that changes the state. */
import { payloadSize } from '../message/payload.ts';
import { sizeClass } from '../wire/padding.ts';
import { times } from '../wire/registry.ts';
import { contentOf, withContent } from './blob.ts';
import { joinContents } from './join.ts';
import { letAlone } from './belonging.ts';
import { erased, forgetPast, isUnderWay, noMoreKept, receivedKey } from './received-life.ts';
export { isUnderWay, receivedKey, unopenedKept } from './received-life.ts';
import { reduceOwn, withoutOldKeys, withoutVoidDrops } from './reduce-own.ts';
import type {
  CardDrop,
  ClientEvent,
  ClientState,
  Contact,
  IntroducedDrop,
  ListedPart,
  Received,
  ReceivedKey,
  Sent,
  SentPart,
  Text64,
  TheirDrop,
} from './state.ts';

/** The key of a letter in `letters`. */
export function letterKey(author: string, letterId: Text64): string {
  return `${author} ${letterId}`;
}

/** The state after an event. Pure; an event about something unknown changes nothing. */
export function reduce(state: ClientState, event: ClientEvent): ClientState {
  switch (event.type) {
    case 'enrolled':
      return { ...state, enrolled: true };
    case 'contact-known':
      return withContact(state, event.address, { known: true });
    case 'drop-made':
      return withContact(
        {
          ...state,
          nextDrop: Math.max(state.nextDrop, event.drop.n + 1),
          drops: { ...state.drops, [event.pollKey]: event.drop },
        },
        event.drop.correspondent,
        { handedOut: event.pollKey },
      );
    case 'card-made':
      return {
        ...state,
        nextDrop: Math.max(state.nextDrop, event.drop.n + 1),
        drops: { ...state.drops, [event.pollKey]: event.drop },
      };
    case 'card-claimed':
      return withCard(state, event.pollKey, (card) =>
        card.claimed === undefined ? { ...card, claimed: { by: event.by, at: event.at } } : card,
      );
    case 'card-revoked':
      return withCard(state, event.pollKey, ({ seed: _, ...card }) => ({ ...card, revoked: true }));
    case 'introduction-found':
      return introductionFound(state, event.pollKey, event.drop);
    case 'feed-read':
      return feedRead(state, event);
    case 'ref-seen':
      return refSeen(state, event.ref);
    case 'ref-retracted':
      return refRetracted(state, event.ref);
    case 'opened':
      return messageOpened(state, event);
    case 'parts-listed':
      return partsListed(state, event.key, event.parts);
    case 'drop-adopted':
      return adopt(state, event.address, event.drop);
    case 'held':
      return withReceived(state, event.key, (received) =>
        isUnderWay(received) ? { ...received, held: event.code } : received,
      );
    case 'refused':
      return finished(state, event.key, { status: 'refused', refusal: event.code });
    case 'ended':
      return ended(state, event);
    case 'kept-ended':
      return withReceived(state, event.key, noMoreKept);
    case 'accept-answered':
      return acceptAnswered(state, event.key);
    case 'done-reported':
      return doneReported(state, event.pollKey, event.ids);
    case 'sender-ignored':
      return senderIgnored(state, event);
    case 'sender-pulled':
      return senderPulled(state, event);
    case 'pulls-told':
      return { ...state, pullsTold: { ...state.pullsTold, ...event.counters } };
    case 'deferred':
      return withReceived(state, event.key, (received) => deferred(received, event));
    case 'preferences-told':
      return { ...state, told: { ...state.told, ...event.counters } };
    case 'passed-over':
      return receivedKey(event.ref) in state.received ? state : withDone(state, event.ref);
    case 'number-taken':
      return { ...state, nextNumber: state.nextNumber + 1 };
    case 'sent':
      return sent(state, event.sent, event.number);
    case 'sent-again':
      return sentAgain(state, event.number, event.parts);
    case 'mail-sent':
      return withSent(state, event.number, (one) => ({ ...one, mail: event.mail }));
    case 'mail-word':
      return mailWord(state, event);
    case 'drops-given-up':
      return withContact(state, event.address, {
        gaveUp: Math.max(event.until, state.contacts[event.address]?.gaveUp ?? 0),
      });
    case 'silence-checked':
      return { ...state, silenceAt: event.at };
    case 'directory-put':
      return { ...state, directory: { ...state.directory, [event.key]: event.value } };
    case 'directory-deleted':
      return { ...state, directory: without(state.directory, event.key) };
    case 'content-met':
      return {
        ...withoutVoidDrops(withContent(state, joinContents(contentOf(state, 0), event.content))),
        blob: event.blob,
      };
    case 'content-kept':
      return { ...state, blob: event.blob };
    case 'time-passed':
      return withoutOldKeys(forgetPast(letAlone(state, event.now), event.now), event.now);
    default:
      return reduceOwn(state, event);
  }
}

function sent(state: ClientState, what: Omit<Sent, 'number'>, taken: number | undefined): ClientState {
  const number = taken ?? state.nextNumber;
  const nextNumber = taken === undefined ? number + 1 : state.nextNumber;
  return { ...state, sent: [...state.sent, { ...what, number }], nextNumber };
}

function sentAgain(state: ClientState, number: number, parts: readonly SentPart[]): ClientState {
  const added = Object.fromEntries(parts.map((part) => [part.handle, part]));
  return {
    ...state,
    sent: state.sent.map((sent) =>
      sent.number === number ? { ...sent, again: { ...sent.again, ...added } } : sent,
    ),
  };
}

function without<T>(entries: Readonly<Record<string, T>>, key: string): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(entries).filter(([name]) => name !== key));
}

function withContact(state: ClientState, address: string, change: Partial<Contact>): ClientState {
  const contact = state.contacts[address] ?? { address, known: false };
  return { ...state, contacts: { ...state.contacts, [address]: { ...contact, ...change } } };
}

function withSent(state: ClientState, number: number, change: (sent: Sent) => Sent): ClientState {
  return { ...state, sent: state.sent.map((one) => (one.number === number ? change(one) : one)) };
}

/** The later word counts, whatever the clock says. */
function mailWord(
  state: ClientState,
  { domain, word, at }: Extract<ClientEvent, { type: 'mail-word' }>,
): ClientState {
  const before = state.mail?.[domain];
  if ((before?.word ?? 'ask') === word) return state;
  const choice = { word, at: Math.max(at, (before?.at ?? 0) + 1) };
  return { ...state, mail: { ...state.mail, [domain]: choice } };
}

/** The later word counts, whatever the clock says. */
function deferred(received: Received, { until, at }: Extract<ClientEvent, { type: 'deferred' }>): Received {
  return { ...received, deferred: { until, at: Math.max(at, (received.deferred?.at ?? 0) + 1) } };
}

/** A later word has a higher counter, whatever the clock says. */
function senderIgnored(
  state: ClientState,
  { address, on, at }: Extract<ClientEvent, { type: 'sender-ignored' }>,
): ClientState {
  const before = state.contacts[address]?.ignored;
  if ((before?.on ?? false) === on) return state;
  return withContact(state, address, { ignored: { on, at: Math.max(at, (before?.at ?? 0) + 1) } });
}

function senderPulled(
  state: ClientState,
  { address, on, at }: Extract<ClientEvent, { type: 'sender-pulled' }>,
): ClientState {
  const before = state.contacts[address]?.pull;
  if ((before?.on ?? false) === on) return state;
  return withContact(state, address, { pull: { on, at: Math.max(at, (before?.at ?? 0) + 1) } });
}

function withCard(state: ClientState, pollKey: Text64, change: (card: CardDrop) => CardDrop): ClientState {
  const card = state.drops[pollKey];
  return card?.kind === 'card' ? { ...state, drops: { ...state.drops, [pollKey]: change(card) } } : state;
}

function withReceived(
  state: ClientState,
  key: ReceivedKey,
  change: (received: Received) => Received,
): ClientState {
  const received = state.received[key];
  return received === undefined
    ? state
    : { ...state, received: { ...state.received, [key]: change(received) } };
}

/** The same correspondent introduces themselves with every message until a drop was handed over: the last one counts. */
function introductionFound(state: ClientState, pollKey: Text64, drop: IntroducedDrop): ClientState {
  const known = state.drops[pollKey];
  if (known === undefined) return { ...state, drops: { ...state.drops, [pollKey]: drop } };
  const notAfter = Math.max(known.notAfter, drop.notAfter);
  return known.kind !== 'introduced' || notAfter === known.notAfter
    ? state
    : { ...state, drops: { ...state.drops, [pollKey]: { ...known, notAfter } } };
}

/** The whole feed has a place of its own, beside those of buckets. */
function feedRead(
  state: ClientState,
  { bucket, cursor }: Extract<ClientEvent, { type: 'feed-read' }>,
): ClientState {
  return bucket === undefined
    ? { ...state, feedCursor: cursor }
    : { ...state, bucketCursors: { ...state.bucketCursors, [bucket]: cursor } };
}

type SeenRef = Extract<ClientEvent, { type: 'ref-seen' }>['ref'];

function refSeen(state: ClientState, ref: SeenRef): ClientState {
  const key = receivedKey(ref);
  const known = state.received[key];
  if (known !== undefined) return refSeenAgain(state, key, known, ref);
  const received: Received = { ...ref, number: state.nextNumber, status: 'waiting' };
  const drop = state.drops[ref.pollKey];
  const drops =
    drop?.kind === 'handed' ? { ...state.drops, [ref.pollKey]: { ...drop, used: true } } : state.drops;
  return {
    ...state,
    drops,
    nextNumber: state.nextNumber + 1,
    received: { ...state.received, [key]: received },
  };
}

/** What the own domain pulled lasts as long as its copy: also what ended here before that was known. */
function refSeenAgain(state: ClientState, key: ReceivedKey, known: Received, ref: SeenRef): ClientState {
  const { blind = 0 } = ref;
  const lasts = blind > (known.blind ?? 0) && known.senderDomain === ref.senderDomain;
  if (lasts && isUnderWay(known)) return withReceived(state, key, (received) => ({ ...received, blind }));
  if (lasts && known.status === 'expired')
    return withReceived(state, key, (received) => ({ ...received, status: 'waiting', blind }));
  return isUnderWay(known) ? state : withDone(state, known);
}

/** Only the domain that announced a message takes it back: others may have learnt id and drop. */
function refRetracted(
  state: ClientState,
  ref: Pick<SeenRef, 'id' | 'pollKey' | 'senderDomain'>,
): ClientState {
  const key = receivedKey(ref);
  return state.received[key]?.senderDomain === ref.senderDomain
    ? finished(state, key, { status: 'withdrawn' })
    : state;
}

function messageOpened(state: ClientState, event: Extract<ClientEvent, { type: 'opened' }>): ClientState {
  const { message, letterHash } = event;
  if (state.received[event.key]?.status !== 'waiting') return state;
  const known = withReceived(state, event.key, ({ held: _, ...received }) => ({
    ...received,
    status: 'opened',
    opened: message,
  }));
  const key = letterKey(message.author, message.letterId);
  return { ...known, letters: { ...known.letters, [key]: known.letters[key] ?? letterHash } };
}

/** The parts are under way from now on, whether their own refs were seen or not: the cover says all that is needed. */
function partsListed(state: ClientState, key: ReceivedKey, parts: readonly ListedPart[]): ClientState {
  const cover = state.received[key];
  if (cover?.opened === undefined) return state;
  const { pollKey, senderDomain, firstSeen } = cover;
  const listed = withReceived(state, key, ({ held: _, ...received }) => ({
    ...received,
    ...(received.opened === undefined ? {} : { opened: { ...received.opened, parts } }),
  }));
  return parts
    .filter(({ id }) => !(receivedKey({ pollKey, id }) in state.received))
    .reduce<ClientState>(
      (before, part) =>
        refSeen(before, {
          id: part.id,
          pollKey,
          senderDomain,
          expires: Math.min(part.expires, firstSeen + times.transitMax),
          firstSeen,
          sizeClass: sizeClass(payloadSize(part.length)),
        }),
      listed,
    );
}

/** The newest wins; of one second, the last to arrive: both would do. */
function adopt(state: ClientState, address: string, drop: TheirDrop): ClientState {
  const current = state.contacts[address]?.drop;
  return current !== undefined && current.created > drop.created
    ? state
    : withContact(state, address, { drop });
}

function finished(
  state: ClientState,
  key: ReceivedKey,
  change: Pick<Received, 'status' | 'refusal' | 'kept' | 'keptUntil'>,
): ClientState {
  const received = state.received[key];
  if (received === undefined || !isUnderWay(received)) return state;
  const known = withReceived(state, key, ({ held: _, ...before }) => erased({ ...before, ...change }));
  return withDone(known, received);
}

function acceptAnswered(state: ClientState, key: ReceivedKey): ClientState {
  if (!state.accepts.includes(key)) return state;
  const accepts = state.accepts.filter((owed) => owed !== key);
  return withReceived({ ...state, accepts }, key, (received) => erased(received, false));
}

type Ended = Extract<ClientEvent, { type: 'ended' }>;

/** What was accepted is owed to the sender's domain until it answered. */
function ended(state: ClientState, { key, status, keptUntil }: Ended): ClientState {
  const received = state.received[key];
  if (status !== 'accepted') return finished(state, key, { status });
  if (received?.status !== 'opened') return state;
  const { accepts } = state;
  const kept = keptUntil === undefined ? {} : { kept: 'kept' as const, keptUntil };
  return {
    ...finished(state, key, { status, ...kept }),
    accepts: accepts.includes(key) ? accepts : [...accepts, key],
  };
}

function withDone(state: ClientState, { id, pollKey }: Pick<Received, 'id' | 'pollKey'>): ClientState {
  const done = state.done[pollKey] ?? [];
  return done.includes(id) || !(pollKey in state.drops)
    ? state
    : { ...state, done: { ...state.done, [pollKey]: [...done, id] } };
}

function doneReported(state: ClientState, pollKey: Text64, ids: readonly Text64[]): ClientState {
  const left = (state.done[pollKey] ?? []).filter((id) => !ids.includes(id));
  return {
    ...state,
    done: left.length > 0 ? { ...state.done, [pollKey]: left } : without(state.done, pollKey),
  };
}
