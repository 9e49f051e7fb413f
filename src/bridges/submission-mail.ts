/** What a mail program composed, as it is sent on: whose it claims to be, and without who is not to be seen. Pure. */
import addressparser from 'nodemailer/lib/addressparser';
import { base64urlnopad } from '@scure/base';
import { sha256 } from '../crypto/kdf.ts';
import { BeckonError } from '../errors.ts';
import { formatAddress, parseAddress } from '../wire/address.ts';
import { certainAddress, fieldText, readHeader, type MailHeader } from './mail-header.ts';

export interface ComposedMail {
  /** As it came, without its Bcc fields. */
  readonly content: readonly Uint8Array[];
  readonly length: number;
  /** Canonical; undefined where From names none or several. */
  readonly from?: string;
  readonly subject: string;
  /** Canonical addresses that To and Cc show. */
  readonly shown: ReadonlySet<string>;
  /** SHA-256 of `content`, base64url. */
  readonly hash: string;
}

/** Fields that tell who else gets it. */
const hidden: readonly string[] = ['bcc', 'resent-bcc'];
/** Of an own list of sent messages. */
const maxSubject = 200;

/** Throws `too_large` for a header section without end. */
export function readComposed(bytes: Uint8Array): ComposedMail {
  const header = readHeader(bytes);
  const content = withoutHidden(bytes, header);
  const from = claimed(bytes, header);
  return {
    content,
    length: content.reduce((sum, { length }) => sum + length, 0),
    ...(from === undefined ? {} : { from }),
    subject: subjectOf(bytes, header),
    shown: shownIn(bytes, header),
    hash: base64urlnopad.encode(sha256(...content)),
  };
}

function withoutHidden(bytes: Uint8Array, { fields }: MailHeader): readonly Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (const { name, start, end } of fields) {
    if (!hidden.includes(name)) continue;
    if (start > at) pieces.push(bytes.subarray(at, start));
    at = end;
  }
  pieces.push(bytes.subarray(at));
  return pieces;
}

function claimed(bytes: Uint8Array, header: MailHeader): string | undefined {
  const address = certainAddress(bytes, header, 'from');
  return address === undefined ? undefined : canonicalOf(address);
}

/** Undefined for what is no address of ours. */
export function canonicalOf(typed: string): string | undefined {
  try {
    return formatAddress(parseAddress(typed).address);
  } catch (error) {
    if (error instanceof BeckonError) return undefined;
    throw error;
  }
}

function subjectOf(bytes: Uint8Array, { fields }: MailHeader): string {
  const field = fields.find(({ name }) => name === 'subject');
  const text = field === undefined ? '' : decodeWords(fieldText(bytes, field));
  return text.slice(0, maxSubject).toWellFormed();
}

/** Encoded words (RFC 2047), as far as they are UTF-8 or ASCII; others stay as they are. */
function decodeWords(text: string): string {
  return text
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?(?:utf-8|us-ascii)(?:\*[^?]*)?\?([bq])\?([^?]*)\?=/gi, (word, how: string, body: string) => {
      const bytes =
        how.toLowerCase() === 'b'
          ? Buffer.from(body, 'base64')
          : Buffer.from(
              body
                .replace(/_/g, ' ')
                .replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
              'latin1',
            );
      return bytes.length === 0 && body !== '' ? word : bytes.toString('utf8');
    });
}

function shownIn(bytes: Uint8Array, { fields }: MailHeader): ReadonlySet<string> {
  const texts = fields
    .filter(({ name }) => name === 'to' || name === 'cc')
    .map((field) => fieldText(bytes, field));
  const found = texts.flatMap((text) => addressparser(text, { flatten: true }));
  return new Set(found.flatMap(({ address }) => (address ? (canonicalOf(address) ?? []) : [])));
}
