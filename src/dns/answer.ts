/**
 * What one DNS packet says about one question. Pure, and suspicious: whatever is not plainly an answer proves nothing
 * (wire-spec/discovery.md section 3).
 *
 *  1. is it an answer to our question at all: id, response, question
 *  2. whole and well-formed, and not an error
 *  3. aliases followed inside the answer
 *  4. records found; or absent, where the answer comes from a server that can know
 */
import { decode } from 'dns-packet';
import type { Answer, DecodedPacket } from 'dns-packet';
import { plainName } from './record.ts';

export type RecordType = 'SRV' | 'TXT' | 'MX' | 'A' | 'AAAA' | 'PTR' | 'TLSA';

export interface Question {
  /** Lower case, no final dot. */
  readonly name: string;
  readonly type: RecordType;
}

export type LaterReason =
  'timeout' | 'servfail' | 'refused' | 'malformed' | 'lame' | 'alias_loop' | 'unreachable' | 'failed';

/**
 * What one look-up gave. Only an answer "no such name" or "no such record" is `absent`; a timeout, a server failure, a
 * refusal or a broken answer is `later` and proves nothing. `dnssec`: a validating resolver vouches for it, for the chain of
 * aliases and for the absence alike.
 */
export type Lookup<T> =
  | { kind: 'found'; records: T[]; dnssec: boolean }
  | { kind: 'absent'; reason: 'nxdomain' | 'nodata'; dnssec: boolean }
  | { kind: 'later'; reason: LaterReason };

/** `other`: an answer to something else, or none. `without_edns`: the server does not understand extended questions. */
export type Reply = Lookup<Answer> | { kind: 'other' } | { kind: 'truncated' } | { kind: 'without_edns' };

const noError = 0;
const formatError = 1;
const nxDomain = 3;
const maxAliases = 16;
/** What we ask for needs far less; in a larger packet, compressed names can be made to cost half a second. */
const maxBytes = 16_384;

const later = (reason: LaterReason): { kind: 'later'; reason: LaterReason } => ({ kind: 'later', reason });

/** @param id of the query that was sent */
export function readAnswer(bytes: Buffer, id: number, question: Question): Reply {
  if (bytes.length < 12 || bytes.readUInt16BE(0) !== id || (bytes[2]! & 0x80) === 0) return { kind: 'other' };
  const packet = bytes.length > maxBytes ? null : decoded(bytes);
  if (packet === null) return later('malformed');
  const rcode = (bytes[3]! & 0x0f) | (extendedRcode(packet) << 4);
  // Who cannot read the question cannot repeat it.
  if (rcode === formatError && packet.questions?.length === 0) return { kind: 'without_edns' };
  if (!isTo(packet, question)) return { kind: 'other' };
  if (packet.flag_tc) return { kind: 'truncated' };
  if (rcode === formatError) return { kind: 'without_edns' };
  if (rcode !== noError && rcode !== nxDomain) return later(failures.get(rcode) ?? 'failed');
  return judge(packet, rcode, question);
}

const failures = new Map<number, LaterReason>([
  [2, 'servfail'],
  [4, 'refused'],
  [5, 'refused'],
]);

/** Null for anything that is not one whole packet. */
function decoded(bytes: Buffer): DecodedPacket | null {
  try {
    const packet = decode(bytes);
    return decode.bytes === bytes.length ? packet : null;
  } catch {
    return null;
  }
}

/** The upper bits of a response code stand in the OPT record (RFC 6891 section 6.1.3). */
function extendedRcode({ additionals = [] }: DecodedPacket): number {
  const opt = additionals.find((record) => record.type === 'OPT');
  return opt?.extendedRcode ?? 0;
}

function isTo({ questions = [] }: DecodedPacket, { name, type }: Question): boolean {
  const [only] = questions;
  return (
    questions.length === 1 &&
    only !== undefined &&
    plainName(only.name) === name &&
    only.type === type &&
    only.class === 'IN'
  );
}

function judge(packet: DecodedPacket, rcode: number, question: Question): Lookup<Answer> {
  const answers = (packet.answers ?? []).filter((record) => 'class' in record && record.class === 'IN');
  const name = endOfAliases(answers, question.name);
  if (name === null) return later('alias_loop');
  const dnssec = packet.flag_ad;
  const records = answers.filter(
    (record) => record.type === question.type && plainName(record.name) === name,
  );
  if (records.length > 0) return rcode === noError ? { kind: 'found', records, dnssec } : later('malformed');
  // What was asked for, but of somebody else: whoever answers so does not say that there is none.
  if (answers.some(({ type }) => type === question.type)) return later('malformed');
  const doubt = whyNotAbsent(packet, name, name !== question.name);
  if (doubt !== null) return later(doubt);
  return { kind: 'absent', reason: rcode === nxDomain ? 'nxdomain' : 'nodata', dnssec };
}

/** The name at the end of the chain; null where it has none. */
function endOfAliases(answers: readonly Answer[], start: string): string | null {
  let name = start;
  for (let hops = 0; hops <= maxAliases; hops++) {
    const alias = answers.find((record) => record.type === 'CNAME' && plainName(record.name) === name);
    if (alias?.type !== 'CNAME') return name;
    name = plainName(alias.data);
  }
  return null;
}

/**
 * An empty answer is absence where a recursive server gives it, or one with authority for the name; a SOA record that is there
 * must be of a zone that the name is in (RFC 2308 section 2). A referral only says whom else to ask.
 */
function whyNotAbsent(packet: DecodedPacket, name: string, aliased: boolean): 'malformed' | 'lame' | null {
  const authorities = packet.authorities ?? [];
  const zones = authorities.filter(({ type }) => type === 'SOA').map((record) => plainName(record.name));
  if (zones.length > 0 && !zones.some((zone) => isInside(name, zone))) return 'malformed';
  if (packet.flag_ra)
    return zones.length === 0 && authorities.some(({ type }) => type === 'NS') ? 'lame' : null;
  return packet.flag_aa && (zones.length > 0 || !aliased) ? null : 'lame';
}

function isInside(name: string, zone: string): boolean {
  return zone === '' || name === zone || name.endsWith(`.${zone}`);
}
