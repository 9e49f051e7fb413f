/** What the client library says of messages that came by mail. */
import type { MailKind } from '../wire/mail.ts';

/** `pass`, `fail`, ...; and for which domain. */
export interface MailVerdict {
  readonly result: string;
  readonly domain?: string;
}

export interface MailVerdicts {
  readonly spf?: MailVerdict;
  readonly dkim?: MailVerdict;
  readonly dmarc?: MailVerdict;
  readonly arc?: MailVerdict;
  /** The domain holds the mail suspect: why. */
  readonly doubt?: MailVerdict;
}

/** How a message came by mail, in the words of a bridge. */
export interface BridgedMail {
  /** `report`: about mail that the user sent. `copy`: of what the user sent with an old mail program. */
  readonly kind: MailKind;
  /** "" for reports. */
  readonly reversePath: string;
  /** As it was addressed. */
  readonly recipient: string;
  /** Unix seconds. */
  readonly received: number;
  /** Whom the mail claims to be from: "" where it does not name one author. */
  readonly from: string;
  readonly replyTo?: string;
  readonly verdicts?: MailVerdicts;
  /** Of a report: the trace handle of what it is about. */
  readonly reference?: string;
  /** Who handed it in. */
  readonly client?: string;
}
