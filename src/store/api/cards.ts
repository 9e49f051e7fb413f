/** Sealed contact cards, served to whoever knows their ids: wire-spec/account.md section 11. Nothing of them is known here. */
import type { Owner } from './terms.ts';

export interface NewCard {
  /** The client's choice, 16 bytes. */
  readonly id: Uint8Array;
  readonly sealed: Uint8Array;
  /** Unix seconds. */
  readonly expires: number;
}

export interface CardStore {
  /**
   * On disk when it resolves; again with the same content it is the same one. Throws `conflict` (the id has another content, or is another
   * user's), `quota_exceeded` (the owner has `maxCards`).
   */
  put(owner: Owner, card: NewCard): Promise<void>;
  /** The sealed card; undefined also for what expired by now. */
  get(domain: string, id: Uint8Array): Promise<Uint8Array | undefined>;
  /** What is not there, or not the owner's, is left alone. */
  remove(owner: Owner, id: Uint8Array): Promise<void>;
  /** Removes at most `limit` that expired by `now`. Returns how many. */
  expire(now: number, limit: number): Promise<number>;
}

/** Of one user, at once. */
export const maxCards = 64;
