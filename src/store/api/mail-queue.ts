/** Mail of users that leaves over SMTP, sealed until it has left: wire-spec/bridges.md section 3. */
import type { BlobRef } from './blobs.ts';
import type { Owner, Page, PageRequest, Unsubscribe } from './terms.ts';
import type { UsageLimits } from './transit.ts';

/** What became of the mail for one recipient. `dropped`: taken back by the sender or the operator. */
export const mailStates = ['queued', 'delivered', 'failed', 'dropped'] as const;
export type MailState = (typeof mailStates)[number];

/** One recipient, by its place among those that the sealed part names: who it is stands there alone. */
export interface QueuedRecipient {
  readonly state: MailState;
  /** Tries so far. */
  readonly attempts: number;
  /** When it is tried next, or when its sender is told what became of it. */
  readonly next: number;
  /** The last enhanced status code (RFC 3463). */
  readonly code?: string;
  /** What the sender was told of it: bits of *notify*, and 8 once there is nothing more to tell. */
  readonly told: number;
}

export interface QueuedMail {
  readonly owner: Owner;
  /** 10 bytes of the client's choice; one user's ids are apart from another's. */
  readonly id: Uint8Array;
  /** Key id of the bridge key. */
  readonly keyId: Uint8Array;
  /** SHA-256 of the payload, and its size. */
  readonly hash: Uint8Array;
  readonly size: number;
  readonly created: number;
  /** Since when it is tried: again from a `retry` on. */
  readonly since: number;
  readonly recipients: readonly QueuedRecipient[];
  /** When the last recipient was done with. */
  readonly ended?: number;
  /** The content; absent once nothing of it is needed any more. */
  readonly content?: { readonly sealed: Uint8Array; readonly blob: BlobRef };
}

export interface NewMail {
  readonly id: Uint8Array;
  /** Upload id: complete. */
  readonly upload: Uint8Array;
  /** SHA-256 of the ciphertext. */
  readonly hash: Uint8Array;
  readonly keyId: Uint8Array;
  readonly sealed: Uint8Array;
  /** How many. */
  readonly recipients: number;
}

/** What happened to some recipients: by place, the fields that change. */
export type RecipientChanges = ReadonlyMap<number, Partial<QueuedRecipient>>;

export interface MailQueueStore {
  /**
   * Queues mail, all of it or nothing; again with the same content it is the same. Throws `conflict` (another mail has the id; unknown or
   * incomplete upload), `payload_mismatch`, `quota_exceeded`, `storage_full`.
   */
  add(owner: Owner, mail: NewMail, limits?: UsageLimits): Promise<QueuedMail>;
  get(owner: Owner, id: Uint8Array): Promise<QueuedMail | undefined>;
  /** In the order of the ids. */
  list(owner: Owner, page: PageRequest): Promise<Page<QueuedMail>>;
  /** Mail of all users, for the operator: at most `limit`, ended mail without content left out. */
  all(limit: number): Promise<readonly QueuedMail[]>;
  /** Of all users' the one with this id; undefined where there is none, or more than one. */
  find(id: Uint8Array): Promise<QueuedMail | undefined>;
  /** Mail that something is to be done with by now, oldest first: a try, something to tell, an end. */
  due(now: number, limit: number): Promise<readonly QueuedMail[]>;
  nextDue(): Promise<number | undefined>;
  /**
   * Writes what happened to recipients. Those that are not queued any more keep their state and code: what was dropped meanwhile stays
   * so. Gives the mail as it is then; undefined where it is gone. Where nothing is queued any more and all was told, it ends: its content goes
   * at once unless some failed, and then `deadLetterLife` later.
   */
  note(owner: Owner, id: Uint8Array, changes: RecipientChanges, now: number): Promise<QueuedMail | undefined>;
  /** Takes back what is still queued; `failed` ones too where they count. Undefined where there is no such mail. */
  drop(owner: Owner, id: Uint8Array, now: number): Promise<QueuedMail | undefined>;
  /** What is queued is due at once, and what failed is queued again while its content is there. Undefined where there is no such mail. */
  retry(owner: Owner, id: Uint8Array, now: number): Promise<QueuedMail | undefined>;
  /** Mail of a domain whose content is sealed to this key. */
  sealedTo(
    domain: string,
    keyId: Uint8Array,
  ): Promise<readonly { readonly owner: Owner; readonly id: Uint8Array }[]>;
  /** The same content sealed to another key; nothing happens where it is not sealed to `from` any more. */
  reseal(
    owner: Owner,
    id: Uint8Array,
    from: Uint8Array,
    to: { readonly keyId: Uint8Array; readonly sealed: Uint8Array },
  ): Promise<void>;
  /** Ends what time ends; how many rows that were, at most `limit`. */
  expire(now: number, limit: number): Promise<number>;
  /** Mail that waits: for `status`. */
  count(): number;
  /** Called when something new is due at once, after it is on disk. */
  subscribe(listener: () => void): Unsubscribe;
}

/** Bytes of an id. */
export const mailIdSize = 10;
/** How long what failed can be tried again, seconds. */
export const deadLetterLife = 14 * 86_400;
/** How long it is known what became of mail, seconds. */
export const mailMemory = 90 * 86_400;
/** `told` of a recipient of whom there is nothing more to tell. */
export const allTold = 8;
