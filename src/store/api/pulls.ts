/** What the domain pulls for its users: which drops, and which messages are to be fetched next (wire-spec/account.md section 12). */
import type { Owner, Unsubscribe } from './terms.ts';

/** One drop, from its owner's proof. */
export interface Pull {
  readonly recipientHash: Uint8Array;
  /** Until when its refs are pulled; what is past ends it. */
  readonly until: number;
}

/** Names one ref of the pending table. */
export interface RefName {
  readonly domain: string;
  readonly recipientHash: Uint8Array;
  /** Sending domain. */
  readonly sender: string;
  readonly messageId: Uint8Array;
}

/** A message that waits to be pulled. */
export interface QueuedPull extends RefName {
  /** Opaque. */
  readonly key: Uint8Array;
  /** Address hash of the user for whom it is pulled. */
  readonly user: Uint8Array;
  /** Upload id under which its payload comes in, over several attempts. */
  readonly upload: Uint8Array;
  /** Attempts that failed. */
  readonly attempt: number;
  readonly due: number;
  /** Of the ref. */
  readonly expires: number;
  readonly sizeClass: number;
}

/** Of messages and their bytes. */
export interface PullAmount {
  readonly messages: number;
  readonly bytes: number;
}

export type AskedState = 'waiting' | 'pulled' | 'unknown';

export interface PullStore {
  /** On disk when it resolves. Throws `quota_exceeded` above `maxPulls`. A drop is pulled for who proved it last. */
  set(owner: Owner, pulls: readonly Pull[], now: number): Promise<void>;
  /** For whom refs for this hash are pulled now: an address hash. From memory: each ref that arrives asks. */
  userOf(domain: string, recipientHash: Uint8Array, now: number): Uint8Array | undefined;
  /** All drops of a domain that are pulled now: for what came while nobody listened. */
  standing(
    domain: string,
    now: number,
  ): Promise<readonly { readonly recipientHash: Uint8Array; readonly user: Uint8Array }[]>;
  /**
   * Queues a message whose ref waits and is not retracted, for `due`; one that is queued, or pulled, already stays as it is. Throws
   * `quota_exceeded` where the owner has `maxQueued`.
   */
  ask(
    owner: Owner,
    ref: Pick<RefName, 'recipientHash' | 'sender' | 'messageId'>,
    due: number,
  ): Promise<AskedState>;
  /** At most `limit` that are due, the longest first. */
  due(now: number, limit: number): Promise<readonly QueuedPull[]>;
  nextDue(): Promise<number | undefined>;
  /** After attempts that failed. What ended meanwhile is passed over. */
  postpone(
    pulls: readonly { readonly key: Uint8Array; readonly attempt: number; readonly due: number }[],
  ): Promise<void>;
  /** Is not tried again; what came of the payload goes. */
  giveUp(pull: QueuedPull): Promise<void>;
  /**
   * Whether so much more may be pulled of a group of sending domains, `limits` being of a day; it counts then. What it counts drains evenly.
   * On disk when it resolves.
   */
  take(group: string, cost: PullAmount, limits: PullAmount, now: number): Promise<boolean>;
  /** Removes at most `limit` drops whose time is over, and as many counts that are of no day any more. Returns how many, of the one of which there were more. */
  expire(now: number, limit: number): Promise<number>;
  /** Told when something was queued, or has to be: after it is on disk. */
  subscribe(listener: () => void): Unsubscribe;
}

/** Drops of one user. */
export const maxPulls = 4096;
/** Messages of one user that wait to be pulled. */
export const maxQueued = 1024;
