/** What recipients want done with refs for their drops (wire-spec/fetch.md section 9): a row for each drop that has a setting. */

/** One proven setting. */
export interface Preference {
  readonly recipientHash: Uint8Array;
  /** Counts only where it is above the last one for this drop. */
  readonly counter: number;
  readonly ignore: boolean;
  /** Until when it holds; the counter is kept for two hours at least. */
  readonly until: number;
}

export interface PreferenceStore {
  /** Whether the domain keeps as many as it may: nothing new is set then. */
  isFull(domain: string): Promise<boolean>;
  /** On disk when it resolves. What an older counter says, and "when asked" for a drop without a setting, changes nothing. */
  set(domain: string, preferences: readonly Preference[], now: number): Promise<void>;
  /** Those of the refs whose recipient does not ignore them. */
  wanted<R extends { readonly recipientHash: Uint8Array }>(
    domain: string,
    refs: readonly R[],
    now: number,
  ): Promise<readonly R[]>;
  /** Removes what holds no more by `now`, at most `limit` rows. Returns how many. */
  expire(now: number, limit: number): Promise<number>;
}
