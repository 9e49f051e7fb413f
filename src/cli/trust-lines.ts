/** Reports about others' keys as lines for people. */
import type {
  DomainTrustReport,
  FingerprintForms,
  MoveReport,
  PinnedCorrespondent,
  Reader,
  TrustReport,
} from '../client/api.ts';
import { formatFingerprint } from './fingerprint.ts';
import { formatNumber, formatTime, table } from './format.ts';
import { reasonInWords } from './reasons.ts';
import { safeLine } from './safe-text.ts';
import { domainNoticeInWords, noticeLine, readersInWords, trustReasonInWords } from './trust-words.ts';

type Trust = TrustReport['trust'];

function row(name: string, value: string | undefined): string[] {
  return value === undefined ? [] : [`${name.padEnd(13)}${safeLine(value)}`];
}

function forms(name: string, fingerprint: FingerprintForms | undefined): string[] {
  if (fingerprint === undefined) return [];
  const words = fingerprint.words.split(' ');
  return [
    ...row(name, formatFingerprint(fingerprint.whole)),
    ...row('  in words', words.slice(0, 6).join(' ')),
    ...row('', words.slice(6).join(' ')),
    ...row('  in digits', fingerprint.digits),
  ];
}

function trustRows(trust: Trust): string[] {
  if (trust === undefined) return [];
  return [
    ...row('trust', `${trust.level} (${trust.reasons.join(', ')})`),
    ...trust.reasons.flatMap((reason) => row('', trustReasonInWords(reason))),
  ];
}

function outcomeRow({ outcome, code, reason }: TrustReport | DomainTrustReport): string[] {
  if (outcome === 'native') return [];
  const why = reason === undefined ? outcome : reasonInWords(reason);
  return row('outcome', code === undefined ? why : `${why} [${code}]`);
}

function moveRow(name: string, move: MoveReport | undefined): string[] {
  if (move === undefined) return [];
  const agreed = move.agrees ? 'the record there says so too' : 'the record there does NOT say so';
  return row(name, `${move.address} (${agreed})`);
}

function answeredText({ own, unconfirmed, answered }: TrustReport): string | undefined {
  if (own || unconfirmed === undefined) return undefined;
  if (unconfirmed) return 'not yet: unconfirmed, nothing of theirs has come';
  return answered ? formatTime(answered) : 'before this was written down';
}

function ownReaders(readers: readonly Reader[]): string {
  return readersInWords(readers).replaceAll('their', 'your').replace('they copy', 'you copy');
}

/** Everything about an address. */
export function trustLines(report: TrustReport): string[] {
  const { fingerprint: whole, words = '', digits = '', since, history, readers, domain } = report;
  const own = whole === undefined ? undefined : { whole, words, digits };
  return [
    ...row('address', report.address),
    ...forms('fingerprint', own),
    ...forms(
      report.what === 'suite' ? 'weaker keys' : 'offered',
      report.what === 'suite' ? undefined : report.offered,
    ),
    ...outcomeRow(report),
    ...trustRows(report.trust),
    ...row('since', since === undefined ? undefined : formatTime(since)),
    ...row('answered', answeredText(report)),
    ...row('can read', readers && (report.own ? ownReaders(readers) : readersInWords(readers))),
    ...moveRow('moved to', report.movedTo),
    ...moveRow('moved from', report.movedFrom),
    ...row('mail', report.mailAccepted ? 'will do, you said' : undefined),
    ...history.flatMap((notice, index) =>
      row(index === 0 ? 'history' : '', `${noticeLine(notice)}${notice.seen ? '' : ' (new)'}`),
    ),
    '',
    ...domainLines(domain),
  ];
}

/** Everything about a domain. */
export function domainLines(report: DomainTrustReport): string[] {
  return [
    ...row('domain', report.domain),
    ...forms('key', report.fingerprint),
    ...forms('offered', report.offered),
    ...outcomeRow(report),
    ...trustRows(report.trust),
    ...row('since', report.since === undefined ? undefined : formatTime(report.since)),
    ...report.history.flatMap((notice, index) =>
      row(index === 0 ? 'history' : '', `${formatTime(notice.at)}  ${domainNoticeInWords(notice)}`),
    ),
    ...row('escrow', report.escrow ? 'the domain holds its users’ keys' : undefined),
  ];
}

function countOf({ notices, domainNotices }: PinnedCorrespondent): number {
  return notices.length + domainNotices.length;
}

/** One line for each correspondent. */
export function listLines(correspondents: readonly PinnedCorrespondent[]): string[] {
  return table(
    correspondents.map((one) => [
      safeLine(one.address),
      one.compared ? 'compared' : one.unconfirmed ? 'unconfirmed' : 'pinned',
      `since ${formatTime(one.since)}`,
      [
        ...(one.waits ? ['WAITS for your word'] : []),
        ...(one.mailAccepted ? ['mail will do'] : []),
        ...one.readers.filter((reader) => reader !== 'recipient').map((reader) => `read by ${reader}`),
        ...(countOf(one) > 0 ? [formatNumber(countOf(one), 'notice')] : []),
      ].join(', '),
    ]),
  );
}
