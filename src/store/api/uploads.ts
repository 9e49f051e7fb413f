/** Uploads: payloads on their way in, in parts that can be resumed (wire-spec/account.md). */
import type { Owner } from './terms.ts';
import type { UsageLimits } from './transit.ts';

export interface UploadStatus {
  readonly size: number;
  /** Bytes on disk: the offset of the next part. */
  readonly received: number;
}

export interface UploadStore {
  /**
   * Opens an upload of `size` bytes under the client's 16-byte id; again with the same size it is the same upload. Throws
   * `conflict` (another size), `quota_exceeded`, `storage_full`.
   */
  open(owner: Owner, id: Uint8Array, size: number, limits?: UsageLimits): Promise<UploadStatus>;
  status(owner: Owner, id: Uint8Array): Promise<UploadStatus | undefined>;
  /**
   * Appends a part; what it resolves to is on disk. A source throws where the part does not verify, at its end at the
   * latest: nothing of it counts as received then, and its error is thrown. Throws `not_found`, `conflict` (offset is not `received`, or another part is being written),
   * `too_large` (more than declared, or a part above 32 MiB), `storage_full`.
   */
  write(
    owner: Owner,
    id: Uint8Array,
    offset: number,
    source: AsyncIterable<Uint8Array>,
  ): Promise<UploadStatus>;
  /** Gives an upload up. */
  abandon(owner: Owner, id: Uint8Array): Promise<void>;
  /** Gives up at most `limit` uploads that were opened more than a day ago and never committed. Returns how many. */
  expire(now: number, limit: number): Promise<number>;
}
