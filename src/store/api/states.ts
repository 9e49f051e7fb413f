/** The state of each user's client as one ciphertext, wire-spec/account.md section 8. Nothing of it is known here. */
import type { BlobRef } from './blobs.ts';
import type { Owner } from './terms.ts';
import type { UsageLimits } from './transit.ts';

export interface StoredState extends BlobRef {
  readonly changed: number;
}

export interface NewState {
  readonly size: number;
  /** SHA-256 of the bytes. */
  readonly hash: Uint8Array;
  readonly bytes: AsyncIterable<Uint8Array>;
  /** The hash of the state that this one takes the place of; absent for a first one. */
  readonly previous?: Uint8Array | undefined;
  /** The key that signed: each writes one at a time, and none keeps others from writing. */
  readonly by?: Uint8Array | undefined;
}

/** The bytes count in the owner's usage. One state each: the one before is gone with the write. */
export interface StateStore {
  get(owner: Owner): Promise<StoredState | undefined>;
  /**
   * Compare and set; on disk when it resolves. Again with what is there already does nothing. Throws `precondition_failed`,
   * `conflict` (another one of the same key is being written), `payload_mismatch`, `storage_full`, or what the source throws.
   */
  put(owner: Owner, state: NewState, limits?: UsageLimits): Promise<void>;
}
