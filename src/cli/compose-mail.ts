/** What a person writes, as `message/rfc822` (RFC 5322): UTF-8, and nothing about the machine it was written on. */
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { base64urlnopad } from '@scure/base';
import type { OutgoingPart } from '../client/api.ts';

export interface MailDraft {
  /** Canonical. */
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  /** Unix seconds. */
  readonly date: number;
  /** Message-IDs in angle brackets that this answers, the nearest last. */
  readonly references?: readonly string[];
}

type Random = (length: number) => Uint8Array;

/** `random` is asked for 16 bytes: the Message-ID. */
export async function composeMail(draft: MailDraft, random: Random): Promise<Uint8Array> {
  const compile = await compiler(draft, random(16));
  return await compile([]).build();
}

/**
 * The same mail with files in it, for whoever takes mail only. It is made twice, once to know its length: so files are read twice, and must stay
 * as they are. `random` is asked for 16 bytes twice: the Message-ID, which may be that of the mail without files, and the boundary.
 */
export async function composeWhole(
  draft: MailDraft,
  files: readonly string[],
  random: Random,
): Promise<Pick<OutgoingPart, 'length' | 'open'>> {
  const compile = await compiler(draft, random(16));
  const boundary = base64urlnopad.encode(random(16));
  const open = (): AsyncIterable<Uint8Array> => compile(files, boundary).createReadStream();
  let length = 0;
  for await (const chunk of open()) length += chunk.length;
  return { length, open };
}

async function compiler(draft: MailDraft, id: Uint8Array) {
  const { from, to, subject, text, date, references = [] } = draft;
  const domain = from.slice(from.lastIndexOf('@') + 1);
  const nearest = references.at(-1);
  // Loaded when a mail is written: most commands write none, and start faster without.
  const [{ default: MailComposer }, { default: mime }] = await Promise.all([
    import('nodemailer/lib/mail-composer'),
    import('mime'),
  ]);
  return (files: readonly string[], baseBoundary?: string) =>
    new MailComposer({
      from: { name: '', address: from },
      to: to.map((address) => ({ name: '', address })),
      subject,
      text: text.replace(/\r?\n/g, '\r\n'),
      date: new Date(date * 1000),
      messageId: `<${base64urlnopad.encode(id)}@${domain}>`,
      ...(nearest === undefined ? {} : { inReplyTo: nearest, references: [...references] }),
      attachments: files.map((path) => ({
        filename: basename(path),
        contentType: mime.getType(path) ?? 'application/octet-stream',
        contentTransferEncoding: 'base64' as const,
        content: createReadStream(path),
      })),
      ...(baseBoundary === undefined ? {} : { baseBoundary }),
      disableFileAccess: true,
      disableUrlAccess: true,
    }).compile();
}
