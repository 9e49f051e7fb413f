/** What the client library offers about contact cards, wire-spec/addressing.md section 5. */

export interface ClientCards {
  /**
   * Makes a contact card: whoever gets it may write to this user once, without an introduction. Its drop is durable here and for the user's
   * other devices first. Throws `request_invalid` (lasts for an hour to 90 days), `quota_exceeded`, network codes.
   */
  make(card?: { readonly lasts?: number; readonly note?: string }): Promise<MadeCard>;
  /** Those that may still be used, or were. */
  list(): readonly CardEntry[];
  /** What is sent over it from now on is not read. By the beginning of its id. Throws `not_found`, network codes. */
  revoke(which: string): Promise<CardEntry>;
  /**
   * What a link or a whole card says, before its owner's record is asked; `whole` does for `send`. Throws `request_invalid`, `not_found` (used,
   * revoked or past its time), `drop_expired`, `message_mismatch`, `commitment_mismatch` and other codes of what is forged, network codes.
   */
  read(typed: string): Promise<ReadCardReport>;
}

export interface CardEntry {
  /** base64url. */
  readonly id: string;
  readonly note: string;
  readonly created: number;
  readonly expires: number;
  /** As secret as the card is meant to be. */
  readonly link: string;
  readonly claimed?: { readonly by: string; readonly at: number };
}

export interface MadeCard extends CardEntry {
  /** All of it as one word. */
  readonly whole: string;
}

export interface ReadCardReport {
  readonly address: string;
  /** Identity fingerprint, base64url. */
  readonly fingerprint: string;
  readonly created: number;
  readonly expires: number;
  readonly whole: string;
}
