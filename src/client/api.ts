/** What the client library offers: plain values in and out, so that a program can print them as JSON. */
import type { DirectoryCache } from '../directory/cache.ts';
import type { Domains } from '../directory/domains.ts';
import type { Remote } from '../directory/remote.ts';
import type { Users } from '../directory/users.ts';
import type { Https } from '../outbound/https.ts';
import type { ClientDevices } from './devices-api.ts';
import type { BridgedMail } from './mail-api.ts';
import type { Alarm, ReceivedStatus } from './state.ts';
import type { ClientCards } from './card-api.ts';
import type { ClientSending, OnProgress, OnRecipients, Outgoing, SendResult } from './send-api.ts';
import type { ClientTrust } from './trust-api.ts';

import type { GatewayKeys } from '../wire/gateway.ts';
import type { ClientMailbox } from './mailbox-api.ts';
import type { Watching } from './watch-api.ts';

export type { Alarm, AlarmCode } from './state.ts';
export type * from './card-api.ts';
export type * from './devices-api.ts';
export type { BridgedMail, MailVerdict, MailVerdicts } from './mail-api.ts';
export type * from './send-api.ts';
export type * from './mailbox-api.ts';
export type * from './trust-api.ts';
export type * from './watch-api.ts';

/** How a client reaches the world. */
export interface ClientNetwork {
  readonly domains: Pick<Domains, 'domain' | 'refresh' | 'pin' | 'confirm' | 'acceptChange'>;
  readonly users: Pick<
    Users,
    | 'user'
    | 'expire'
    | 'pin'
    | 'confirm'
    | 'acceptChange'
    | 'acceptMail'
    | 'answered'
    | 'vouched'
    | 'acknowledge'
    | 'lastSeen'
  >;
  readonly remote: Pick<Remote, 'fetchMessage' | 'fetchPayload' | 'fetchCard' | 'accept' | 'getUserAnswer'>;
  readonly https: Pick<Https, 'request' | 'stream'>;
  close(): Promise<void>;
}

/** Builds the network over the client's own cache of pins and records. */
export type ConnectNetwork = (cache: DirectoryCache) => ClientNetwork;

/** A text kept somewhere: a file of mode 0600, a row, a browser's storage. */
export interface TextFile {
  /** Undefined before the first write. */
  read(): Promise<string | undefined>;
  /** Atomic, and durable when it resolves. */
  write(text: string): Promise<void>;
  /** Of what can be done without: keeps a damaged one under another name, so that work goes on without it. */
  setAside?(): Promise<void>;
}

export interface Client {
  /** The enrolled address, or undefined before enrolment. */
  address(): string | undefined;
  /** The address and its aliases, as far as this client knows. */
  addresses(): readonly string[];
  /**
   * Makes keys and becomes a user. Repeating it with the same invitation finishes what was cut off. Throws
   * `invitation_invalid`, `fingerprint_mismatch` (domain and invitation disagree), `discovery_later`, `discovery_none`,
   * `discovery_legacy`, `exists` (this home serves another address or is enrolled), `record_mismatch` (the domain lists somebody
   * else's keys), network codes.
   */
  enroll(invitation: string, deviceName?: string): Promise<Enrolled>;
  /**
   * Becomes a device of a user whose recovery phrase is given, with all that the user's devices shared. The domain is seen for the first time:
   * DNS alone says that it is the right one. Throws `key_invalid` (no such phrase), `unauthorized` (not the user's phrase), `not_found` (no
   * state is kept), `key_unknown` (the state is of a later phrase), `exists`, `discovery_*`, network codes.
   */
  restore(address: string, phrase: string, deviceName: string): Promise<Joined>;
  /** The same by the code that another device shows. Throws `invitation_invalid`, `fingerprint_mismatch`, else as `restore`. */
  pair(code: string, deviceName: string): Promise<Joined>;
  /**
   * The same with the keys that the user handed to a gateway, whose device the domain knows already: for as long as this client lives. Throws
   * `unauthorized` (taken back), `key_unknown` (another phrase since), `not_found`, `fingerprint_mismatch`, network codes.
   */
  speak(keys: GatewayKeys): Promise<Joined>;
  /**
   * Sends to all recipients, or, unless `partial`, to none where one cannot be written to. One part is one message, several get a
   * cover. `before` is told of the recipients before anything is reserved or sent; what it throws stops the sending. Throws `request_invalid`, `quota_exceeded`, `storage_full`, `payload_mismatch` (a part is not as long as announced),
   * network codes; after these and `storage_failed` it stays unfinished, and `sending` goes on with it.
   */
  send(message: Outgoing, progress?: OnProgress, before?: OnRecipients): Promise<SendResult>;
  readonly sending: ClientSending;
  /** Feed, poll, headers of known contacts, accepts owed. Throws where the own domain cannot be asked. */
  sync(): Promise<SyncResult>;
  /**
   * Asks the own domain to tell at once what comes over the drops that are there now; best right after `sync`. What goes on then uses no file:
   * other commands may work meanwhile. Throws `unsupported`, `rate_limited`, `unavailable`, network codes: then only asking helps.
   */
  watch(): Promise<Watching>;
  /** Everything received, by number; parts stand under their cover, and wait for it (`restUntil`) until it comes. */
  inbox(): readonly InboxEntry[];
  /** One entry, a part too. Throws `not_found`. */
  entry(number: number): InboxEntry;
  /**
   * Fetches header and envelope of a waiting message, and of all others of the same sender: from now on a known contact. What
   * cannot be opened says so in `held` or `refusal`. Throws `not_found`.
   */
  open(number: number): Promise<InboxEntry>;
  /**
   * Writes the plaintext of a message into a sink, then accepts it; what was accepted and is kept at the own domain comes from there. Opens it first where needed. A cover has no content of its own:
   * take its parts. Throws `unavailable` for a part whose cover has not come yet, `not_found`, `message_gone`, `payload_mismatch` and other refusals, `unavailable`, network codes.
   */
  payload(number: number, sink: PayloadSink, progress?: OnProgress): Promise<InboxEntry>;
  /** Done with it, unread, and with the parts that it lists. Throws `not_found`. */
  ignore(number: number): Promise<InboxEntry>;
  /**
   * Ignores a sender from now on, on all devices, or no more: the domain drops what comes over drops of theirs, without a trace. Throws
   * `address_invalid`, `request_invalid` for the own address.
   */
  ignoreSender(address: string, on?: boolean): Promise<IgnoredSender>;
  /** Whom the user ignores, by address. */
  ignoredSenders(): readonly string[];
  /**
   * Has the own domain pull what comes from a sender from now on, or no more, so that nothing expires meanwhile and the sender's domain does not
   * see when it is read. Throws `address_invalid`, `request_invalid` for the own address.
   */
  pullSender(address: string, on?: boolean): Promise<PulledSender>;
  /** The same of everybody who is known and not ignored. */
  pullAll(on?: boolean): Promise<readonly PulledSender[]>;
  /** Throws network codes. */
  pulledSenders(): Promise<PulledSenders>;
  /**
   * Has the own domain fetch a message that waits elsewhere, with the parts that are known. Throws `not_found`, `request_invalid` for what has
   * ended, `unsupported` where the domain pulls nothing, `quota_exceeded`, network codes.
   */
  delegate(number: number): Promise<readonly Delegated[]>;
  /** Puts a message off, on all devices: `InboxEntry.deferred`. Throws `not_found`, `request_invalid` for what has ended. */
  defer(number: number, until: number): Promise<InboxEntry>;
  /** What an answer takes. Throws `not_found`, `request_invalid` for what is not opened, and for mail that names nobody to answer. */
  reply(number: number): Reply;
  /** What was sent and what became of it, newest first. Throws network codes. */
  sent(): Promise<readonly SentEntry[]>;
  /**
   * Takes back what was not accepted yet, and asks those who accepted to forget it. By number, or by trace handle for one message.
   * Throws `not_found`, network codes.
   */
  retract(what: number | string): Promise<RetractResult>;
  readonly trust: ClientTrust;
  /**
   * After theft of this client's keys: new addressing and sealing keys at once, the old ones and all drops that were handed out void.
   * What waits is collected first, as far as the domain can be asked. Throws network codes once the new keys are made: repeating is
   * not needed, the next `sync` or `send` publishes them.
   */
  revokeKeys(): Promise<OwnKeysReport>;
  /** When the own keys were made, and when they rotate next. */
  ownKeys(): OwnKeysReport;
  /** What is or was wrong with what others are shown of this user, until it is dismissed. */
  alarms(): readonly Alarm[];
  /** The user has dealt with them: what is still wrong comes again. */
  dismissAlarms(): Promise<void>;
  readonly devices: ClientDevices;
  readonly cards: ClientCards;
  readonly mailbox: ClientMailbox;
  /** Ends all connections. */
  close(): Promise<void>;
}

export interface IgnoredSender {
  readonly address: string;
  readonly ignored: boolean;
  /** Why the domain does not know yet, a stable error code: it is told by the next `sync`. */
  readonly notTold?: string;
}

export interface PulledSender {
  readonly address: string;
  readonly pulled: boolean;
  /** Why the domain does not know yet, a stable error code: it is told by the next `sync`. */
  readonly notTold?: string;
}

export interface PulledSenders {
  readonly senders: readonly string[];
  /** Bytes that copies take and may take, and how many seconds one is kept; absent where the domain pulls nothing. */
  readonly room?: { readonly used: number; readonly quota: number; readonly keep: number };
}

export interface Delegated {
  readonly number: number;
  /** `unknown`: the domain has no ref for it. */
  readonly state: 'waiting' | 'pulled' | 'unknown';
}

export interface OwnKeysReport {
  /** Of the present keys, unix seconds. */
  readonly made: number;
  readonly rotates?: number;
  /** Whether the domain took their record. */
  readonly published: boolean;
  /** Record fingerprint, base64url. */
  readonly record: string;
  readonly dropsSince?: number;
}

export interface Enrolled {
  readonly address: string;
  /** Identity fingerprint, base64url: what people compare. */
  readonly fingerprint: string;
  /** Whether the domain lists the keys already. */
  readonly listed: boolean;
  /** The 24 words that restore everything: shown once and kept nowhere. Absent where the domain could not be told of them. */
  readonly phrase?: string;
}

/** A device that came to a user's others. */
export interface Joined {
  readonly address: string;
  /** Identity fingerprint, base64url. */
  readonly fingerprint: string;
  /** How much it found. */
  readonly received: number;
  readonly sent: number;
  readonly contacts: number;
}

export interface SyncResult {
  /** New or changed since the last time, but for parts that wait for the rest of their message. */
  readonly entries: readonly InboxEntry[];
  /** What is wrong with the state that the user's devices share. */
  readonly troubles?: readonly StateTrouble[];
}

/**
 * `older`: the domain shows a state that is older than what this device has seen; it is not taken over. `other_phrase`: a later recovery phrase
 * was made on another device, and this one has to be paired again. `not_ours`: it cannot be that of this user, though a device of theirs wrote
 * it, or is of a newer version; it is not taken over.
 */
export type StateTrouble = 'older' | 'other_phrase' | 'not_ours';

export interface InboxEntry {
  readonly number: number;
  /** `waiting` for a word of the user's or another try (`held`); `opened`: the content is still at the sender's domain. */
  readonly status: ReceivedStatus;
  /** The sender's address: verified once opened, before that what the introduction claims or whose drop it is. */
  readonly from?: string;
  readonly fromVerified: boolean;
  /** By introduction, over a drop that was handed to `from`, or over a contact card's: before it is opened nobody knows from whom. */
  readonly way: 'introduction' | 'drop' | 'card';
  /** The user's word for the card. */
  readonly card?: string;
  readonly senderDomain: string;
  /** By which the hosters at both ends can find it. */
  readonly handle: string;
  readonly expires: number;
  readonly firstSeen: number;
  /** At most so many bytes. */
  readonly sizeAtMost: number;
  readonly refusal?: string;
  readonly held?: string;
  /**
   * It is part of a message whose rest has not come yet: `waiting`, though it is opened, until that is there, or until then (unix seconds), when it
   * stands by itself.
   */
  readonly restUntil?: number;
  /** Until when the own domain has a copy that it pulled: it can be had until then, though `expires` may be past. */
  readonly copyUntil?: number;
  /** Put off by the user until then. */
  readonly deferred?: number;
  /** From here on, once opened. */
  readonly author?: string;
  /** Author and sender differ and nothing explains it. */
  readonly forwarded?: boolean;
  readonly created?: number;
  readonly mediaType?: string;
  readonly fileName?: string;
  /** Of the plaintext, in bytes. */
  readonly length?: number;
  /** Of the plaintext, base64url. */
  readonly sha256?: string;
  readonly tag?: string;
  /** It came by mail, over the bridge of `senderDomain`: who wrote it is what the mail claims. */
  readonly mail?: BridgedMail;
  /** That bridge is the user's own domain's. */
  readonly byOwnBridge?: boolean;
  readonly letterId?: string;
  readonly parents?: readonly string[];
  /** Number of the own message or of the received one that this answers, where it is known. */
  readonly answers?: { readonly kind: 'sent' | 'received'; readonly number: number };
  /** Number of an earlier entry that this one asks to forget. */
  readonly retracts?: number;
  /** Number of a later entry that asks to forget this one. */
  readonly retractedBy?: number;
  readonly cover?: boolean;
  readonly parts?: readonly InboxEntry[];
  /** The content of what was accepted can be had from the own domain: `payload` gives it again. */
  readonly kept?: boolean;
}

/** Where a payload goes. What was written before and may be resumed is kept by the sink. */
export interface PayloadSink {
  /** Bytes that an earlier attempt left, 0 at first. */
  size(): Promise<number>;
  /** The first `length` of them. */
  read(length: number): AsyncIterable<Uint8Array>;
  /** Keeps the first `length` bytes only. */
  truncate(length: number): Promise<void>;
  /** Appends; the bytes may be kept. */
  write(bytes: Uint8Array): Promise<void>;
  /** All is there and verified: durable under its final name when it resolves. */
  commit(): Promise<void>;
}

export interface Reply {
  readonly to: string;
  /** The alias that the message was written to. */
  readonly from?: string;
  readonly parents: readonly string[];
}

/** Of mail: `queued`, `delivered` (a server took it), `failed` (a report came). */
export type SentState =
  'stored' | 'accepted' | 'withdrawn' | 'expired' | 'unknown' | 'queued' | 'delivered' | 'failed';

export interface SentMessageEntry {
  readonly handle: string;
  readonly state: SentState;
  readonly mediaType: string;
  readonly fileName?: string;
  readonly length: number;
  readonly sha256: string;
  readonly expires: number;
  readonly fetched?: number;
  readonly accepted?: number;
  /** Withdrawn by the own hoster: `law`, `malware`, `spam`, `abuse`, `policy` or a later version's word. */
  readonly takedown?: string;
}

export interface SentEntry {
  readonly number: number;
  readonly subject: string;
  readonly created: number;
  readonly letterId: string;
  readonly recipients: readonly {
    readonly to: string;
    readonly way: 'introduction' | 'drop' | 'card' | 'mail';
    /** Of mail: the last enhanced status code (RFC 3463), and when it is tried next. */
    readonly code?: string;
    readonly next?: number;
    /** It expired and nobody fetched it over the drop that they had handed over: sending it again goes by introduction. */
    readonly silent?: true;
    /** Of the message as a whole: `accepted` once all of it is. */
    readonly state: SentState;
    readonly messages: readonly SentMessageEntry[];
  }[];
}

export interface RetractResult {
  readonly number: number;
  readonly recipients: readonly {
    readonly to: string;
    /** `gone`: expired and forgotten. */
    readonly outcome: 'withdrawn' | 'withdrawn_maybe_read' | 'already_accepted' | 'gone';
    /** A message that asks to forget it was sent. */
    readonly asked: boolean;
  }[];
}
