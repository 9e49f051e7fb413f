/**
 * What the public interface asks of the daemon, wire-spec/fetch.md: values in, values out, no words of HTTP. A
 * BeckonError thrown by a handler becomes a problem with its code; any other error is `internal`.
 */
import type { FeedResponse, PollRequest, PollResponse, WatchEvent } from '../wire/collect.ts';
import type { BlindRequest } from '../wire/blind.ts';
import type { AcceptRequest } from '../wire/message.ts';
import type { PreferencesRequest } from '../wire/preferences.ts';
import type { SignedRequest } from './signed-request.ts';

export interface PublicHandlers {
  /** Whether this daemon serves the (canonical) domain: anything else is `not_found` before any other handler runs. */
  serves(domain: string): boolean;
  /** The encoded domain-answer. */
  domainAnswer(domain: string): Promise<Uint8Array | undefined>;
  /** The encoded user-answer; absent is `user_unknown`. `source`: the peer's IP address. Throws `rate_limited`. */
  userAnswer(domain: string, addressHash: Uint8Array, source: string): Promise<Uint8Array | undefined>;
  /** A sealed contact card, absent where there is none. `source`: the peer's IP address. Throws `rate_limited`. */
  readCard(domain: string, id: Uint8Array, source: string): Promise<Uint8Array | undefined>;
  /** Hands a datagram on, at once: the door answers alike whatever becomes of it. `source`: the peer's IP address. */
  notify(domain: string, datagram: Uint8Array, source: string): void;
  /** `source`: the peer's IP address. Throws `rate_limited`, `proof_stale`, `key_unknown`. */
  poll(domain: string, request: PollRequest, source: string): Promise<PollResponse>;
  /** `source` as for polls. Throws `rate_limited`, `proof_stale`, `key_unknown`, `storage_full`; not for what is not proven. */
  setPreferences(domain: string, request: PreferencesRequest, source: string): Promise<void>;
  /** A watch that is started at once. Throws as `poll`, and `unavailable`. */
  watch(domain: string, request: PollRequest, source: string): (sink: EventSink) => () => void;
  /** The feed as it grows, for users of the domain only. Throws `unauthorized`, `rate_limited`, `unavailable`. */
  watchIntroductions(
    domain: string,
    request: SignedRequest,
    page: FeedPage,
    source: string,
  ): Promise<(sink: EventSink<FeedResponse>) => () => void>;
  /** The feed, for users of the domain only. Throws `unauthorized`. */
  introductions(domain: string, request: SignedRequest, page: FeedPage): Promise<FeedResponse>;
  /** The encoded message-object, absent where the id is dead. Throws `rate_limited`. */
  readMessage(domain: string, id: Uint8Array): Promise<Uint8Array | undefined>;
  /** Absent where the id is dead. Nothing is opened yet. */
  readPayload(domain: string, id: Uint8Array): Promise<StoredPayload | undefined>;
  /** What was pulled, for the owner of the drop; absent whatever the reason. Throws as `poll`. */
  readCopy(domain: string, request: BlindRequest, source: string): Promise<ReadableCopy | undefined>;
  /** Whether the message is known and the token right. */
  accept(domain: string, request: AcceptRequest): Promise<boolean>;
}

/** Where the events of a watch go. */
export interface EventSink<Event = WatchEvent> {
  /** An event; undefined: a ping. False where the reader is behind. */
  send(event: Event | undefined): boolean;
  /** Bytes that the reader did not take yet. */
  waiting(): number;
  /** When the reader took them, or went away. */
  drained(): Promise<void>;
  /** Ends the answer after what was sent. */
  end(): void;
  /** Ends it at once. */
  cut(): void;
}

export interface FeedPage {
  /** Below 2^12; absent where the client did not choose one. */
  readonly bucket?: number;
  /** The cursor of the answer before. */
  readonly after?: Uint8Array;
}

export interface ReadableCopy {
  /** The encoded message-object. */
  readonly object: Uint8Array;
  /** Of the payload, in bytes. */
  readonly size: number;
  /** SHA-256: the entity tag. */
  readonly hash: Uint8Array;
  /** From `start` to the end. Throws `range_invalid`. */
  open(start: number): AsyncIterable<Uint8Array>;
}

export interface StoredPayload {
  /** In bytes. */
  readonly size: number;
  /** SHA-256: the entity tag. */
  readonly hash: Uint8Array;
  /**
   * The bytes from `start` to just before `end`. The iterator is returned early when the client goes away; a Readable
   * of bytes is used as it is. Throws `rate_limited`.
   */
  open(start: number, end: number): AsyncIterable<Uint8Array>;
  /** The same bytes at once, where they are few: a stream costs more than they do. */
  atOnce?(start: number, end: number): Uint8Array | undefined;
  /** Called once the last byte of the payload was handed to the network. Failures are the handler's to log. */
  fetched(): void;
}
