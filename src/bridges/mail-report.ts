/**
 * What a sender is told of mail, as RFC 3464 has it: words for people, fields for programs, and the header of the mail. It comes as a native
 * message from the bridge user, so it names nothing that the sender does not know already but servers and codes.
 */
import MimeNode from 'nodemailer/lib/mime-node';
import { mailDate } from './mail-mapping.ts';

export type ReportKind = 'failed' | 'delayed' | 'delivered';

export interface ReportedRecipient {
  /** Undefined where it cannot be known any more: the sealed part does not open. */
  readonly address: string | undefined;
  /** Among the recipients of the mail, from 1. */
  readonly place: number;
  /** Enhanced status code (RFC 3463). */
  readonly status: string;
  /** Who said so, where it was a server. */
  readonly host?: string;
  /** Of its reply. */
  readonly reply?: number;
}

export interface Report {
  readonly kind: ReportKind;
  /** The bridge user. */
  readonly from: string;
  /** The sender of the mail. */
  readonly to: string;
  /** This machine. */
  readonly host: string;
  /** Of the mail. */
  readonly handle: string;
  readonly created: number;
  readonly recipients: readonly ReportedRecipient[];
  /** Of a delayed mail: when it is given up. */
  readonly until?: number;
  /** The header section of the mail. */
  readonly header: Uint8Array;
  readonly now: number;
  /** Unique, without brackets. */
  readonly messageId: string;
}

/** RFC 3464 section 2.3.3. What was handed over may still fail further on: `relayed`. */
const actions = { failed: 'failed', delayed: 'delayed', delivered: 'relayed' } as const;

const subjects = {
  failed: 'Your mail was not delivered',
  delayed: 'Your mail waits: it is tried again',
  delivered: 'Your mail was handed over',
} as const;

/** The report as a mail (RFC 5322). */
export async function composeReport(report: Report): Promise<Uint8Array> {
  const { kind, from, to, now, messageId, header } = report;
  const utf8 = !isAscii([from, to, ...report.recipients.map(({ address }) => address ?? '')].join(''));
  const node = new MimeNode('multipart/report; report-type=delivery-status');
  node.setHeader({
    from: { name: 'Mail bridge', address: from },
    to: { name: '', address: to },
    subject: subjects[kind],
    date: mailDate(now),
    'message-id': `<${messageId}>`,
    'auto-submitted': 'auto-replied',
  });
  node.createChild('text/plain; charset=utf-8').setContent(words(report));
  node
    .createChild(utf8 ? 'message/global-delivery-status' : 'message/delivery-status')
    .setHeader('content-transfer-encoding', utf8 ? '8bit' : '7bit')
    .setContent(statusFields(report, utf8));
  node.createChild('text/rfc822-headers; charset=utf-8').setContent(Buffer.from(header));
  return new Uint8Array(await node.build());
}

function words({ kind, recipients, until }: Report): string {
  const list = recipients.map(
    ({ address, place, status, host }) =>
      `    ${address ?? `recipient ${place}`}: ${address === undefined ? sealedAway : meaningOf(status)} (${status}${host === undefined ? '' : `, says ${host}`})`,
  );
  const first = {
    failed: 'This mail was not delivered to',
    delayed: 'This mail could not be delivered yet to',
    delivered: 'This mail was taken by the mail server of',
  }[kind];
  const last = {
    failed: recipients.some(({ address }) => address === undefined)
      ? 'It cannot be tried again: send it once more.'
      : 'It is not tried again. Whoever runs your domain can have it tried again for 14 days.',
    delayed: `It is tried again, until ${until === undefined ? 'five days are over' : mailDate(until)}. You need not send it again.`,
    delivered: 'What happens behind that server is not known here.',
  }[kind];
  return `${first}\r\n\r\n${list.join('\r\n')}\r\n\r\n${last}\r\n`;
}

function statusFields(report: Report, utf8: boolean): string {
  const { kind, host, handle, created, recipients, until, now } = report;
  const groups = [
    [`Reporting-MTA: dns; ${host}`, `Original-Envelope-Id: ${handle}`, `Arrival-Date: ${mailDate(created)}`],
    ...recipients.map(({ address, place, status, host: by, reply }) => [
      // RFC 3464 wants a field, and there is no address: a type of our own.
      `Final-Recipient: ${address === undefined ? `x-place; ${place}` : `${utf8 ? 'utf-8' : 'rfc822'}; ${address}`}`,
      `Action: ${actions[kind]}`,
      `Status: ${status}`,
      ...(by === undefined ? [] : [`Remote-MTA: dns; ${by}`]),
      ...(reply === undefined ? [] : [`Diagnostic-Code: smtp; ${reply} ${status}`]),
      `Last-Attempt-Date: ${mailDate(now)}`,
      ...(kind === 'delayed' && until !== undefined ? [`Will-Retry-Until: ${mailDate(until)}`] : []),
    ]),
  ];
  return `${groups.map((fields) => fields.join('\r\n')).join('\r\n\r\n')}\r\n`;
}

/** For people; codes of RFC 3463 that say something to them. */
const meanings: Readonly<Record<string, string>> = {
  '1.1': 'there is no such mailbox',
  '1.2': 'the domain takes no mail',
  '1.6': 'the mailbox has moved',
  '1.10': 'the domain takes no mail',
  '2.1': 'the mailbox is closed',
  '2.2': 'the mailbox is full',
  '3.4': 'the mail is too large for the server',
  '4.1': 'the server does not answer',
  '4.2': 'the connection broke off',
  '4.3': 'the domain cannot be looked up now',
  '4.6': 'the mail goes round in circles',
  '4.7': 'no server took it within five days',
  '6.0': 'the mail is not one that may be sent',
  '6.3': 'the server does not take such characters',
  '6.7': 'the server does not take such an address',
  '7.1': 'it is refused',
  '7.5': 'the server does not prove who it is',
  '7.8': 'the smarthost does not let us in',
};

const sealedAway = 'the key that it was sealed to for the way out is gone';

function meaningOf(status: string): string {
  const own = meanings[status.slice(2)];
  if (own !== undefined) return own;
  return (
    { '5': 'the server refuses it', '4': 'the server does not take it now' }[status[0] ?? ''] ?? 'it is there'
  );
}

function isAscii(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}
