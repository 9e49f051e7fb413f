/** A letter on a terminal: verified facts first, then what its author wrote, harmless. */
import type { Address, Email } from 'postal-mime';
import type { InboxEntry } from '../client/api.ts';
import { formatSize, formatTime } from './format.ts';
import { mailHeadLines } from './mail-words.ts';
import { safeBlock, safeLine, shortLine } from './safe-text.ts';

export interface ShownMail {
  /** With names: what the letter claims. */
  readonly from: string;
  /** Without them. */
  readonly fromAddresses: readonly string[];
  readonly to: string;
  readonly subject: string;
  /** As the author's program gave it. */
  readonly date: string;
  readonly text: string;
  readonly attachments: readonly { readonly name: string; readonly type: string; readonly size: number }[];
  readonly messageId?: string;
  readonly references?: readonly string[];
}

const maxNesting = 20;

/** Reads a mail. Whatever the bytes are, there is a result: a broken mail is shown as its text. */
export async function parseMail(bytes: Uint8Array): Promise<ShownMail> {
  const { default: PostalMime } = await import('postal-mime');
  const mail = await PostalMime.parse(bytes, { maxNestingDepth: maxNesting }).catch(() => undefined);
  if (mail === undefined)
    return {
      from: '',
      fromAddresses: [],
      to: '',
      subject: '',
      date: '',
      text: new TextDecoder().decode(bytes),
      attachments: [],
    };
  const references = messageIds(`${mail.references ?? ''} ${mail.messageId ?? ''}`);
  const from = mail.from === undefined ? [] : [mail.from];
  return {
    from: addressText(from),
    fromAddresses: plain(from).map(({ address }) => address.toLowerCase()),
    to: addressText([...(mail.to ?? []), ...(mail.cc ?? [])]),
    subject: mail.subject ?? '',
    date: mail.date ?? '',
    text: textOf(mail),
    attachments: mail.attachments.map(({ filename, mimeType, content }) => ({
      name: filename ?? 'unnamed',
      type: mimeType,
      size: typeof content === 'string' ? content.length : content.byteLength,
    })),
    ...(mail.messageId === undefined ? {} : { messageId: mail.messageId }),
    ...(references.length === 0 ? {} : { references }),
  };
}

export interface FileInside {
  /** As the author called it. */
  readonly name?: string;
  readonly type: string;
  readonly bytes: Uint8Array;
}

/** What a mail has inside: its attachments, and its text where that is HTML only. None where it is broken. */
export async function filesInside(bytes: Uint8Array): Promise<readonly FileInside[]> {
  const { default: PostalMime } = await import('postal-mime');
  const mail = await PostalMime.parse(bytes, { maxNestingDepth: maxNesting }).catch(() => undefined);
  const attachments = (mail?.attachments ?? []).map(({ filename, mimeType, content }) => ({
    ...(filename === null ? {} : { name: filename }),
    type: mimeType,
    bytes: typeof content === 'string' ? new TextEncoder().encode(content) : new Uint8Array(content),
  }));
  if (mail?.html === undefined || isShown(mail)) return attachments;
  return [...attachments, { type: 'text/html', bytes: new TextEncoder().encode(mail.html) }];
}

/** Whether there is plain text to show. */
function isShown({ text }: Email): boolean {
  return text !== undefined && text.trim() !== '';
}

function textOf(mail: Email): string {
  const { text = '', html } = mail;
  if (isShown(mail)) return text;
  return html === undefined
    ? ''
    : '(there is no plain text but HTML: save it with --inside, and open that in a browser)';
}

function addressText(addresses: readonly Address[]): string {
  return plain(addresses)
    .map(({ name, address }) => (name ? `${name} <${address}>` : address))
    .join(', ');
}

/** Groups dissolved. */
function plain(addresses: readonly Address[]): { readonly name: string; readonly address: string }[] {
  return addresses
    .flatMap((one) => ('group' in one && one.group !== undefined ? one.group : [one]))
    .map(({ name, address }) => ({ name, address }));
}

/** Only what has the form of a Message-ID, the nearest last, is put into a header of ours. */
function messageIds(text: string): string[] {
  return [...new Set(text.match(/<[\x21-\x3b\x3d\x3f-\x7e]{1,250}>/g) ?? [])].slice(-20);
}

/** The lines of a letter: who proved to have sent it, then its own headers and text. */
export function mailLines(entry: InboxEntry, mail: ShownMail): string[] {
  const own = (name: string, value: string): string[] =>
    value === '' ? [] : [`${name.padEnd(9)}${shortLine(value, 500)}`];
  return [
    ...headLines(entry),
    ...(isOf(mail, entry) ? [] : own('Claims', `to be from ${mail.from}`)),
    ...own('To', mail.to),
    ...own('Subject', mail.subject),
    '',
    ...safeBlock(mail.text).trimEnd().split('\n'),
    ...(mail.attachments.length === 0 ? [] : ['']),
    ...mail.attachments.map(
      ({ name, type, size }) =>
        `Inside   ${shortLine(name, 60)} (${shortLine(type, 60)}, ${formatSize(size)}): beckon save ${entry.number} --inside`,
    ),
  ];
}

/** Whether a letter says of itself what is verified: nothing then needs to be said about its claim. */
function isOf({ from, fromAddresses }: ShownMail, { author, mail }: InboxEntry): boolean {
  const said = mail === undefined ? author : mail.from.toLowerCase();
  return from === '' || (fromAddresses.length === 1 && fromAddresses[0] === said);
}

/** What is verified about an opened message. */
export function headLines(entry: InboxEntry): string[] {
  const { from = '', author, forwarded, created, retractedBy, tag, handle } = entry;
  return [
    ...(entry.mail === undefined
      ? [`From     ${safeLine(from)} (verified)`]
      : mailHeadLines(entry.mail, entry)),
    ...(forwarded ? [`Author   ${safeLine(author ?? '')} (verified; forwarded)`] : []),
    ...(created === undefined ? [] : [`Date     ${formatTime(created)}`]),
    `Trace    ${safeLine(handle)}`,
    ...(tag === undefined ? [] : [`Tag      ${shortLine(tag, 100)}`]),
    ...(retractedBy === undefined ? [] : [`The sender asks to forget this message (${retractedBy}).`]),
  ];
}
