/**
 * The header section of a mail, read without changing a byte of it (RFC 5322 section 2.2). Pure, and suspicious: what a lenient
 * reader further on could take for a field is one here too.
 */
import addressparser from 'nodemailer/lib/addressparser';
import { BeckonError } from '../errors.ts';
import { canonicalDomain } from '../wire/domain-name.ts';

export interface HeaderField {
  /** Lower case. */
  readonly name: string;
  /** Of its first byte, and behind its last, the line end included. */
  readonly start: number;
  readonly end: number;
}

export interface MailHeader {
  readonly fields: readonly HeaderField[];
  /** Where what is no header begins: the empty line, or the first line where that is no field. */
  readonly end: number;
}

/** Most bytes of a header section, and most fields in it. */
export const maxHeaderBytes = 512 * 1024;
const maxFields = 2000;
/** Longest address that is carried on, in bytes (RFC 5321 section 4.5.3.1.3). */
const maxAddress = 254;

const lf = 10;
const cr = 13;
const fieldName = /^[\x21-\x39\x3b-\x7e]+/;
const latin1 = new TextDecoder('latin1');
const utf8 = new TextDecoder();
const encoder = new TextEncoder();

/**
 * The fields of a mail. A mail that does not begin with one has no header section. Behind a field, a line that is none belongs to
 * it. Throws `too_large`.
 */
export function readHeader(mail: Uint8Array): MailHeader {
  const fields: HeaderField[] = [];
  let at = 0;
  while (at < mail.length) {
    if (at > maxHeaderBytes || fields.length > maxFields)
      throw new BeckonError('too_large', 'the header section of the mail is larger than its limit');
    const next = lineEnd(mail, at);
    if (isEmpty(mail, at, next)) break;
    const name = nameIn(mail, at, next);
    const last = fields.at(-1);
    if (name !== undefined) fields.push({ name, start: at, end: next });
    else if (last === undefined) break;
    else fields[fields.length - 1] = { ...last, end: next };
    at = next;
  }
  return { fields, end: at };
}

function lineEnd(mail: Uint8Array, start: number): number {
  const at = mail.indexOf(lf, start);
  return at < 0 ? mail.length : at + 1;
}

function isEmpty(mail: Uint8Array, start: number, end: number): boolean {
  return end - start === 1
    ? mail[start] === lf
    : end - start === 2 && mail[start] === cr && mail[start + 1] === lf;
}

/** A name may stand alone on its line, the colon on the next: nobody needs to write that, and some readers take it. */
function nameIn(mail: Uint8Array, start: number, end: number): string | undefined {
  const line = firstChars(mail, start, end);
  const name = fieldName.exec(line)?.[0];
  if (name === undefined) return undefined;
  const rest = line.slice(name.length).trim();
  const colon = rest === '' ? firstChars(mail, end, lineEnd(mail, end)).replace(/^[ \t]+(?=:)/, '') : rest;
  return colon.startsWith(':') && (rest !== '' || isFolded(mail, end)) ? name.toLowerCase() : undefined;
}

function firstChars(mail: Uint8Array, start: number, end: number): string {
  return latin1.decode(mail.subarray(start, Math.min(end, start + 1000)));
}

function isFolded(mail: Uint8Array, at: number): boolean {
  return mail[at] === 32 || mail[at] === 9;
}

/** The value of a field, unfolded. */
export function fieldText(mail: Uint8Array, { start, end }: HeaderField): string {
  const text = utf8.decode(mail.subarray(start, end));
  return text
    .slice(text.indexOf(':') + 1)
    .replace(/\r?\n(?=[ \t])/g, '')
    .replace(/[\r\n]+/g, ' ')
    .trim();
}

/**
 * Whom a mail claims to be from: the one address of its one `From`, else undefined: who names several names nobody. Its domain is
 * canonical.
 */
export function claimedSender(mail: Uint8Array, header: MailHeader): string | undefined {
  return onlyAddress(mail, header, 'from');
}

/** Where answers are asked to go, if to one address. */
export function replyAddress(mail: Uint8Array, header: MailHeader): string | undefined {
  return onlyAddress(mail, header, 'reply-to');
}

/** The one address of the one field with this name (lower case), else undefined. Its domain is canonical. */
export function onlyAddress(mail: Uint8Array, { fields }: MailHeader, name: string): string | undefined {
  const [field, ...more] = fields.filter((one) => one.name === name);
  if (field === undefined || more.length > 0 || field.end - field.start > 16_384) return undefined;
  const found = addressparser(fieldText(mail, field), { flatten: true });
  const [only] = found;
  return found.length === 1 && only?.address ? plainAddress(only.address) : undefined;
}

/** A name, an address and a comment as mail programs write them; no two parts of it can hold the same text. */
const phrase = /(?:"(?:[^"\\]|\\.)*"|[^"(),:;<>@[\]\\])*/su;
const plain = /[^\s"(),:;<>@[\]\\]+@[^\s"(),:;<>@[\]\\]+/u;
const comment = /(?:\s*\([^()<>@,;:\\"]*\))?/u;
const oneMailbox = new RegExp(
  `^(?:${phrase.source}<(${plain.source})>|(${plain.source}))${comment.source}$`,
  'su',
);

/**
 * As `onlyAddress`, where the field is one mailbox in one of its plain spellings: in what is spelt another way, readers find
 * different addresses. For what we vouch for.
 */
export function certainAddress(mail: Uint8Array, header: MailHeader, name: string): string | undefined {
  const address = onlyAddress(mail, header, name);
  const [field] = header.fields.filter((one) => one.name === name);
  const [, inBrackets, alone] = (field && oneMailbox.exec(fieldText(mail, field))) ?? [];
  const written = inBrackets ?? alone;
  return address !== undefined && written !== undefined && plainAddress(written) === address
    ? address
    : undefined;
}

/** Undefined for what no mail could be sent to. */
function plainAddress(text: string): string | undefined {
  const at = text.lastIndexOf('@');
  // oxlint-disable-next-line no-control-regex
  if (at < 1 || /[\s<>\u0000-\u001f\u007f-\u009f]/.test(text)) return undefined;
  try {
    const address = `${text.slice(0, at)}@${canonicalDomain(text.slice(at + 1))}`;
    return encoder.encode(address).length > maxAddress ? undefined : address;
  } catch {
    return undefined;
  }
}
