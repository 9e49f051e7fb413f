/** What goes into a sending and comes out of it, and sendings that were cut off. */
import type { Trust } from '../directory/trust.ts';
import type { KnownRecipient, OfferedChange, RecipientOutcome } from './trust-api.ts';

export interface OutgoingPart {
  readonly mediaType: string;
  readonly fileName?: string;
  /** In bytes, exactly. */
  readonly length: number;
  /** Its own end of transit, unix seconds, where that is before the end of the whole: from an hour on. */
  readonly expires?: number;
  /** Where the content comes from, in the caller's words: shown of a sending that was cut off, so that its content can be had again. */
  readonly source?: string;
  /** Called once; where a sending goes on and the content has changed, once more. */
  open(): AsyncIterable<Uint8Array>;
}

export interface Outgoing {
  /** As typed: `local+tag@domain`, or a contact card, link or whole; at most 64. */
  readonly to: readonly string[];
  /** 1 to 128; the body first. */
  readonly parts: readonly OutgoingPart[];
  /** For the own list of sent messages; it does not travel. */
  readonly subject: string;
  /** End of transit, unix seconds: 1 hour to 90 days from now, 14 days unless told. */
  readonly expires?: number;
  /**
   * Number of a message that was sent before and expired unfetched: the same parts in the same order, for recipients of it. They travel
   * by introduction, their letters being the same, so that whoever has one already notices.
   */
  readonly again?: number;
  /** An alias of the user's, canonical; the address itself unless told. */
  readonly from?: string;
  /** Letter ids (base64url) that this answers. */
  readonly parents?: readonly string[];
  /** Letter id (base64url) of an own letter that this asks to forget. */
  readonly retracts?: string;
  /** Send to those who can be written to though others cannot. */
  readonly partial?: boolean;
  /** How those are written to who take mail only; absent: they are not. */
  readonly mail?: MailSending;
}

/**
 * The user's word that clear text will do for a domain: `now` for this message, `allow` and `refuse` for good, which is remembered on all
 * devices; `no` for this message.
 */
export type MailWord = 'now' | 'allow' | 'refuse' | 'no';

/** What it takes to send over SMTP, in clear text from the own domain on. */
export interface MailSending {
  /** The whole message with all that is attached as one of RFC 5322, `From` being `from`, without `Bcc`. Called once, where somebody gets it. */
  compose(): Promise<Pick<OutgoingPart, 'length' | 'open'>>;
  /** The user's words for domains of which none is remembered. */
  ask(domains: readonly string[]): Promise<Readonly<Record<string, MailWord>>>;
  /** Tell when it was handed over, too. */
  readonly success?: boolean;
  /** Where the mail can be had again, should it be cut off, in the caller's words. Called once, where somebody gets it, before anything leaves. */
  source?(): Promise<string>;
}

export interface Progress {
  /** Part of a message, from 0. */
  readonly part: number;
  readonly parts: number;
  /** Bytes of ciphertext (sending) or plaintext (receiving). */
  readonly done: number;
  readonly total: number;
}
export type OnProgress = (progress: Progress) => void;

export type OnRecipients = (recipients: readonly RecipientReport[]) => void | Promise<void>;

export interface RecipientReport {
  /** As typed; of a contact card the address in it, for it holds a secret. */
  readonly to: string;
  /** Canonical; absent for what is no address. */
  readonly address?: string;
  readonly outcome: RecipientOutcome;
  /**
   * Why not, where it cannot be written to: `discovery_legacy` (mail only: no word of the user's, `mail_asked`; refused for good, `mail_refused`; no way out, `no_bridge`),
   * `discovery_later`, `discovery_none`, `user_unknown`, `trust_changed`, or why the address or record is invalid.
   */
  readonly code?: string;
  /** More of why, for people. */
  readonly reason?: string;
  readonly trust?: Trust;
  /** Of who can be written to: what the user should know before that. */
  readonly known?: KnownRecipient;
  /** Of who waits for the user's word: what would be accepted. */
  readonly changed?: OfferedChange;
  /** Where a message was sent. */
  readonly way?: 'introduction' | 'drop' | 'card' | 'mail';
  /** Trace handles, the first that of the cover where there is one. */
  readonly handles?: readonly string[];
}

export interface SendResult {
  /** What `sent` and `retract` call it; absent where nothing was sent. */
  readonly number?: number;
  readonly recipients: readonly RecipientReport[];
  /** Letter id that answers point to, base64url. */
  readonly letterId?: string;
  readonly expires?: number;
}

/** A part of a sending that was cut off. */
export interface UnfinishedPart {
  readonly mediaType: string;
  readonly fileName?: string;
  /** In bytes, as it was announced. */
  readonly length: number;
  /** What the caller of `send` said of where it comes from. */
  readonly source?: string;
}

export interface UnfinishedEntry {
  readonly number: number;
  readonly subject: string;
  readonly created: number;
  readonly expires: number;
  /** Addresses. */
  readonly to: readonly string[];
  readonly parts: readonly UnfinishedPart[];
  /** Bytes of ciphertext that the domain is known to have, of how many. */
  readonly done: number;
  readonly total: number;
  /** Some of `to` get it as mail, from what the caller of `send` said. */
  readonly mail?: { readonly source?: string };
}

/** The content of a part again, or of the mail (of which no length is known). What changed meanwhile is sent as it is now, encrypted anew. */
export type ContentOf = (part: UnfinishedPart) => Promise<Pick<OutgoingPart, 'length' | 'open'>>;

/** To whom a content went. */
export interface SentContent {
  readonly to: string;
  readonly created: number;
}

export interface ClientSending {
  /** What a sending would say of these recipients before anything leaves. Throws `storage_failed`. */
  lookUp(to: readonly string[]): Promise<readonly RecipientReport[]>;
  /** To whom a content with this hash (SHA-256 of the plaintext, base64url) was sent already, from any of the user's devices, as far as the domain can be asked. */
  sentTo(sha256: string): Promise<readonly SentContent[]>;
  /** Oldest first. */
  unfinished(): Promise<readonly UnfinishedEntry[]>;
  /**
   * Goes on with a sending from what the domain has of it, asking for the contents that are still needed. Throws `not_found`, `message_gone` where
   * it would end within an hour, and as `send`.
   */
  resume(
    number: number,
    contentOf: ContentOf,
    progress?: OnProgress,
    before?: OnRecipients,
  ): Promise<SendResult>;
  /** Drops it: what went out already is taken back. Throws `not_found`, network codes. */
  discard(number: number): Promise<void>;
}
