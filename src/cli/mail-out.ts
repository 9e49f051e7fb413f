/** Those who take mail only: the user's word that clear text will do, and the whole message as one mail, which can be made again. */
import { base64urlnopad } from '@scure/base';
import type { MailSending, MailWord } from '../client/api.ts';
import { askLine } from './ask.ts';
import { composeWhole, type MailDraft } from './compose-mail.ts';
import type { Face } from './face.ts';
import { formatSource } from './outgoing-parts.ts';
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
  /** 16 bytes: the Message-ID. */
  readonly id: Uint8Array;
  readonly random: (length: number) => Uint8Array;
}

function composeMailOf(
  { draft, files, id }: Pick<WholeMail, 'draft' | 'files' | 'id'>,
  random: WholeMail['random'],
): ReturnType<MailSending['compose']> {
  const ids = [id];
  return composeWhole(draft, files, (length) => ids.shift() ?? random(length));
}

/** A mail that was kept, with files that are elsewhere by now. */
export async function keptMail(
  text: Uint8Array,
  fileAgain: (path: string) => Promise<string>,
  random: WholeMail['random'],
): ReturnType<MailSending['compose']> {
  const { draft, files, id } = JSON.parse(new TextDecoder().decode(text)) as KeptMail;
  const found: string[] = [];
  for (const path of files) found.push(await fileAgain(path));
  return await composeMailOf({ draft, files: found, id: base64urlnopad.decode(id) }, random);
}

/** What a mail is made of, as it is kept until the own domain has it. */
interface KeptMail {
  readonly draft: MailDraft;
  readonly files: readonly string[];
  /** Of the Message-ID, base64url. */
  readonly id: string;
}

/** `keep`: keeps a text, and gives its name. */
export function mailSending(
  face: Face,
  whole: WholeMail,
  options: MailOptions,
  keep: (text: Uint8Array) => Promise<string>,
): MailSending {
  const { draft, files, id } = whole;
  return {
    compose: () => composeMailOf(whole, whole.random),
    source: async () => {
      const kept: KeptMail = { draft, files, id: base64urlnopad.encode(id) };
      return formatSource({ mail: await keep(new TextEncoder().encode(JSON.stringify(kept))) });
    },
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
      'no',
    );
    const word = answers[typed.toLowerCase()];
    if (word !== undefined) return word;
  }
}
