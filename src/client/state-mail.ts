/** What the state remembers of mail over SMTP, wire-spec/state.md section 3. */
import type { Text64 } from './state-drops.ts';

/** Of a sending: what left over SMTP, as one mail for all who take mail only. */
export interface SentMail {
  readonly handle: string;
  /** In the order of the sealed part, by which the domain tells what became of each. */
  readonly to: readonly string[];
  readonly plaintextHash: Text64;
  readonly length: number;
  readonly created: number;
}

/** The user's word about clear text to a domain. */
export interface MailChoice {
  readonly word: 'allow' | 'refuse' | 'ask';
  readonly at: number;
}
