/** Native messages as one message for a mail program: wire-spec/bridges.md section 6. */
import MailComposer from 'nodemailer/lib/mail-composer';
import { mediaTypes } from '../wire/registry.ts';
import { createLineCheck } from './mail-lines.ts';
import { certainAddress, readHeader } from './mail-header.ts';
import { canonicalOf } from './submission-mail.ts';

/** Why a content is named only: too large, copied before by itself, read elsewhere and kept nowhere, or what became of it. */
export type LeftOut =
  'large' | 'copied' | 'read' | 'waiting' | 'expired' | 'withdrawn' | 'refused' | 'ignored';

/** A content that was read, or what is known of one that is not copied. */
export interface Rendered {
  readonly mediaType: string;
  readonly fileName?: string;
  readonly length: number;
  readonly bytes?: Uint8Array;
  /** Where there are no bytes. */
  readonly leftOut?: LeftOut;
}

const words: Readonly<Record<LeftOut, string>> = {
  large: 'too large to be copied: beckon save',
  copied: 'it was copied before, by itself',
  read: 'it was read already, and is kept nowhere',
  waiting: 'it could not be fetched yet: beckon save',
  expired: 'gone: it expired before it was fetched',
  withdrawn: 'gone: its sender withdrew it',
  refused: 'refused: it is not what its sender signed',
  ignored: 'it was ignored',
};

export interface ToRender {
  /** Verified. */
  readonly from: string;
  readonly to: string;
  readonly created: number;
  /** The value of `X-Beckon-Letter`. */
  readonly mark: string;
  /** It came by mail over the user's own bridge: From says what it says. */
  readonly byMail: boolean;
  readonly parts: readonly Rendered[];
}

/**
 * What is appended. A mail of one whose `From` is the verified sender stays as it is, byte for byte below one field on top; everything else is
 * wrapped in a mail from the sender: a program shows `From` and knows nothing of letters.
 */
export async function renderMessage(message: ToRender): Promise<Uint8Array> {
  const [only, ...more] = message.parts;
  const top = Buffer.from(`X-Beckon-Letter: ${message.mark}\r\n`);
  if (only?.bytes !== undefined && more.length === 0 && only.mediaType === mediaTypes.mail) {
    const asItIs = plainMail(only.bytes);
    if (asItIs !== undefined && (message.byMail || isFrom(asItIs, message.from)))
      return Buffer.concat([top, asItIs]);
  }
  return Buffer.concat([top, await wrapped(message)]);
}

/** With CR LF at the end of each line; undefined for what no IMAP server takes. */
function plainMail(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.includes(0)) return undefined;
  if (createLineCheck()(bytes)) return bytes;
  return Buffer.from(
    Buffer.from(bytes)
      .toString('latin1')
      .replace(/\r\n|\r|\n/g, '\r\n'),
    'latin1',
  );
}

function isFrom(bytes: Uint8Array, sender: string): boolean {
  try {
    const claimed = certainAddress(bytes, readHeader(bytes), 'from');
    return claimed !== undefined && canonicalOf(claimed) === sender;
  } catch {
    return false;
  }
}

async function wrapped({ from, to, created, parts }: ToRender): Promise<Uint8Array> {
  const [first] = parts;
  const text = isText(first) ? Buffer.from(first.bytes).toString('utf8') : undefined;
  const files = text === undefined ? parts : parts.slice(1);
  const left = files.filter(({ bytes }) => bytes === undefined);
  const note = left.map(
    ({ fileName, mediaType, length, leftOut = 'large' }) =>
      `[${fileName ?? (mediaType === mediaTypes.mail ? 'a letter' : 'a file')}: ${length} bytes, ${words[leftOut]}]`,
  );
  const composer = new MailComposer({
    from,
    to,
    date: new Date(created * 1000),
    subject: subjectOf(parts),
    text: [text ?? '', ...note].join('\r\n'),
    attachments: files.flatMap(({ mediaType, fileName, bytes }) =>
      bytes === undefined
        ? []
        : [
            {
              content: Buffer.from(bytes),
              contentType: safeType(mediaType),
              filename: fileName ?? (mediaType === mediaTypes.mail ? 'message.eml' : 'file'),
              contentTransferEncoding: 'base64' as const,
            },
          ],
    ),
    newline: 'windows',
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return await composer.compile().build();
}

function isText(part: Rendered | undefined): part is Rendered & { readonly bytes: Uint8Array } {
  return part?.bytes !== undefined && part.mediaType === 'text/plain' && part.fileName === undefined;
}

function subjectOf(parts: readonly Rendered[]): string {
  const named = parts.find(({ fileName }) => fileName !== undefined)?.fileName;
  return named ?? 'message';
}

/** A mail inside is a file: its own header must not be taken for that of what was verified. */
function safeType(mediaType: string): string {
  return mediaType.startsWith('multipart/') || mediaType.startsWith('message/')
    ? 'application/octet-stream'
    : mediaType;
}
