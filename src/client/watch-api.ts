/** Watching, as the client library offers it. */

/** A watch that stands. */
export interface Watching {
  /** Settles once: something came that was not known when it began, or the watch is over. */
  readonly outcome: Promise<'news' | 'over'>;
  /** Ends it. */
  close(): void;
}
