/**
 * What a client remembers, and the one function that changes it. The state is plain JSON (bytes as base64url), so that
 * it can be stored as one blob; the chain value that drops are derived from stays out of it (wire-spec/addressing.md
 * section 4) and lives in `DeviceSecrets`.
 */

/** Bytes as base64url without padding. */
export type Text64 = string;

/** Where this user may write to a correspondent: the newest drop they handed over. */
export interface TheirDrop {
  readonly pollKey: Text64;
  readonly suite: number;
  readonly sealingKey: Text64;
  /** `created` of the signed envelope that carried it: the newest wins. */
  readonly created: number;
  readonly notAfter: number;
}

/** A drop of this user's that correspondents may write to. */
export type OwnDrop = HandedDrop | IntroducedDrop;

/** Derived from the master and handed to one correspondent in a private header. */
export interface HandedDrop {
  readonly kind: 'handed';
  readonly epoch: Text64;
  readonly n: number;
  /** X-Wing seed of the sealing key; erased with the drop. */
  readonly seed: Text64;
  readonly correspondent: string;
  readonly created: number;
  readonly notAfter: number;
  /** A message arrived over it: the next header hands out a new one. */
  readonly used: boolean;
}

/** Found in the feed: what an introduction says, unproven until the sender's record was read. */
export interface IntroducedDrop {
  readonly kind: 'introduced';
  /** The scalar s of wire-spec/addressing.md section 3. */
  readonly scalar: Text64;
  readonly addressingKeyId: Text64;
  readonly claimedAddress: string;
  readonly identityFingerprint: Text64;
  readonly theirAddressingKey: Text64;
  readonly created: number;
  readonly notAfter: number;
}

export interface Contact {
  readonly address: string;
  readonly drop?: TheirDrop;
  /** Poll key of the own drop that the next header hands out again, until it is used or a week old. */
  readonly handedOut?: Text64;
  /** The user wrote to them, or opened a message of theirs: their headers are fetched without asking. */
  readonly known: boolean;
}

/** `waiting`: only the ref is known. `opened`: header and envelope verified. `accepted`: the payload is here. */
export type ReceivedStatus =
  'waiting' | 'opened' | 'accepted' | 'withdrawn' | 'expired' | 'refused' | 'ignored';

export interface OpenedMessage {
  readonly sender: string;
  readonly author: string;
  /** Author and envelope sender differ and no audience explains it. */
  readonly forwarded: boolean;
  readonly letterId: Text64;
  readonly parents: readonly Text64[];
  readonly retracts?: Text64;
  readonly created: number;
  readonly mediaType: string;
  readonly fileName?: string;
  readonly tag?: string;
  readonly length: number;
  readonly plaintextHash: Text64;
  readonly payloadSize: number;
  readonly payloadHash: Text64;
  readonly contentKey: Text64;
  readonly acceptToken: Text64;
  /** Message ids that this cover lists. */
  readonly parts?: readonly Text64[];
}

export interface Received {
  /** What the user calls it: counted from 1, never used twice. */
  readonly number: number;
  readonly id: Text64;
  readonly pollKey: Text64;
  readonly senderDomain: string;
  readonly expires: number;
  readonly firstSeen: number;
  readonly sizeClass: number;
  readonly status: ReceivedStatus;
  /** Why it was refused: a stable error code. */
  readonly refusal?: string;
  readonly opened?: OpenedMessage;
}

export interface SentPart {
  readonly handle: string;
  readonly messageId: Text64;
  readonly to: string;
  /** How it travels: by published keys alone, or over a drop they handed over. */
  readonly way: 'introduction' | 'drop';
  readonly mediaType: string;
  readonly fileName?: string;
  readonly plaintextHash: Text64;
  readonly length: number;
  readonly expires: number;
}

export interface Sent {
  readonly number: number;
  /** Letter ids of the parts, the one that answers point to first. */
  readonly letterIds: readonly Text64[];
  readonly subject: string;
  readonly created: number;
  readonly parts: readonly SentPart[];
}

export interface ClientState {
  readonly version: 1;
  readonly address: string;
  /** Serialised user keys, wire-spec/keys.md section 5. */
  readonly userKeys: unknown;
  /** Secret that drops' poll keys come from, and the epoch of this device. */
  readonly master: Text64;
  readonly epoch: Text64;
  readonly nextDrop: number;
  readonly contacts: Readonly<Record<string, Contact>>;
  /** By poll key. */
  readonly drops: Readonly<Record<Text64, OwnDrop>>;
  /** By message id. */
  readonly received: Readonly<Record<Text64, Received>>;
  readonly sent: readonly Sent[];
  readonly nextNumber: number;
  readonly feedCursor?: Text64;
  /** Message ids to report as done at the next poll, by poll key. */
  readonly done: Readonly<Record<Text64, readonly Text64[]>>;
  /** Pins and cached records of the directory. */
  readonly directory: Readonly<Record<string, Text64>>;
  /** SHA-256 of each letter seen, by author and letter id: the same id with other bytes is an alarm. */
  readonly letters: Readonly<Record<string, Text64>>;
}

export type ClientEvent =
  | { readonly type: 'contact-known'; readonly address: string }
  | { readonly type: 'drop-made'; readonly pollKey: Text64; readonly drop: HandedDrop }
  | { readonly type: 'introduction-found'; readonly pollKey: Text64; readonly drop: IntroducedDrop }
  | { readonly type: 'feed-read'; readonly cursor: Text64 }
  | {
      readonly type: 'ref-seen';
      readonly ref: Pick<Received, 'id' | 'pollKey' | 'senderDomain' | 'expires' | 'firstSeen' | 'sizeClass'>;
    }
  | {
      readonly type: 'opened';
      readonly id: Text64;
      readonly message: OpenedMessage;
      readonly letterHash: Text64;
    }
  | { readonly type: 'parts-listed'; readonly id: Text64; readonly parts: readonly Text64[] }
  | { readonly type: 'drop-adopted'; readonly address: string; readonly drop: TheirDrop }
  | { readonly type: 'refused'; readonly id: Text64; readonly code: string }
  | {
      readonly type: 'ended';
      readonly id: Text64;
      readonly status: 'accepted' | 'withdrawn' | 'expired' | 'ignored';
    }
  | { readonly type: 'done-reported'; readonly pollKey: Text64; readonly ids: readonly Text64[] }
  | { readonly type: 'sent'; readonly sent: Omit<Sent, 'number'> }
  | { readonly type: 'directory-put'; readonly key: string; readonly value: Text64 }
  | { readonly type: 'directory-deleted'; readonly key: string }
  | { readonly type: 'time-passed'; readonly now: number };

/** The key of a letter in `letters`. */
export function letterKey(author: string, letterId: Text64): string {
  return `${author} ${letterId}`;
}

/** The state after an event. Pure; an event about something unknown changes nothing. */
export function reduce(state: ClientState, event: ClientEvent): ClientState {
  switch (event.type) {
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
    case 'introduction-found':
      return event.pollKey in state.drops
        ? state
        : { ...state, drops: { ...state.drops, [event.pollKey]: event.drop } };
    case 'feed-read':
      return { ...state, feedCursor: event.cursor };
    case 'ref-seen':
      return refSeen(state, event.ref);
    case 'opened':
      return messageOpened(state, event);
    case 'parts-listed':
      return withReceived(state, event.id, (received) =>
        received.opened === undefined
          ? received
          : { ...received, opened: { ...received.opened, parts: event.parts } },
      );
    case 'drop-adopted':
      return adopt(state, event.address, event.drop);
    case 'refused':
      return finished(state, event.id, { status: 'refused', refusal: event.code });
    case 'ended':
      return finished(state, event.id, { status: event.status });
    case 'done-reported':
      return doneReported(state, event.pollKey, event.ids);
    case 'sent':
      return {
        ...state,
        sent: [...state.sent, { ...event.sent, number: state.nextNumber }],
        nextNumber: state.nextNumber + 1,
      };
    case 'directory-put':
      return { ...state, directory: { ...state.directory, [event.key]: event.value } };
    case 'directory-deleted':
      return { ...state, directory: without(state.directory, event.key) };
    case 'time-passed':
      return forgetPast(state, event.now);
  }
}

function without<T>(entries: Readonly<Record<string, T>>, key: string): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(entries).filter(([name]) => name !== key));
}

function withContact(state: ClientState, address: string, change: Partial<Contact>): ClientState {
  const contact = state.contacts[address] ?? { address, known: false };
  return { ...state, contacts: { ...state.contacts, [address]: { ...contact, ...change } } };
}

function withReceived(state: ClientState, id: Text64, change: (received: Received) => Received): ClientState {
  const received = state.received[id];
  return received === undefined
    ? state
    : { ...state, received: { ...state.received, [id]: change(received) } };
}

type SeenRef = Extract<ClientEvent, { type: 'ref-seen' }>['ref'];

function refSeen(state: ClientState, ref: SeenRef): ClientState {
  if (ref.id in state.received) return state;
  const received: Received = { ...ref, number: state.nextNumber, status: 'waiting' };
  const drop = state.drops[ref.pollKey];
  const drops =
    drop?.kind === 'handed' ? { ...state.drops, [ref.pollKey]: { ...drop, used: true } } : state.drops;
  return {
    ...state,
    drops,
    nextNumber: state.nextNumber + 1,
    received: { ...state.received, [ref.id]: received },
  };
}

function messageOpened(state: ClientState, event: Extract<ClientEvent, { type: 'opened' }>): ClientState {
  const { id, message, letterHash } = event;
  const known = withReceived(state, id, (received) => ({ ...received, status: 'opened', opened: message }));
  const key = letterKey(message.author, message.letterId);
  return { ...known, letters: { ...known.letters, [key]: known.letters[key] ?? letterHash } };
}

function adopt(state: ClientState, address: string, drop: TheirDrop): ClientState {
  const current = state.contacts[address]?.drop;
  return current !== undefined && current.created >= drop.created
    ? state
    : withContact(state, address, { drop });
}

function finished(state: ClientState, id: Text64, change: Pick<Received, 'status' | 'refusal'>): ClientState {
  const received = state.received[id];
  if (received === undefined) return state;
  const done = state.done[received.pollKey] ?? [];
  return {
    ...withReceived(state, id, (before) => ({ ...before, ...change })),
    done: done.includes(id) ? state.done : { ...state.done, [received.pollKey]: [...done, id] },
  };
}

function doneReported(state: ClientState, pollKey: Text64, ids: readonly Text64[]): ClientState {
  const left = (state.done[pollKey] ?? []).filter((id) => !ids.includes(id));
  return {
    ...state,
    done: left.length > 0 ? { ...state.done, [pollKey]: left } : without(state.done, pollKey),
  };
}

/** Drops past their not-after are forgotten and their seeds with them; waiting refs past their expiry end. */
function forgetPast(state: ClientState, now: number): ClientState {
  const live = Object.entries(state.drops).filter(([, drop]) => drop.notAfter > now);
  const received = Object.entries(state.received).map(([id, entry]) => [
    id,
    (entry.status === 'waiting' || entry.status === 'opened') && entry.expires <= now
      ? { ...entry, status: 'expired' as const }
      : entry,
  ]);
  const drops = Object.fromEntries(live);
  const done = Object.fromEntries(Object.entries(state.done).filter(([pollKey]) => pollKey in drops));
  return { ...state, drops, done, received: Object.fromEntries(received) as ClientState['received'] };
}
