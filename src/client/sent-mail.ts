/** What became of mail that left over SMTP, and taking it back, wire-spec/account.md section 12. */
import { codeOf } from '../errors.ts';
import { mediaTypes } from '../wire/registry.ts';
import type { RetractResult, SentEntry, SentState } from './api.ts';
import type { OwnDomain } from './own-domain.ts';
import type { OwnMail } from './own-mail.ts';
import { foreign } from './own-request.ts';
import type { ClientState, Sent } from './state.ts';

type MailRecipient = OwnMail['recipients'][number];
type SentRecipient = SentEntry['recipients'][number];

const maxPages = 1000;
/** How long mail is tried, in seconds. */
const mailLife = 5 * 86_400;

const states: Readonly<Record<MailRecipient['state'], SentState>> = {
  queued: 'queued',
  delivered: 'delivered',
  failed: 'failed',
  dropped: 'withdrawn',
};

/** The mails of a state that the domain still knows, by handle. Throws network codes. */
export async function mailStates(
  { sent }: ClientState,
  own: Pick<OwnDomain, 'mail'>,
): Promise<ReadonlyMap<string, OwnMail>> {
  const wanted = new Set(sent.flatMap(({ mail }) => mail?.handle ?? []));
  const found = new Map<string, OwnMail>();
  let after: string | undefined;
  try {
    for (let page = 0; page < maxPages && found.size < wanted.size; page++) {
      const { mail, next } = await own.mail(after);
      for (const one of mail) if (wanted.has(one.handle)) found.set(one.handle, one);
      if (next === undefined) break;
      if (next === after) throw foreign();
      after = next;
    }
  } catch (error) {
    // A domain that sends no mail any more tells of none.
    if (codeOf(error) !== 'unsupported') throw error;
  }
  return found;
}

/** Those who were sent mail, as `sent` shows them. */
export function mailRecipients(
  { mail }: Sent,
  known: ReadonlyMap<string, OwnMail>,
): readonly SentRecipient[] {
  if (mail === undefined) return [];
  const { handle, to, length, plaintextHash: sha256, created } = mail;
  return to.map((address, index) => {
    const recipient = known.get(handle)?.recipients[index];
    const state = recipient === undefined ? 'unknown' : states[recipient.state];
    const expires = created + mailLife;
    return {
      to: address,
      way: 'mail',
      state,
      ...(recipient?.code === undefined ? {} : { code: recipient.code }),
      ...(recipient?.next === undefined ? {} : { next: recipient.next }),
      messages: [{ handle, state, mediaType: mediaTypes.mail, length, sha256, expires }],
    };
  });
}

/** Takes back what still waits: what a server took stays there. Throws network codes. */
export async function retractMail(
  { mail }: Sent,
  own: Pick<OwnDomain, 'dropMail'>,
): Promise<RetractResult['recipients']> {
  if (mail === undefined) return [];
  const dropped = await own.dropMail(mail.handle).catch((error: unknown) => {
    if (codeOf(error) === 'not_found') return undefined;
    throw error;
  });
  return mail.to.map((to, index) => {
    const state = dropped?.recipients[index]?.state;
    const outcome = state === 'dropped' ? 'withdrawn' : state === 'delivered' ? 'already_accepted' : 'gone';
    return { to, outcome, asked: false };
  });
}
