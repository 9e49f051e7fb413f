/** Whether a mail may leave in its sender's name, and what of it is in the report that comes back: wire-spec/bridges.md section 3. */
import { BeckonError } from '../errors.ts';
import { formatAddress, parseAddress } from '../wire/address.ts';
import { withCrlf } from './mail-encode.ts';
import { certainAddress, maxHeaderBytes, readHeader, type MailHeader } from './mail-header.ts';
import { isLoop } from './mail-mapping.ts';

export interface CheckedMail {
  /** The header section as it is, without the empty line; at most `maxReported` bytes. */
  readonly header: Uint8Array;
}

/** Why a mail does not leave: an enhanced status code for its sender. */
export type MailFault = '5.6.0' | '5.7.1' | '5.4.6';

/** Of a header that a report repeats, in bytes. */
const maxReported = 64 * 1024;

/**
 * Reads a mail to its end, so that whatever is wrong with it is thrown, and judges its header. `own`: the canonical addresses that its sender
 * may write from.
 */
export async function checkMail(
  chunks: AsyncIterable<Uint8Array>,
  own: readonly string[],
  host: string,
): Promise<CheckedMail | MailFault> {
  // As it leaves: where a CR or LF stands alone, a line ends then.
  const mail = await beginningOf(withCrlf(chunks));
  const header = readable(mail);
  if (header === undefined || header.fields.length === 0 || header.end > maxHeaderBytes) return '5.6.0';
  // Some servers take it out, and what stood behind it is a field then.
  if (mail.subarray(0, header.end).includes(0)) return '5.6.0';
  if (header.fields.some(({ name }) => name === 'bcc' || name === 'resent-bcc')) return '5.6.0';
  if (!isOwn(mail, header, own)) return '5.7.1';
  if (isLoop(mail, header, host)) return '5.4.6';
  return { header: mail.slice(0, Math.min(header.end, maxReported)) };
}

/** Enough to hold any header section; the rest is read and let go. */
async function beginningOf(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let gathered = 0;
  for await (const chunk of chunks) {
    if (gathered > maxHeaderBytes) continue;
    pieces.push(chunk.slice());
    gathered += chunk.length;
  }
  return Buffer.concat(pieces);
}

function readable(mail: Uint8Array): MailHeader | undefined {
  try {
    return readHeader(mail);
  } catch (error) {
    if (error instanceof BeckonError) return undefined;
    throw error;
  }
}

/** One `From` with one address, and at most one `Sender`, both the sender's own. */
function isOwn(mail: Uint8Array, header: MailHeader, own: readonly string[]): boolean {
  const senders = header.fields.filter(({ name }) => name === 'sender');
  const names = senders.length === 0 ? ['from'] : ['from', 'sender'];
  return names.every((name) => {
    const address = certainAddress(mail, header, name);
    return address !== undefined && own.includes(canonical(address) ?? '');
  });
}

function canonical(address: string): string | undefined {
  try {
    return formatAddress(parseAddress(address).address);
  } catch {
    return undefined;
  }
}
