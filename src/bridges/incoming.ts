/** What the doors for mail, LMTP and SMTP alike, and the pipeline behind them say to each other. */

/** An answer of SMTP: the text begins with the enhanced code (RFC 3463). */
export interface Answer {
  readonly code: 250 | 421 | 450 | 451 | 452 | 550 | 551 | 552 | 554;
  readonly text: string;
}

/** Who hands in mail, as far as it is known. */
export interface Client {
  /** As it calls itself. */
  readonly helo: string;
  /** Of IP; absent where it is this machine, or an MTA that does not tell. */
  readonly address?: string;
  /** `ESMTP`, `ESMTPS`, `LMTP`, ... */
  readonly protocol: string;
}

/** One mail, taken in full. */
export interface IncomingMail {
  readonly client: Client;
  /** "" for reports. */
  readonly reversePath: string;
  /** As addressed, in the order of the envelope; over LMTP one may stand twice. */
  readonly recipients: readonly string[];
  readonly bytes: Uint8Array;
}

/** What stands behind a door. */
export interface MailHandler {
  /** Undefined: taken into the envelope, beside those that are in it already. `announced`: SIZE, 0 where there is none. */
  recipient(typed: string, others: readonly string[], announced: number): Promise<Answer | undefined>;
  /** One answer for each recipient, in order; 250 only for what is on disk. Never throws. */
  take(mail: IncomingMail): Promise<readonly Answer[]>;
}

export function answer(code: Answer['code'], text: string): Answer {
  return { code, text };
}
