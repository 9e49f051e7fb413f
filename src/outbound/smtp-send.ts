/** The envelope and the message of one mail, over a connection that is ready for it. */
import { Readable } from 'node:stream';
import type SMTPConnection from 'nodemailer/lib/smtp-connection';
import { failed, later, outcomeOf, type SmtpFailure, type SmtpOutcome } from './smtp-outcome.ts';

export interface SmtpMail {
  /** Empty for a report. */
  readonly from: string;
  readonly to: readonly string[];
  readonly size: number;
  /** Whether there are bytes above 127 in it. */
  readonly eightBit: boolean;
  readonly open: () => AsyncIterable<Uint8Array>;
}

/** What became of each recipient, in their order. Does not throw. */
export async function sendMail(connection: SMTPConnection, mail: SmtpMail): Promise<readonly SmtpOutcome[]> {
  const { from, to, size, eightBit } = mail;
  // RFC 6531 section 3.1.1: who does not offer it would have to bounce what we may not change.
  if (eightBit && !offers(connection, '8BITMIME')) return to.map(() => failed('5.6.3'));
  if ([from, ...to].some(isInternational) && !offers(connection, 'SMTPUTF8'))
    return to.map(() => failed('5.6.7'));
  const message = Readable.from(mail.open(), { objectMode: false });
  const envelope = { from: from === '' ? (false as const) : from, to: [...to], size, use8BitMime: eightBit };
  return await new Promise((resolve) => {
    // A connection that breaks off is told by an event alone.
    connection.once('end', () => resolve(to.map(() => later('4.4.2'))));
    connection.send(envelope, message, (error: SmtpFailure | null, info) => {
      const refused = (error ?? info)?.rejectedErrors ?? [];
      resolve(to.map((address) => outcomeOf(address, error, refused, info?.response)));
    });
  });
}

function offers(connection: SMTPConnection, extension: string): boolean {
  // What the server offered is kept there alone.
  const { _supportedExtensions: offered } = connection as unknown as { _supportedExtensions: string[] };
  return offered.includes(extension);
}

function isInternational(address: string): boolean {
  return /[^\x20-\x7e]/.test(address);
}
