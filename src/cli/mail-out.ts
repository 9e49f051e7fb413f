/** Those who take mail only: the user's word that clear text will do, and the whole message as one mail. */
import type { MailSending, MailWord } from '../client/api.ts';
import { askLine } from './ask.ts';
import { composeWhole, type MailDraft } from './compose-mail.ts';
import type { Face } from './face.ts';
import { safeLine } from './safe-text.ts';

export interface MailOptions {
  /** The user's word for this message. */
  readonly mail?: boolean | undefined;
  /** Tell when a server took it. */
  readonly delivered?: boolean | undefined;
}

export interface WholeMail {
  readonly draft: MailDraft;
  /** Absolute. */
  readonly files: readonly string[];
  /** Asked for 16 bytes twice; the first make the Message-ID. */
  readonly random: (length: number) => Uint8Array;
}

export function mailSending(face: Face, whole: WholeMail, options: MailOptions): MailSending {
  return {
    compose: () => composeWhole(whole.draft, whole.files, whole.random),
    async ask(domains) {
      if (options.mail === true) return Object.fromEntries(domains.map((domain) => [domain, 'now' as const]));
      if (face.input.isTTY !== true) return {};
      const words: [string, MailWord][] = [];
      for (const domain of domains) words.push([domain, await askWord(face, domain)]);
      return Object.fromEntries(words);
    },
    ...(options.delivered === true ? { success: true } : {}),
  };
}

const answers: Readonly<Record<string, MailWord>> = {
  y: 'now',
  yes: 'now',
  n: 'no',
  no: 'no',
  always: 'allow',
  never: 'refuse',
};

/** Only a whole word speaks for good. */
async function askWord(face: Face, domain: string): Promise<MailWord> {
  face.note(
    `${safeLine(domain)} takes mail only: your domain, ${safeLine(domain)} and every server between them can read it.`,
  );
  for (;;) {
    const typed = await askLine(
      face,
      'send it by mail, in clear text? yes, no, always or never (for this domain)',
    );
    const word = answers[typed.toLowerCase()];
    if (word !== undefined) return word;
  }
}
