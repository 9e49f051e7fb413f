/** Where a message is: a short ring of events by trace handle, outside the logs. Never holds ids. */
export interface TraceEvent {
  /** 10 bytes. */
  readonly handle: Uint8Array;
  readonly time: number;
  /** A short word: `stored`, `notified`, `received`, `fetched`, `accepted`...; behind a colon a detail. */
  readonly kind: string;
  /** The other domain, where there is one. */
  readonly counterpart?: string;
}

export interface EventStore {
  /** Adds events; the oldest make room. Resolves before they are on disk: a crash may lose those of the last second. */
  add(events: readonly TraceEvent[]): Promise<void>;
  /** Oldest first. */
  byHandle(handle: Uint8Array): Promise<readonly TraceEvent[]>;
  /** Removes what is older than 30 days: at most `limit` rows, each of which holds the events of about a second. Returns how many. */
  expire(now: number, limit: number): Promise<number>;
}
