/** What is known of others' keys, in words: what the directory gives is for programs. */
import type { DomainNoticeReport, KnownRecipient, NoticeReport, Reader } from '../client/api.ts';
import { formatFingerprint } from './fingerprint.ts';
import { formatTime } from './format.ts';
import { safeLine } from './safe-text.ts';

const reasons: Readonly<Record<string, string>> = {
  compared: 'you compared the fingerprint with its owner',
  parent_signed: 'the domain above it signed the key of the domain',
  parent_refused: 'a signature of the domain above it does not hold',
  parent_unknown: 'a signature of the domain above it could not be checked',
  txt_matches: 'the DNS record of the domain names its key',
  txt_differs: 'the DNS record of the domain names another key now',
  dnssec_validated: 'DNSSEC vouches for that record',
  dnssec_absent: 'nothing vouches for that record: no DNSSEC',
  card: 'a contact card signed with it was used: it is worth as much as the way by which the card came',
  pinned: 'it is the key that was seen before',
  first_sight: 'it is seen for the first time',
  answered: 'a message of theirs was verified with it',
  listed_by_domain: 'their domain says so',
  escrow: 'their domain holds its users’ keys',
  leaving: 'the domain says that it leaves',
  gone_refused: 'DNS says that the domain leaves, and the domain did not sign that',
};

/** What is in words already stays. */
export function trustReasonInWords(reason: string): string {
  return reasons[reason] ?? reason;
}

const kinds: Readonly<Record<NoticeReport['kind'], string>> = {
  rotated: 'new keys, signed by the same identity',
  replaced:
    'another identity is listed; the one before had never answered, and what was sent to it may not be read',
  drops_void: 'what they handed out before is void: keys were revoked or lost',
  identity_offered: 'another identity is listed, and waits for your word',
  identity_accepted: 'you accepted another identity',
  suite_offered: 'weaker keys are listed, and wait for your word',
  suite_accepted: 'you accepted weaker keys',
  escrow_began: 'their domain holds its users’ keys now: it can read along',
  escrow_ended: 'their domain holds its users’ keys no more',
  bridged_began: 'they have messages copied into a plain-text store now',
  bridged_ended: 'they have messages copied into a plain-text store no more',
  moved_to: 'they say that they moved',
  moved_from: 'they say that they came from another address',
  mail_offered: 'their domain or DNS says that they take mail only now',
  mail_accepted: 'you said that mail will do',
  answered: 'their first message was verified',
  compared: 'you compared the fingerprint',
  card: 'you wrote over a contact card of theirs',
};

/** Of nothing to worry about: seen once is enough. */
export const harmless: readonly NoticeReport['kind'][] = ['rotated', 'escrow_ended', 'bridged_ended'];

export function noticeInWords({ kind, linked, toIdentity }: NoticeReport): string {
  const gap = linked === false ? ' (records in between were not seen)' : '';
  const identity = toIdentity === undefined ? '' : ` ${formatFingerprint(toIdentity)}`;
  return `${kinds[kind]}${gap}${identity}`;
}

/** What happened to a domain. */
export function domainNoticeInWords({ kind, by, to, escrow }: DomainNoticeReport): string {
  const signers = {
    identity: 'signed by the one before',
    recovery: 'signed by the recovery key of its owner',
    word: 'which you accepted',
  } as const;
  if (kind === 'escrow')
    return escrow
      ? 'their domain holds its users’ keys now: it can read along'
      : 'their domain holds its users’ keys no more';
  if (kind === 'recovery_key') return 'the owner of their domain has another recovery key';
  const identity = to === undefined ? '' : ` ${formatFingerprint(to)}`;
  return `their domain has another identity key${by === undefined ? '' : `, ${signers[by]}`}${identity}`;
}

/** `2026-11-21 04:30:12Z  new keys, signed by the same identity` */
export function noticeLine(notice: NoticeReport): string {
  return `${formatTime(notice.at)}  ${noticeInWords(notice)}`;
}

export function readersInWords(readers: readonly Reader[]): string {
  const names: Readonly<Record<Reader, string>> = {
    recipient: 'their own devices',
    domain: 'their domain, which holds its users’ keys (escrow)',
    plain_text_store: 'who reads the plain-text store they copy messages to (bridged)',
  };
  return readers.map((reader) => names[reader]).join('; ');
}

/** What to know before anything is sent to somebody: no line where there is nothing to say. */
export function recipientLines(address: string, known: KnownRecipient): string[] {
  const { readers, unconfirmed, stale, notices, domainNotices, movedTo } = known;
  const name = safeLine(address);
  return [
    ...notices.map((notice) => `${name}: ${noticeInWords(notice)} (${formatTime(notice.at)})`),
    ...domainNotices.map((notice) => `${name}: ${domainNoticeInWords(notice)} (${formatTime(notice.at)})`),
    ...(stale ? [`${name}: their domain cannot be asked now: these are the keys it showed last`] : []),
    ...(unconfirmed ? [`${name}: unconfirmed: no answer of theirs has come yet`] : []),
    ...(readers.length > 1 ? [`${name}: who can read it: ${readersInWords(readers)}`] : []),
    ...(movedTo === undefined
      ? []
      : [`${name}: they say they moved to ${safeLine(movedTo.address)}; see: beckon trust show ${name}`]),
  ];
}
