/** What a person writes, as `message/rfc822` (RFC 5322): UTF-8, and nothing about the machine it was written on. */
import { base64urlnopad } from '@scure/base';

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

/** `random` is asked for 16 bytes: the Message-ID. */
export async function composeMail(
  draft: MailDraft,
  random: (length: number) => Uint8Array,
): Promise<Uint8Array> {
  const { from, to, subject, text, date, references = [] } = draft;
  const domain = from.slice(from.lastIndexOf('@') + 1);
  const nearest = references.at(-1);
  // Loaded when a mail is written: most commands write none, and start faster without.
  const { default: MailComposer } = await import('nodemailer/lib/mail-composer');
  const mail = new MailComposer({
    from: { name: '', address: from },
    to: to.map((address) => ({ name: '', address })),
    subject,
    text: text.replace(/\r?\n/g, '\r\n'),
    date: new Date(date * 1000),
    messageId: `<${base64urlnopad.encode(random(16))}@${domain}>`,
    ...(nearest === undefined ? {} : { inReplyTo: nearest, references: [...references] }),
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return await mail.compile().build();
}
