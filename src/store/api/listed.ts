/** What is published of addresses: those of users and their aliases alike. */
import type { Unsubscribe } from './terms.ts';

export interface ListedAddress {
  readonly status: 'active' | 'suspended';
  /** The inner record; the last one where `gone` is there. */
  readonly record: Uint8Array;
  /** Since when nobody has the address any more, seconds. */
  readonly gone?: number;
  /** The domain holds the keys. */
  readonly held?: true;
}

export interface ListedStore {
  /**
   * An address that has or had a signed record. It reads as much from the disk for one that never had (wire-spec/keys.md
   * section 8).
   */
  get(domain: string, addressHash: Uint8Array): Promise<ListedAddress | undefined>;
  /** Told what may be published otherwise than before, once it is on disk. */
  watch(listener: (domain: string, addressHash: Uint8Array) => void): Unsubscribe;
}
