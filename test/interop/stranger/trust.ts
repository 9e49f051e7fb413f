/** keys.md section 9: what a client makes of a user's records, one after the other, and of fingerprints that people compare. */
import { wordlist } from '@scure/bip39/wordlists/english.js';
import {
  asFields,
  base64url,
  bytesAt,
  decodeFields,
  listAt,
  numberAt,
  refuse,
  same,
  textAt,
} from './cbor.ts';
import type { Bytes, Fields } from './cbor.ts';
import { identityFingerprint, keyId, use } from './keys.ts';
import { readSigned, sha256, suiteNumber } from './primitives.ts';

interface Seen {
  readonly identity: Bytes;
  readonly bytes: Bytes;
  readonly serial: number;
  readonly rank: number;
  readonly voidBefore: number;
  readonly escrow: boolean;
  readonly bridged: boolean;
  readonly moves: readonly (string | undefined)[];
}

export interface Followed {
  readonly records: readonly Bytes[];
  readonly domain: string;
  readonly addressHash: Bytes;
  readonly confirmed: boolean;
  readonly escrow?: readonly boolean[] | undefined;
  readonly sealingRank?: number | undefined;
}

const revoked = 3;

function read(inner: Bytes, domain: string, addressHash: Bytes): Fields {
  const signed = readSigned(inner);
  const fields = decodeFields(signed.payload);
  refuse(textAt(fields, 1) !== domain || !same(bytesAt(fields, 2, 32), addressHash), 'record_mismatch');
  const identityKey = bytesAt(fields, 3, 32);
  signed.verified(identityKey, keyId(domain, use.userIdentity, identityKey), 'user record', domain);
  return fields;
}

function seenOf(fields: Fields, inner: Bytes, escrow: boolean): Seen {
  const entries = listAt(fields, 4).map(asFields);
  const sealing = entries.filter((entry) => numberAt(entry, 2) === use.sealing);
  const ranked = sealing.filter(
    (entry) => numberAt(entry, 5) !== revoked && numberAt(entry, 3) === suiteNumber.xwing,
  );
  const revocations = entries
    .filter((entry) => numberAt(entry, 5) === revoked)
    .map((entry) => (entry.has(8) ? numberAt(entry, 8) : numberAt(fields, 5)));
  const dropsSince = fields.has(9) ? numberAt(fields, 9) : 0;
  return {
    identity: identityFingerprint(bytesAt(fields, 3, 32)),
    bytes: inner,
    serial: numberAt(fields, 7),
    rank: ranked.length > 0 ? 1 : 0,
    voidBefore: Math.max(dropsSince, ...revocations),
    escrow,
    bridged: (numberAt(fields, 11) & 1) === 1,
    moves: [12, 13].map((label) => {
      const move = fields.get(label) as readonly unknown[] | undefined;
      return move && base64url(move[2] as Bytes);
    }),
  };
}

/** What each record is to who pinned those before it. Throws where one is refused or waits. */
export function follow({ records, domain, addressHash, confirmed, escrow, sealingRank }: Followed) {
  let pin: Seen | undefined;
  return records.map((inner, index) => {
    const fields = read(inner, domain, addressHash);
    const next = seenOf(fields, inner, escrow?.[index] ?? false);
    const before = pin;
    if (before === undefined) {
      pin = { ...next, rank: sealingRank ?? next.rank };
      return outcome({ kind: 'first' }, next.voidBefore);
    }
    refuse(next.serial < before.serial, 'record_rollback');
    const sameBytes = same(next.bytes, before.bytes);
    refuse(next.serial === before.serial && !sameBytes, 'trust_changed');
    const sameIdentity = same(next.identity, before.identity);
    refuse(confirmed && (!sameIdentity || (next.rank > 0 && next.rank < before.rank)), 'trust_changed');
    const news = newsOf(before, next);
    const voidBefore = sameIdentity ? Math.max(before.voidBefore, next.voidBefore) : next.voidBefore;
    pin = { ...next, voidBefore, rank: Math.max(confirmed ? before.rank : 0, next.rank) };
    if (!sameIdentity) return outcome({ kind: 'replaced', news: ['replaced', ...news] }, voidBefore);
    if (sameBytes && news.length === 0) return outcome({ kind: 'same' }, voidBefore);
    const linked = sameBytes || (fields.has(8) && same(bytesAt(fields, 8, 32), sha256(before.bytes)));
    return outcome({ kind: 'orderly', linked, news: sameBytes ? news : ['rotated', ...news] }, voidBefore);
  });
}

function outcome(what: object, voidBefore: number): object {
  return voidBefore > 0 ? { ...what, voidBefore } : what;
}

function newsOf(before: Seen, next: Seen): readonly string[] {
  const turned = (name: 'escrow' | 'bridged'): readonly string[] =>
    before[name] === next[name] ? [] : [`${name}_${next[name] ? 'began' : 'ended'}`];
  const moved = ['moved_to', 'moved_from'].filter(
    (_, way) => next.moves[way] !== undefined && next.moves[way] !== before.moves[way],
  );
  const drops = next.voidBefore > before.voidBefore ? ['drops_void'] : [];
  return [...drops, ...turned('escrow'), ...turned('bridged'), ...moved];
}

/** Whether two signed records name each other. */
export function movesAgree(old: Bytes, oldAddress: string, next: Bytes, nextAddress: string): boolean {
  return names(old, 12, next, nextAddress) && names(next, 13, old, oldAddress);
}

function names(from: Bytes, label: number, to: Bytes, address: string): boolean {
  const move = decodeFields(readSigned(from).payload).get(label) as [string, string, Bytes] | undefined;
  if (move === undefined) return false;
  const there = decodeFields(readSigned(to).payload);
  const known = [sha256(to), ...(there.has(8) ? [bytesAt(there, 8, 32)] : [])];
  return move[0] === textAt(there, 1) && move[1] === address && known.some((hash) => same(hash, move[2]));
}

export function words(fingerprint: Bytes): string {
  const bits = [...fingerprint].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return [...bits.matchAll(/.{11}/g)]
    .slice(0, 12)
    .map(([word]) => wordlist[Number.parseInt(word, 2)])
    .join(' ');
}

export function digits(fingerprint: Bytes): string {
  const view = Buffer.from(fingerprint);
  const group = (at: number): string => String(view.readUInt32BE(at) % 100_000).padStart(5, '0');
  return [0, 4, 8, 12, 16, 20, 24, 28].map(group).join(' ');
}

/** The form of what was typed. Throws `fingerprint_mismatch`. */
export function compare(typed: string, fingerprint: Bytes): string {
  const text = typed.trim().replace(/^id:/, '');
  if (text === base64url(fingerprint)) return 'whole';
  if (text.toLowerCase().replace(/\s+/g, ' ') === words(fingerprint)) return 'words';
  refuse(text.replace(/[\s-]/g, '') !== digits(fingerprint).replaceAll(' ', ''), 'fingerprint_mismatch');
  return 'digits';
}
