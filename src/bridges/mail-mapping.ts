/**
 * What the bridge writes above a mail that came in, and what it leaves out of it (wire-spec/bridges.md section 4). Pure.
 *
 * The trace is Return-Path, Received and Authentication-Results, in this order. Of what came, only results that claim to be ours are
 * left out; all else follows byte for byte.
 */
import type { MailVerdicts } from '../wire/mail.ts';
import { fieldText, type HeaderField, type MailHeader } from './mail-header.ts';

export interface Trace {
  /** The name of this machine, which is its authserv-id (RFC 8601 section 2.5) too. */
  readonly host: string;
  /** "" for reports. */
  readonly reversePath: string;
  /** As the client called itself, and as its address is seen; absent for a client on this machine. */
  readonly helo: string;
  readonly address?: string;
  /** `ESMTP`, `ESMTPS`, `LMTP`, ... */
  readonly protocol: string;
  /** Where it came for one recipient alone. */
  readonly recipient?: string;
  /** Unix seconds. */
  readonly received: number;
  /** Absent where nothing was checked. */
  readonly verdicts?: MailVerdicts;
}

/** Most `Received` fields of a mail, and most of them written here: more is a loop (RFC 5321 section 6.3). */
export const maxHops = { all: 100, own: 5 };

const encoder = new TextEncoder();

/** The whole mail as it is delivered, in pieces: the trace, then what came. */
export function tracedMail(mail: Uint8Array, header: MailHeader, trace: Trace): Uint8Array[] {
  const pieces: Uint8Array[] = [encoder.encode(traceOf(trace))];
  let from = 0;
  for (const field of header.fields.filter((one) => isOwnResult(mail, one, trace.host))) {
    pieces.push(mail.subarray(from, field.start));
    from = field.end;
  }
  // A mail without a header must not go on in ours.
  if (header.fields.length === 0 && !beginsEmpty(mail)) pieces.push(encoder.encode('\r\n'));
  pieces.push(mail.subarray(from));
  return pieces.filter(({ length }) => length > 0);
}

function beginsEmpty(mail: Uint8Array): boolean {
  return mail[0] === 10 || (mail[0] === 13 && mail[1] === 10);
}

/** Results under our name, which nobody but us may write. What cannot be read for sure counts as such. */
function isOwnResult(mail: Uint8Array, field: HeaderField, host: string): boolean {
  if (field.name !== 'authentication-results') return false;
  const id = withoutComments(fieldText(mail, field)).split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return id.replace(/["\\]/g, '').split(/\s/, 1)[0] === host || /["()\\]/.test(id);
}

function withoutComments(text: string): string {
  let plain = text;
  for (let nesting = 0; nesting < 20; nesting++) {
    const outer = plain.replace(/\((?:[^()\\]|\\.)*\)/g, ' ');
    if (outer === plain) break;
    plain = outer;
  }
  return plain;
}

/** Whether a mail has been on its way for too long, or here too often. */
export function isLoop(mail: Uint8Array, { fields }: MailHeader, host: string): boolean {
  const received = fields.filter(({ name }) => name === 'received');
  if (received.length > maxHops.all) return true;
  const own = received.filter((field) => fieldText(mail, field).includes(markOf(host)));
  return own.length >= maxHops.own;
}

/** What says in a `Received` field that a mail came through this server. */
export function markOf(host: string): string {
  return `by ${host} (Beckon)`;
}

function traceOf(trace: Trace): string {
  const { host, reversePath, helo, address, protocol, recipient, received, verdicts } = trace;
  const from = address === undefined ? token(helo) : `${token(helo)} (${literal(address)})`;
  return [
    `Return-Path: <${path(reversePath)}>`,
    `Received: from ${from}`,
    ` ${markOf(host)} with ${protocol}${recipient === undefined ? '' : `\r\n for <${path(recipient)}>`};`,
    ` ${mailDate(received)}`,
    ...(verdicts === undefined ? [] : resultsOf(host, verdicts)),
    '',
  ].join('\r\n');
}

const properties = {
  spf: 'smtp.mailfrom',
  dkim: 'header.d',
  dmarc: 'header.from',
  arc: 'header.d',
} as const;

function resultsOf(host: string, verdicts: MailVerdicts): string[] {
  const results = (['spf', 'dkim', 'dmarc', 'arc'] as const).flatMap((method) => {
    const verdict = verdicts[method];
    if (verdict === undefined) return [];
    const domain = token(verdict.domain ?? '');
    return [`${method}=${token(verdict.result)}${domain === '' ? '' : ` ${properties[method]}=${domain}`}`];
  });
  const lines = results.length === 0 ? ['none'] : results;
  return [
    `Authentication-Results: ${host};`,
    ...lines.map((line, index) => ` ${line}${index < lines.length - 1 ? ';' : ''}`),
  ];
}

/** What a client said, so that it stays in its place: no blanks, control characters, brackets, comments or quotes, and not for ever. */
function token(text: string): string {
  return text.replace(/[\s\p{C}<>()";\\,]/gu, '').slice(0, 320);
}

/** The same inside of brackets, where a quoted local part may stand. */
function path(text: string): string {
  return text.replace(/[\p{C}<>]/gu, '').slice(0, 320);
}

function literal(address: string): string {
  return address.includes(':') ? `[IPv6:${token(address)}]` : `[${token(address)}]`;
}

/** RFC 5322 section 3.3. */
export function mailDate(seconds: number): string {
  return new Date(seconds * 1000).toUTCString().replace('GMT', '+0000');
}
