/** The feed of introductions of a domain (wire-spec/fetch.md, addressing.md); written by `PendingStore.admit`. */
import type { Cursor, Swept, Unsubscribe } from './terms.ts';

export interface FeedItem {
  readonly cursor: Cursor;
  readonly sender: string;
  readonly introduction: Uint8Array;
  readonly firstSeen: number;
  readonly expires: number;
}

export interface FeedRequest {
  readonly after?: Cursor | undefined;
  readonly limit: number;
  readonly now: number;
  /** Only entries whose `bits` highest bucket bits are those of `bucket` (12 bits); all with 0 bits. */
  readonly bucket?: number | undefined;
  readonly bits?: number | undefined;
}

export interface FeedPage {
  readonly items: readonly FeedItem[];
  /** Where to go on, also when nothing matched; absent when the feed is empty behind `after`. */
  readonly next?: Cursor;
}

export interface FeedStore {
  /** Entries in the order in which they came. */
  read(domain: string, request: FeedRequest): Promise<FeedPage>;
  /** Called, some time after the write, when entries came. */
  subscribe(domain: string, wake: () => void): Unsubscribe;
  /** Goes round the feeds in small steps and removes what expired, at most `limit` entries. */
  expire(now: number, limit: number): Promise<Swept>;
}
