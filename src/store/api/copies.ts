/** The blind store: messages that the domain pulled, sealed as they came (wire-spec/fetch.md section 12). */
import type { BlobRef } from './blobs.ts';
import type { QueuedPull, RefName } from './pulls.ts';
import type { Owner } from './terms.ts';

export interface Copy {
  /** Sealed private header, and the encoded sealed-envelope. */
  readonly header: Uint8Array;
  readonly envelope: Uint8Array;
  readonly payload: BlobRef;
  readonly expires: number;
}

export interface NewCopy {
  readonly header: Uint8Array;
  readonly envelope: Uint8Array;
  /** SHA-256 of the payload, whose bytes are the upload of the pull, complete. */
  readonly hash: Uint8Array;
  readonly expires: number;
}

/** What copies may take, in bytes. */
export interface CopyLimits {
  readonly userBytes: number;
  readonly domainBytes: number;
}

export interface CopyStore {
  /**
   * Opens, or finds, the upload for the payload of a pull; it is written as any upload (`uploads.write`) and ends as any. Gives what is
   * there of it. There is room for all of it then, which nothing takes before `count`. Throws `quota_exceeded`, `storage_full`, and
   * `conflict` where it was opened for another size.
   */
  open(pull: QueuedPull, size: number, limits: CopyLimits): Promise<number>;
  /** Takes room for so many bytes of it in all: before they are written. Throws `not_found`, `quota_exceeded`. */
  count(pull: QueuedPull, bytes: number, limits: CopyLimits): Promise<void>;
  /** After an attempt that failed: what came of it stays for the next one and counts, the rest of the room is given back. */
  rest(pull: QueuedPull): Promise<void>;
  /**
   * Keeps the copy and marks its ref, in one write; the pull is done. False where nobody waits for it any more: the ref is done with or
   * was retracted; what came is given up then. Throws `payload_mismatch` (incomplete, or another hash; given up too), `quota_exceeded`.
   */
  keep(pull: QueuedPull, copy: NewCopy, limits: CopyLimits): Promise<boolean>;
  /** undefined also for what expired by now. */
  get(ref: RefName): Promise<Copy | undefined>;
  /** Bytes of the copies of a user, those that are on their way in included. */
  used(owner: Owner): Promise<number>;
  /** Removes at most `limit` that expired by `now`. Returns how many. */
  expire(now: number, limit: number): Promise<number>;
}
