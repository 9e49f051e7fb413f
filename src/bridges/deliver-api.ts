/** Handing mail to native users as messages of a bridge user, wire-spec/bridges.md section 4. */
import type { Mail } from '../wire/mail.ts';

/** One who is to have it. */
export interface DeliverTo {
  /** Canonical native address: of a domain that is hosted here, or of another. */
  readonly address: string;
  /** What stood behind `+`. */
  readonly tag?: string;
  /** Goes into the letter of this recipient alone. */
  readonly mail: Mail;
  /**
   * 32 bytes that are the same when the same mail is handed in again, after an end that its sender did not hear of: within 8 days it is
   * stored once. Should be a hash over the content as it came, reverse path and recipient.
   */
  readonly once?: Uint8Array;
}

export interface MailToDeliver {
  /** The hosted domain whose bridge user writes. */
  readonly from: string;
  /** The letter's file name, media type `message/rfc822` always. */
  readonly fileName?: string;
  readonly to: readonly DeliverTo[];
  /** The bytes in pieces, in memory; one stored ciphertext for all recipients. The caller lets go of them when it resolves. */
  readonly content: readonly Uint8Array[];
}

/** What became of each recipient, in order. */
export type Delivered =
  /** On disk. The trace handle, as it is shown. */
  | { readonly outcome: 'stored'; readonly handle: string }
  /** On disk since an earlier time (`once`). */
  | { readonly outcome: 'repeated'; readonly handle: string }
  /** No such user, or one who is gone: 5.1.1. */
  | { readonly outcome: 'unknown' }
  /** May do another time: 4.x.x. `code` says why. */
  | { readonly outcome: 'later'; readonly code: string };

/** Durable when it resolves. Never throws for one recipient alone; throws `storage_failed`, and `conflict` where the domain has no bridge. */
export type Deliver = (mail: MailToDeliver) => Promise<readonly Delivered[]>;
