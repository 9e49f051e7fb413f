/**
 * What a client remembers, and the events that change it (`reduce.ts`). The state is plain JSON (bytes as base64url), so that
 * it can be stored as one blob; the chain value that drops are derived from stays out of it (wire-spec/addressing.md
 * section 4) and lives in `DeviceSecrets`.
 */

import type { MailChoice, SentMail } from './state-mail.ts';
import type { Received, ReceivedKey, OpenedMessage, ListedPart } from './state-received.ts';
import type { CardDrop, HandedDrop, IntroducedDrop, OwnDrop, Text64, TheirDrop } from './state-drops.ts';

export type * from './state-drops.ts';
export type * from './state-mail.ts';
export type * from './state-received.ts';

export interface Contact {
  readonly address: string;
  readonly drop?: TheirDrop;
  /** This device's alone: poll key of the own drop that the next header hands out again, until it is used or a week old. */
  readonly handedOut?: Text64;
  /** The user wrote to them, or opened a message of theirs: their headers are fetched without asking. */
  readonly known: boolean;
  /** Drops that they handed over until then are given up: what was sent over one expired unfetched. */
  readonly gaveUp?: number;
  /** What comes from them is ignored, or is not any more. */
  readonly ignored?: Said;
  /** The own domain pulls what comes from them, or does not any more. */
  readonly pull?: Said;
}

/** The user's word about a correspondent: the later one counts. */
export interface Said {
  readonly on: boolean;
  /** When it was said, and the counter of what the domain is told. */
  readonly at: number;
}

export interface SentPart {
  readonly handle: string;
  readonly messageId: Text64;
  readonly letterId: Text64;
  readonly to: string;
  /** How it travels: by published keys alone, or over a drop they handed over. */
  readonly way: 'introduction' | 'drop' | 'card';
  /** Recipient hash of the card's drop that it went over: no other message does. */
  readonly card?: Text64;
  readonly mediaType: string;
  readonly fileName?: string;
  readonly plaintextHash: Text64;
  readonly length: number;
  readonly expires: number;
}

export interface Sent {
  /** The alias that wrote, where it was not the address itself. */
  readonly from?: string;
  /** What its letters answer, and ask to forget: whoever sends it again makes the same letters. */
  readonly parents?: readonly Text64[];
  readonly retracts?: Text64;
  readonly mail?: SentMail;
  /** Sent again after it expired unfetched, by handle. */
  readonly again?: Readonly<Record<string, SentPart>>;
  /** As of a received message. */
  readonly number: number;
  /** Letter ids of the parts, the one that answers point to first. */
  readonly letterIds: readonly Text64[];
  readonly subject: string;
  readonly created: number;
  readonly parts: readonly SentPart[];
}

/** A record that this user signed, for the address or an alias. None is forgotten: whoever writes names the one that they saw. */
export interface OwnRecord {
  readonly address: string;
  readonly serial: number;
  readonly created: number;
  readonly expires: number;
  readonly dropsSince?: number;
  /** When the domain took it. */
  readonly published?: number;
  /** From then on nothing that is written to it counts. */
  readonly revokedAt?: number;
}

/** A record just signed: what the state keeps of it, and its bytes. */
export interface SignedRecord extends Omit<OwnRecord, 'published' | 'revokedAt'> {
  readonly fingerprint: Text64;
  /** The signed inner bytes. */
  readonly record: Text64;
}

/**
 * What is wrong with what others are shown of this user, or was. `record_other`: the domain lists a record that no device of this user
 * signed. `record_shown`: somebody (`by`) wrote to such a record.
 */
export type AlarmCode =
  | 'identity_other'
  | 'record_other'
  | 'record_older'
  | 'record_invalid'
  | 'record_missing'
  | 'record_shown'
  | 'not_active'
  | 'escrow';

export interface Alarm {
  readonly code: AlarmCode;
  /** The own address that it is about. */
  readonly address: string;
  /** Who saw it, where it was not this client. */
  readonly by?: string;
  /** When it was first and last seen. */
  readonly since: number;
  readonly seen: number;
  /** When what others are shown was found right again. */
  readonly corrected?: number;
  /** The user knows, and lives with it: of escrow alone. */
  readonly known?: true;
}

/** What all devices of a user have in common: it travels in the state blob (`blob.ts`, `join.ts`). */
export interface SharedFields {
  readonly address: string;
  /** The user's own record, signed: what enrolment is repeated with until it is known to have arrived. */
  readonly record: Text64;
  /** Serialised user keys, wire-spec/keys.md section 5. */
  readonly userKeys: unknown;
  /** Secret that drops' poll keys come from. */
  readonly master: Text64;
  readonly contacts: Readonly<Record<string, Contact>>;
  /** By poll key. */
  readonly drops: Readonly<Record<Text64, OwnDrop>>;
  readonly received: Readonly<Record<ReceivedKey, Received>>;
  readonly sent: readonly Sent[];
  /** Pins and cached records of the directory: the pins are shared. */
  readonly directory: Readonly<Record<string, Text64>>;
  /** SHA-256 of each letter seen, by author and letter id: the same id with other bytes is an alarm. */
  readonly letters: Readonly<Record<string, Text64>>;
  /** Pins of other identities than those in `directory`, by key and identity: what other devices of the user saw. */
  readonly rivals?: Readonly<Record<string, Readonly<Record<Text64, Text64>>>>;
  /** What later versions wrote into the state blob. */
  readonly others?: Readonly<Record<string, unknown>>;
  /** All own records by record fingerprint (`own-records.ts`). Absent in states of version 0.1.0, as is what follows. */
  readonly records?: Readonly<Record<Text64, OwnRecord>>;
  /** When the keys rotate next. */
  readonly rotateAt?: number;
  /** The newest records of aliases, signed, by address. */
  readonly aliases?: Readonly<Record<string, Text64>>;
  /** What the user said of mail in clear text, by domain. */
  readonly mail?: Readonly<Record<string, MailChoice>>;
}

/** What a device knows of the state blob at the own domain. */
export interface KeptBlob {
  /** The domain's name for these bytes; absent where it showed none. */
  readonly tag?: string;
  /** The highest that was seen: what is lower is old. */
  readonly revision: number;
  /** SHA-256 of what it says, to know what is not in it yet; absent where it is to be written again in any case. */
  readonly digest?: Text64;
}

/** What is this device's alone. */
export interface DeviceFields {
  readonly version: 1;
  readonly enrolled: boolean;
  /** Of this device's drops: no other uses it. */
  readonly epoch: Text64;
  readonly nextDrop: number;
  /** What the next message is called, received or sent. */
  readonly nextNumber: number;
  readonly feedCursor?: Text64;
  /** The state blob as this device last saw or wrote it. Absent where there is none. */
  readonly blob?: KeptBlob;
  /** Places in the feeds of buckets, by bucket and k. */
  readonly bucketCursors?: Readonly<Record<string, Text64>>;
  /** Until when it is known what became of sent messages that expired. */
  readonly silenceAt?: number;
  /** When the own record is looked at again. */
  readonly canaryAt?: number;
  /** What is wrong with it, by what it is about (`alarmKey`): each stands until the user dealt with it on this device. */
  readonly alarms?: Readonly<Record<string, Alarm>>;
  /** What the sender's domain has not answered the accept of yet. */
  readonly accepts: readonly ReceivedKey[];
  /** Counters of the preferences that the domain was told, by poll key. */
  readonly told?: Readonly<Record<Text64, number>>;
  /** The same of what it is to pull. */
  readonly pullsTold?: Readonly<Record<Text64, number>>;
  /** Message ids to report as done at the next poll, by poll key. */
  readonly done: Readonly<Record<Text64, readonly Text64[]>>;
}

/** All in one, as it is worked with and saved. */
export interface ClientState extends SharedFields, DeviceFields {}

/**
 * What devices of a user share, wire-spec/state.md section 3 (`blob.ts`, `join.ts`). Members that this version does not know are kept, at every
 * level.
 */
export interface StateContent {
  readonly format: 'beckon-state-1';
  /** Counts what was written, so that a device notices when it is shown an old one. */
  readonly revision: number;
  readonly address: string;
  readonly record: Text64;
  readonly userKeys: unknown;
  readonly master: Text64;
  readonly contacts: Readonly<Record<string, Omit<Contact, 'handedOut'>>>;
  readonly drops: Readonly<Record<Text64, OwnDrop>>;
  readonly received: Readonly<Record<ReceivedKey, SharedReceived>>;
  /** By the first of its letter ids. */
  readonly sent: Readonly<Record<Text64, SharedSent>>;
  /** By what is pinned, then by the identity fingerprint it is pinned to. */
  readonly pins: Readonly<Record<string, Readonly<Record<Text64, Text64>>>>;
  readonly letters: Readonly<Record<string, Text64>>;
  readonly records?: Readonly<Record<Text64, OwnRecord>>;
  readonly rotateAt?: number;
  readonly aliases?: Readonly<Record<string, Text64>>;
  readonly mail?: Readonly<Record<string, MailChoice>>;
}

export type SharedReceived = Omit<Received, 'number' | 'held' | 'alone'>;
export type SharedSent = Omit<Sent, 'number'>;

export type ClientEvent =
  | { readonly type: 'enrolled' }
  | { readonly type: 'contact-known'; readonly address: string }
  | { readonly type: 'drop-made'; readonly pollKey: Text64; readonly drop: HandedDrop }
  | { readonly type: 'card-made'; readonly pollKey: Text64; readonly drop: CardDrop }
  | { readonly type: 'card-claimed'; readonly pollKey: Text64; readonly by: string; readonly at: number }
  | { readonly type: 'card-revoked'; readonly pollKey: Text64 }
  | { readonly type: 'introduction-found'; readonly pollKey: Text64; readonly drop: IntroducedDrop }
  | { readonly type: 'feed-read'; readonly cursor: Text64; readonly bucket?: string }
  | {
      readonly type: 'ref-seen';
      readonly ref: Pick<
        Received,
        'id' | 'pollKey' | 'senderDomain' | 'expires' | 'firstSeen' | 'sizeClass' | 'blind'
      >;
    }
  | {
      readonly type: 'ref-retracted';
      readonly ref: Pick<Received, 'id' | 'pollKey' | 'senderDomain'>;
    }
  | {
      readonly type: 'opened';
      readonly key: ReceivedKey;
      readonly message: OpenedMessage;
      readonly letterHash: Text64;
    }
  | { readonly type: 'parts-listed'; readonly key: ReceivedKey; readonly parts: readonly ListedPart[] }
  | { readonly type: 'drop-adopted'; readonly address: string; readonly drop: TheirDrop }
  | { readonly type: 'held'; readonly key: ReceivedKey; readonly code: string }
  | { readonly type: 'refused'; readonly key: ReceivedKey; readonly code: string }
  | {
      readonly type: 'ended';
      readonly key: ReceivedKey;
      readonly status: 'accepted' | 'expired' | 'ignored';
      /** Of what was accepted: the own domain keeps the payload until then. */
      readonly keptUntil?: number;
    }
  /** The own domain keeps it no more. */
  | { readonly type: 'kept-ended'; readonly key: ReceivedKey }
  | { readonly type: 'accept-answered'; readonly key: ReceivedKey }
  | { readonly type: 'done-reported'; readonly pollKey: Text64; readonly ids: readonly Text64[] }
  /** On the user's word. */
  | { readonly type: 'sender-ignored'; readonly address: string; readonly on: boolean; readonly at: number }
  | { readonly type: 'sender-pulled'; readonly address: string; readonly on: boolean; readonly at: number }
  /** Put off, on the user's word. */
  | { readonly type: 'deferred'; readonly key: ReceivedKey; readonly until: number; readonly at: number }
  /** The domain knows of what it is to pull. */
  | { readonly type: 'pulls-told'; readonly counters: Readonly<Record<Text64, number>> }
  /** The domain knows of them. */
  | { readonly type: 'preferences-told'; readonly counters: Readonly<Record<Text64, number>> }
  /** It came from a sender who is ignored: it is done with, and shown nowhere. */
  | { readonly type: 'passed-over'; readonly ref: Pick<Received, 'id' | 'pollKey'> }
  /** For what is being sent: nothing else is called so. */
  | { readonly type: 'number-taken' }
  /** Under a number that was taken for it, else under the next one. */
  | { readonly type: 'sent'; readonly sent: Omit<Sent, 'number'>; readonly number?: number }
  | { readonly type: 'sent-again'; readonly number: number; readonly parts: readonly SentPart[] }
  | { readonly type: 'mail-sent'; readonly number: number; readonly mail: SentMail }
  | {
      readonly type: 'mail-word';
      readonly domain: string;
      readonly word: MailChoice['word'];
      readonly at: number;
    }
  | { readonly type: 'drops-given-up'; readonly address: string; readonly until: number }
  | { readonly type: 'silence-checked'; readonly at: number }
  | { readonly type: 'directory-put'; readonly key: string; readonly value: Text64 }
  | { readonly type: 'directory-deleted'; readonly key: string }
  /** The state blob as the domain shows it: what it says and what is known here become one. */
  | { readonly type: 'content-met'; readonly content: StateContent; readonly blob: KeptBlob }
  /** What is known here stands in the state blob. */
  | { readonly type: 'content-kept'; readonly blob: KeptBlob }
  | { readonly type: 'time-passed'; readonly now: number }
  | OwnEvent;

/** What happens to the user's own keys and records. */
export type OwnEvent =
  | { readonly type: 'rotation-planned'; readonly at: number }
  | {
      readonly type: 'records-signed';
      readonly records: readonly SignedRecord[];
      /** Where they go with other keys. */
      readonly keys?: { readonly userKeys: unknown; readonly rotateAt: number };
      /** After theft: what came before is void, and drops come from another source. */
      readonly revoking?: { readonly at: number; readonly master: Text64; readonly epoch: Text64 };
    }
  /** The aliases that the domain gives the user now. */
  | { readonly type: 'aliases-listed'; readonly addresses: readonly string[] }
  | { readonly type: 'record-published'; readonly fingerprint: Text64; readonly at: number }
  | { readonly type: 'canary-planned'; readonly at: number }
  | { readonly type: 'alarm-raised'; readonly alarm: Omit<Alarm, 'since' | 'corrected' | 'known'> }
  /** What was looked at is right: all alarms of the address that the client raised by itself, but for those named. */
  | {
      readonly type: 'record-seen';
      readonly address: string;
      readonly wrong: readonly AlarmCode[];
      readonly at: number;
    }
  | { readonly type: 'alarms-dismissed' };
