/** bridges.md: which user of a domain is its bridge, and what a letter of that user says of the mail that it is. */
import type { Bytes, Fields } from './cbor.ts';
import { asFields, bytesAt, numberAt, refuse, same, textAt } from './cbor.ts';
import type { DomainRecord, UserRecord } from './keys.ts';

export interface Verdict {
  readonly result: string;
  readonly domain?: string;
}

export interface Mail {
  readonly kind: number;
  readonly reversePath: string;
  readonly recipient: string;
  readonly received: number;
  readonly from: string;
  readonly replyTo?: string;
  readonly verdicts?: Readonly<Record<string, Verdict>>;
  readonly reference?: Bytes;
  readonly client?: string;
}

const checks = ['spf', 'dkim', 'dmarc', 'arc', 'doubt'] as const;

/** Section 4: the extensions of a letter. */
export function readExtensions(item: unknown): { readonly mail?: Mail } {
  const extensions = asFields(item);
  return extensions.has(1) ? { mail: readMail(asFields(extensions.get(1))) } : {};
}

function readMail(fields: Fields): Mail {
  const kind = numberAt(fields, 1);
  refuse(kind < 0 || kind > 255, 'cbor_range');
  const optional = (label: number): string | undefined =>
    fields.has(label) ? sized(textAt(fields, label), 1) : undefined;
  const [replyTo, client] = [optional(6), optional(9)];
  return {
    kind,
    reversePath: sized(textAt(fields, 2), 0),
    recipient: sized(textAt(fields, 3), 1),
    received: timeAt(fields, 4),
    from: sized(textAt(fields, 5), 0),
    ...(replyTo === undefined ? {} : { replyTo }),
    ...(fields.has(7) ? { verdicts: readVerdicts(asFields(fields.get(7))) } : {}),
    ...(fields.has(8) ? { reference: bytesAt(fields, 8, 10) } : {}),
    ...(client === undefined ? {} : { client }),
  };
}

function readVerdicts(fields: Fields): Record<string, Verdict> {
  const found: Record<string, Verdict> = {};
  for (const [at, name] of checks.entries()) {
    if (!fields.has(at + 1)) continue;
    const verdict = asFields(fields.get(at + 1));
    const result = sized(textAt(verdict, 1), 1, 32);
    found[name] = verdict.has(2) ? { result, domain: sized(textAt(verdict, 2), 1) } : { result };
  }
  return found;
}

function sized(text: string, least: number, most = 254): string {
  const { length } = new TextEncoder().encode(text);
  refuse(length < least || length > most, 'cbor_range');
  return text;
}

function timeAt(fields: Fields, label: number): number {
  const time = numberAt(fields, label);
  refuse(time < 0 || time >= 2 ** 40, 'cbor_range');
  return time;
}

/** Section 4: believed only in a letter whose author is the bridge user that the author's domain names. */
export function believedMail(letter: Fields, author: UserRecord, domain: DomainRecord): Mail | undefined {
  const { bridge } = domain;
  if (!bridge || author.address !== `${bridge.local}@${domain.domain}`) return undefined;
  if (!same(author.identityFingerprint, bridge.fingerprint) || !letter.has(12)) return undefined;
  return readExtensions(letter.get(12)).mail;
}
