/** Where a message is: a short ring of events by trace handle, outside the logs. Never holds ids. */
export interface TraceEvent {
  /** 10 bytes. */
  readonly handle: Uint8Array;
  readonly time: number;
  /** A short word: `stored`, `notified`, `received`, `fetched`, `accepted`... */
  readonly kind: string;
  /** The other domain, where there is one. */
  readonly counterpart?: string | undefined;
}

export interface EventStore {
  /** Adds events; the oldest make room. May resolve before they are on disk. */
  add(events: readonly TraceEvent[]): Promise<void>;
  /** Oldest first. */
  byHandle(handle: Uint8Array): Promise<readonly TraceEvent[]>;
  /** Removes at most `limit` events older than 30 days. Returns how many. */
  expire(now: number, limit: number): Promise<number>;
}
