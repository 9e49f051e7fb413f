/** Ciphertexts that the domain keeps for its users, so that what was read opens on another device: wire-spec/account.md section 10. */
import type { BlobRef } from './blobs.ts';
import type { Owner, Page, PageRequest } from './terms.ts';

export interface Kept extends BlobRef {
  /** The client's choice, 32 bytes. */
  readonly name: Uint8Array;
  readonly created: number;
  readonly expires: number;
}

export interface NewKept {
  readonly name: Uint8Array;
  /** Upload id: complete. */
  readonly upload: Uint8Array;
  /** SHA-256 of the ciphertext. */
  readonly hash: Uint8Array;
  readonly expires: number;
}

/** The bytes count in the owner's usage from the upload on. */
export interface KeptStore {
  /**
   * Keeps an upload under a name, all of it or nothing; again with the same content it is the same one, and stays until the later
   * of both ends. Throws `conflict` (another content has the name; unknown or incomplete upload), `payload_mismatch`,
   * `request_invalid` (fewer bytes than `minKept`).
   */
  keep(owner: Owner, kept: NewKept): Promise<Kept>;
  /** undefined also for what expired by now. */
  get(owner: Owner, name: Uint8Array): Promise<Kept | undefined>;
  /** In the order of the names. */
  list(owner: Owner, page: PageRequest): Promise<Page<Kept>>;
  remove(owner: Owner, name: Uint8Array): Promise<void>;
  /** Removes at most `limit` that expired by `now`. Returns how many. */
  expire(now: number, limit: number): Promise<number>;
}

/** Fewer bytes are not kept: a payload has at least as many, and a row should cost more than it takes. */
export const minKept = 4096;
