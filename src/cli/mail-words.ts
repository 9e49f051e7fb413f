/** How a message that came by mail is told to people: what is claimed, and by whom, before what was checked. */
import type { BridgedMail, InboxEntry, MailVerdict } from '../client/api.ts';
import { safeLine, shortLine } from './safe-text.ts';

const longest = 100;

/** Who wrote it, in a line of the inbox. */
export function mailSender(mail: BridgedMail, { senderDomain, byOwnBridge }: InboxEntry): string {
  const how = [
    'by mail',
    ...(byOwnBridge === true ? [] : [`says the bridge of ${safeLine(senderDomain)}`]),
    ...(mail.verdicts?.doubt === undefined ? [] : [`DOUBTFUL: ${doubts(mail.verdicts.doubt)}`]),
  ].join(', ');
  return `${whatOf(mail)} (${how})`;
}

function whatOf({ kind, from }: BridgedMail): string {
  if (kind === 'report') return 'report on mail that you sent';
  if (kind === 'copy') return 'copy of mail that you sent';
  return from === '' ? 'somebody' : shortLine(from, longest);
}

/** Above a letter. */
export function mailHeadLines(mail: BridgedMail, entry: InboxEntry): string[] {
  const { verdicts = {}, reversePath, recipient, client, reference } = mail;
  const { doubt } = verdicts;
  const own = entry.byOwnBridge === true;
  return [
    ...(doubt === undefined ? [] : [`DOUBT    ${doubts(doubt)}: it may not be from whom it claims`]),
    `From     ${mail.kind === 'mail' ? `${whatOf(mail)} (claimed: it came by mail)` : whatOf(mail)}`,
    ...(own ? [] : [`Bridge   that of ${safeLine(entry.senderDomain)} says so, not your domain's`]),
    ...checkLines(mail),
    ...(mail.kind === 'mail' && reversePath !== mail.from
      ? [`Path     ${reversePath === '' ? 'a report' : shortLine(reversePath, longest)}`]
      : []),
    `For      ${shortLine(recipient, longest)}`,
    ...(client === undefined ? [] : [`Via      ${shortLine(client, longest)}`]),
    ...(reference === undefined ? [] : [`About    ${safeLine(reference)}`]),
  ];
}

function checkLines({ kind, verdicts = {} }: BridgedMail): string[] {
  if (kind !== 'mail') return [];
  const found = (['dmarc', 'dkim', 'spf', 'arc'] as const).flatMap((name) => {
    const verdict = verdicts[name];
    return verdict === undefined ? [] : [`${name} ${inWords(verdict)}`];
  });
  return [`Checks   ${found.length === 0 ? 'none' : found.join(', ')}`];
}

function inWords({ result, domain }: MailVerdict): string {
  return `${shortLine(result, 32)}${domain === undefined ? '' : ` (${shortLine(domain, longest)})`}`;
}

function doubts({ result }: MailVerdict): string {
  const words: Readonly<Record<string, string>> = {
    dmarc: 'the domain it claims does not stand by it',
    spf: 'the domain it came from does not stand by it',
    from: 'it does not name one author',
    dkim: 'it has more signatures than can be checked',
    temporary: 'it could not be checked',
  };
  return words[result] ?? shortLine(result, 32);
}
