/** The transit store: the sender's side, where a message waits (wire-spec/fetch.md). */
import type { TakedownReason } from '../../wire/registry.ts';
import type { Owner, Page, PageRequest } from './terms.ts';

/** What an owner, its domain and all together may keep waiting; an absent limit does not limit. */
export interface UsageLimits {
  readonly userMessages?: number;
  readonly userBytes?: number;
  readonly domainMessages?: number;
  readonly domainBytes?: number;
  /** Of all owners together. */
  readonly totalBytes?: number;
}

/** Messages and bytes that wait (payloads count from the moment their upload is opened). */
export interface Usage {
  readonly messages: number;
  readonly bytes: number;
  /** Ids handed out and not yet committed. */
  readonly reserved: number;
}

export type MessageState = 'reserved' | 'stored' | 'accepted' | 'withdrawn' | 'expired';

/** One message of a commit. */
export interface NewMessage {
  /** The plain id: the outbox needs it, the transit table keeps its hash only. */
  readonly id: Uint8Array;
  readonly destination: string;
  readonly recipientHash: Uint8Array;
  readonly sizeClass: number;
  /** Present for a first contact: goes into the ref's labels. */
  readonly introduction?: Uint8Array | undefined;
  /** Sealed private header. */
  readonly header: Uint8Array;
  /** Sealed envelope, encoded. */
  readonly envelope: Uint8Array;
  /** SHA-256 of the accept token. */
  readonly acceptTokenHash: Uint8Array;
  readonly expires: number;
  readonly traceHandle: Uint8Array;
  /** It counts for its recipient as well, by destination and recipient hash: what others send a user of the domain. */
  readonly received?: boolean;
}

/** A payload and the messages, one for each recipient, that share it. */
export type Commit = CommitPayload & {
  /** SHA-256 of the ciphertext. */
  readonly hash: Uint8Array;
  readonly messages: readonly NewMessage[];
};

/** The client's id of a complete upload; or a small payload itself, which is written with the rows. */
export type CommitPayload = { readonly upload: Uint8Array } | { readonly payload: Uint8Array };

/** Bytes in the blob store. */
export interface BlobRef {
  readonly id: Uint8Array;
  readonly size: number;
  readonly hash: Uint8Array;
}

/** A message that may be fetched now. */
export interface LiveMessage {
  readonly owner: Owner;
  readonly destination: string;
  readonly recipientHash: Uint8Array;
  readonly header: Uint8Array;
  readonly envelope: Uint8Array;
  readonly blob: BlobRef;
  readonly expires: number;
  readonly traceHandle: Uint8Array;
  /** Whether its payload was fetched to the end before. */
  readonly fetched: boolean;
}

/** What serving a payload needs of it. */
export type LivePayload = Omit<LiveMessage, 'header' | 'envelope'>;

/** A line of the sender's `sent` view. */
export interface SentMessage {
  readonly idHash: Uint8Array;
  readonly traceHandle: Uint8Array;
  readonly state: Exclude<MessageState, 'reserved'>;
  readonly destination: string;
  readonly created: number;
  readonly expires: number;
  /** Size of the payload's ciphertext. */
  readonly size: number;
  /** First fetch of the header or the payload. */
  readonly firstFetch?: number;
  /** When it was accepted, withdrawn or expired. */
  readonly ended?: number;
  /** Withdrawn by the hoster. */
  readonly takedown?: TakedownReason;
}

export type FetchOutcome = 'first' | 'again';
export type AcceptOutcome = 'accepted' | 'gone';
export type RetractOutcome = 'withdrawn' | 'withdrawn_maybe_read' | 'already_accepted' | 'gone';

/** `gone`: it ended in another way before, and nothing else waits with its payload. */
export type TakedownOutcome = 'taken_down' | 'gone';

export interface TakenDown {
  readonly owner: Owner;
  readonly outcome: TakedownOutcome;
  /** Trace handles of what ended just now. */
  readonly ended: readonly Uint8Array[];
}

export interface Expired {
  readonly owner: Owner;
  readonly traceHandle: Uint8Array;
  readonly destination: string;
  readonly fetched: boolean;
}

export interface ExpireResult {
  /** Messages whose transit ended just now. */
  readonly expired: readonly Expired[];
  /** Rows looked at: when it reaches the limit there is more to do. */
  readonly seen: number;
}

/** Every change is on disk before its promise resolves; the states and transitions are in src/store/README.md. */
export interface TransitStore {
  /**
   * Keeps ids for their owner until `expires`. Throws `conflict` where one is in use already, `quota_exceeded` where
   * the owner holds too many ids that it never committed. All or nothing.
   */
  reserve(owner: Owner, ids: readonly Uint8Array[], expires: number): Promise<void>;
  /**
   * Stores messages, their outbox refs and their share of the payload: all or nothing. Repeated with the same content it
   * does nothing and succeeds. Throws `conflict` (unknown, foreign or used reservation; unknown or incomplete upload),
   * `payload_mismatch` (the payload has another hash), `quota_exceeded`, `storage_full`.
   */
  commit(owner: Owner, commit: Commit, limits?: UsageLimits): Promise<void>;
  /** A message that is stored, not expired and not withdrawn. `idHash` is SHA-256 of the message id. */
  read(idHash: Uint8Array): Promise<LiveMessage | undefined>;
  /** The same without header and envelope, which are not read. */
  readPayload(idHash: Uint8Array): Promise<LivePayload | undefined>;
  /**
   * Notes a fetch of the header (await it before serving: a retraction must know) or of the whole payload, which slows
   * repeating to daily, the first time. Resolves to whether it was the first of its kind, which alone is written; undefined where the message is not live
   * any more. Those that come while a write is on its way share the next; payloads gather for a moment before it.
   */
  recordFetch(idHash: Uint8Array, what: 'header' | 'payload', at: number): Promise<FetchOutcome | undefined>;
  /** Compare and set. Accepting again with the right token is `accepted` again. */
  accept(idHash: Uint8Array, acceptTokenHash: Uint8Array, at: number): Promise<AcceptOutcome>;
  /** Compare and set, by trace handle (10 bytes) or id hash (32 bytes). Retracting again gives the first answer again. */
  retract(owner: Owner, handleOrIdHash: Uint8Array, at: number): Promise<RetractOutcome>;
  /**
   * The hoster ends all that waits with the payload of a message, found by its trace handle; for recipients it is withdrawn. The
   * message itself may have been accepted before. undefined where none has the handle; again it is `taken_down` again.
   */
  takedown(traceHandle: Uint8Array, reason: TakedownReason, at: number): Promise<TakenDown | undefined>;
  /** One of the owner's messages, by trace handle (10 bytes) or id hash (32 bytes). */
  find(owner: Owner, handleOrIdHash: Uint8Array): Promise<SentMessage | undefined>;
  /** The owner's messages, newest first; reservations are not listed. */
  list(owner: Owner, page: PageRequest): Promise<Page<SentMessage>>;
  /** Ends what is due at `now`, at most `limit` rows: reservations, messages, records of ended messages. */
  expire(now: number, limit: number): Promise<ExpireResult>;
  /** What waits for an owner, or for a whole domain without `user`. */
  usage(domain: string, user?: Uint8Array): Promise<Usage>;
}
