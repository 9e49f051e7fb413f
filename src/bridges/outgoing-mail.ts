/**
 * A transport that makes mail fit before it carries it, wire-spec/bridges.md section 3.
 *
 *  1. every line ends with CRLF
 *  2. lines that SMTP does not carry are encoded
 *  3. the domain signs what goes out, as it goes out
 *  4. who takes no bytes above 127 gets the same, encoded, and signed anew
 */
import type { Clock } from '../clock.ts';
import { splitAddress } from '../wire/address.ts';
import type { DkimKey } from '../keys/dkim-key.ts';
import { dkimField } from './dkim.ts';
import { encoded, withCrlf } from './mail-encode.ts';
import { surveyMail } from './mail-survey.ts';
import type { MailJob, MailOutcome, Transport } from './transport.ts';

export interface OutgoingParts {
  readonly carry: Transport;
  /** Undefined where the domain does not sign. */
  readonly dkimOf: (domain: string) => DkimKey | undefined;
  readonly clock: Clock;
}

/** Ours, where a server does not take bytes above 127 (outbound/smtp-send.ts). */
const noEightBit = '5.6.3';

export function createOutgoing({ carry, dkimOf, clock }: OutgoingParts): Transport {
  async function signed(job: MailJob, open: MailJob['open']): Promise<MailJob> {
    const domain = job.from === '' ? undefined : splitAddress(job.from).domain;
    const key = domain === undefined ? undefined : dkimOf(domain);
    if (domain === undefined || key === undefined) return { ...job, open };
    const field = await dkimField(open(), { domain, key, clock });
    return { ...job, open: field === undefined ? open : () => behind(field, open()) };
  }

  return async (job) => {
    const lines = (): AsyncIterable<Uint8Array> => withCrlf(job.open());
    const narrow = (): AsyncIterable<Uint8Array> => encoded(lines());
    const { longLines } = await surveyMail(lines());
    const outcomes = await carry(await signed(job, longLines ? narrow : lines));
    const again = job.to.filter((_, index) => isNarrow(outcomes[index]));
    if (again.length === 0 || longLines) return outcomes;
    const second = await carry(await signed({ ...job, to: again }, narrow));
    return outcomes.map((outcome, index) =>
      isNarrow(outcome) ? (second[again.indexOf(job.to[index] ?? '')] ?? outcome) : outcome,
    );
  };
}

function isNarrow(outcome: MailOutcome | undefined): boolean {
  return outcome?.kind === 'failed' && outcome.status === noEightBit && outcome.reply === undefined;
}

async function* behind(field: Uint8Array, message: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield field;
  yield* message;
}
