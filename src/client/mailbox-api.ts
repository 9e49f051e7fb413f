/** What the client library offers about old mail programs and mail stores. */
import type { PushRuleKind } from '../wire/registry.ts';

/** A rule sorts a message into a folder; the first that fits counts. */
export interface PushRuleGiven {
  readonly kind: PushRuleKind;
  /** An address, or `@domain`, of a sender; a tag; empty for the other kinds. */
  readonly match: string;
  readonly folder: string;
}

export interface PushTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly folder: string;
  readonly rules: readonly PushRuleGiven[];
  /** Where copies of what was sent with a mail program go. */
  readonly sentFolder?: string;
}

export interface MailboxStatus {
  readonly address: string;
  /** Where a mail program hands in mail, as far as the domain takes any. */
  readonly submission?: { readonly host: string; readonly tls?: number; readonly starttls?: number };
  /** Since when a mail program may: unix seconds. */
  readonly password?: { readonly since: number };
  /** Whether the domain copies messages into mail stores at all. */
  readonly offersPush: boolean;
  readonly push?: {
    readonly since: number;
    /** `waiting`: tried again at `next`; `refused`: the user has to do something. */
    readonly state: 'starting' | 'running' | 'waiting' | 'refused';
    readonly code?: string;
    readonly next?: number;
    /** Since the daemon started. */
    readonly appended: number;
  };
  /** Whether the user's record tells correspondents of copies in plain text. */
  readonly bridged: boolean;
}

export interface ClientMailbox {
  /** Throws network codes. */
  status(): Promise<MailboxStatus>;
  /**
   * Lets a mail program with this password, or one that is made, send for the user, in the place of the password before. The domain gets keys that only the password
   * opens. Throws `unsupported` where the domain takes no mail from mail programs, `request_invalid` without a recovery phrase or for a
   * password below 12 characters, network codes.
   */
  password(password?: string): Promise<MailboxStatus & { readonly made?: string }>;
  /**
   * Has the domain copy new messages into a mail store. The record says so to correspondents before the first is copied. Throws `unsupported`,
   * `request_invalid`, network codes.
   */
  push(target: PushTarget): Promise<MailboxStatus>;
  /** Ends the one or the other, or both. Throws network codes. */
  off(what?: 'password' | 'push'): Promise<MailboxStatus>;
}
