/** How a mail leaves this domain: what whoever carries it is given, and what they say became of it. */

/** One mail on its way out. Opened anew for each attempt: nothing of it is kept in the clear. */
export interface MailJob {
  /** The reverse path; empty for a report, which nobody reports about. */
  readonly from: string;
  readonly to: readonly string[];
  /** An RFC 5322 message with CRLF line ends. May be asked for several times. */
  readonly open: () => AsyncIterable<Uint8Array>;
}

/** What became of one recipient. */
export interface MailOutcome {
  /** `later`: worth another try; `failed`: it is not. */
  readonly kind: 'sent' | 'later' | 'failed';
  /** Enhanced status (RFC 3463), such as `2.0.0`. */
  readonly status: string;
  /** Who said so; absent where we did. */
  readonly host?: string;
  /** The SMTP reply code, where there was a reply. Its text is not passed on: it may hold anything. */
  readonly reply?: number;
}

/** Carries a mail. Outcomes in the order of its recipients; does not throw for what the network, or the other side, does. */
export type Transport = (job: MailJob) => Promise<readonly MailOutcome[]>;
