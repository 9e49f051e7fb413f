/**
 * What can be checked of a mail: SPF, DKIM, DMARC and ARC (RFC 7208, 6376, 7489, 8617), wire-spec/bridges.md section 4. Evidence, not
 * truth.
 *
 *  1. a mail with more signatures than anybody needs is not checked at all
 *  2. the look-ups go through our resolver, so many for one mail and no longer than so long; what cannot be found out is
 *     `temperror`, never "there is none"
 *  3. without the client's address, as from an MTA that does not tell it, SPF is left out, and DMARC unless a signature alone passes
 */
import { authenticate, type AuthenticateResult } from 'mailauth';
import type { Clock } from '../clock.ts';
import { isHostName } from '../dns/record.ts';
import type { Lookup, Resolver } from '../dns/resolver.ts';
import type { MailVerdict, MailVerdicts } from '../wire/mail.ts';
import type { MailHeader } from './mail-header.ts';

export interface MailToCheck {
  readonly bytes: Uint8Array;
  readonly header: MailHeader;
  /** "" for reports: then the name in HELO is checked. */
  readonly reversePath: string;
  readonly helo: string;
  /** Of the client; absent where it is not known. */
  readonly address?: string;
}

export interface Checked {
  readonly verdicts: MailVerdicts;
  /** What the domain in `From` asks for where DMARC fails; absent where it asks for nothing. */
  readonly asked?: 'none' | 'quarantine' | 'reject';
}

/** Never throws: what cannot be checked is a finding. */
export type CheckMail = (mail: MailToCheck) => Promise<Checked>;

export type MailResolver = Pick<Resolver, 'txt' | 'mx' | 'ipv4' | 'ipv6' | 'ptr'>;

/** Of one mail: SPF takes up to ten by itself, a signature one each, DMARC a few. */
const limits = { lookups: 60, milliseconds: 20_000, signatures: 12, seals: 20 };

/** What answers of DNS are used again, and for how long: mails of one sender come together. Seconds. */
const remembered = { answers: 5000, seconds: 60 };

export function createCheckMail(parts: {
  readonly resolver: MailResolver;
  /** Our authserv-id. */
  readonly host: string;
  readonly clock: Clock;
}): CheckMail {
  const resolve = createRemembering(parts.resolver, parts.clock);
  return async ({ bytes, header, reversePath, helo, address }) => {
    if (tooManySignatures(header)) return { verdicts: { dkim: { result: 'permerror' } } };
    try {
      const found = await authenticate(toRead(bytes, header), {
        sender: reversePath,
        helo,
        ...(address === undefined ? {} : { ip: address }),
        mta: parts.host,
        resolver: bounded(resolve, parts.clock),
        disableBimi: true,
        rejectRsaSha1: true,
      });
      return checkedOf(found, address !== undefined);
    } catch {
      return { verdicts: { dmarc: { result: 'temperror' } } };
    }
  };
}

/** The body counts for signatures alone: where the header has none, and no seal, it is not read. */
function toRead(bytes: Uint8Array, { fields, end }: MailHeader): Buffer {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const section = all.subarray(0, end);
  // Whatever somebody may take for the name of such a field.
  const isSigned = /dkim-signature|arc-/i.test(section.toString('latin1'));
  return isSigned || fields.length === 0 ? all : all.subarray(0, end + emptyLine);
}

const emptyLine = 2;

function tooManySignatures({ fields }: MailHeader): boolean {
  const count = (name: string) => fields.filter((field) => field.name === name).length;
  return count('dkim-signature') > limits.signatures || count('arc-seal') > limits.seals;
}

function checkedOf(found: AuthenticateResult, addressKnown: boolean): Checked {
  const { spf, arc } = found;
  const dmarc = dmarcOf(found);
  const verdicts = {
    ...(addressKnown && spf !== false ? { spf: verdict(spf.status.result, spf.domain) } : {}),
    dkim: dkimOf(found),
    ...(addressKnown || dmarc.result === 'pass' ? { dmarc } : {}),
    ...(arc === false || arc.status.result === 'none'
      ? {}
      : { arc: verdict(arc.status.result, (arc.signature || undefined)?.signingDomain) }),
  };
  const asked = found.dmarc === false ? undefined : policies.find((one) => one === policyOf(found));
  return { verdicts, ...(asked === undefined ? {} : { asked }) };
}

const policies = ['none', 'quarantine', 'reject'] as const;

function policyOf({ dmarc }: AuthenticateResult): string | undefined {
  return dmarc === false ? undefined : dmarc.policy;
}

/** Who names several authors, or none, cannot be held to anything. */
function dmarcOf({ dmarc }: AuthenticateResult): MailVerdict {
  if (dmarc === false) return { result: 'permerror' };
  return verdict(dmarc.status.result, dmarc.status.header?.from);
}

const standing = ['pass', 'temperror', 'fail', 'policy', 'neutral', 'permerror', 'none'];

/** Of several signatures the one that says most: aligned with `From`, then passing, then what failed. */
function dkimOf({ dkim }: AuthenticateResult): MailVerdict {
  const results = dkim.results.map((one) => ({
    // The library calls a body that does not match neutral.
    result:
      one.status.result === 'neutral' && one.bodyHash !== one.bodyHashExpecting ? 'fail' : one.status.result,
    domain: one.signingDomain,
    aligned: typeof one.status.aligned === 'string',
  }));
  const rank = (one: (typeof results)[number]) => standing.indexOf(one.result) - (one.aligned ? 0.5 : 0);
  const [best] = results.toSorted((a, b) => rank(a) - rank(b));
  return best === undefined ? { result: 'none' } : verdict(best.result, best.domain);
}

function verdict(result: string, domain: string | undefined): MailVerdict {
  const named = domain?.toLowerCase();
  return named !== undefined && isHostName(named) ? { result, domain: named } : { result };
}

type Resolve = (name: string, type: string) => Promise<string[][] | string[]>;
type LookedUp = Lookup<string[] | string>;

/** Our resolver, by the names of types; what is certain is remembered for a while. */
function createRemembering(
  resolver: MailResolver,
  clock: Clock,
): (name: string, type: string) => Promise<LookedUp> {
  const known = new Map<string, { readonly answer: Promise<LookedUp>; readonly until: number }>();
  return async (name, type) => {
    const question = `${type} ${name}`;
    const now = clock.monotonic() / 1000;
    const before = known.get(question);
    if (before !== undefined && before.until > now) return await before.answer;
    const answer = lookUp(resolver, name, type);
    if (known.size >= remembered.answers) known.clear();
    known.set(question, { answer, until: now + remembered.seconds });
    const found = await answer;
    if (found.kind === 'later' && known.get(question)?.answer === answer) known.delete(question);
    return found;
  };
}

async function lookUp(resolver: MailResolver, name: string, type: string): Promise<LookedUp> {
  switch (type) {
    case 'TXT':
      return mapped(await resolver.txt(name), (text) => [text]);
    case 'A':
      return await resolver.ipv4(name);
    case 'AAAA':
      return await resolver.ipv6(name);
    case 'PTR':
      return await resolver.ptr(name);
    case 'MX':
      // The library's types know texts only; its code takes records of MX.
      return mapped(await resolver.mx(name), (mx) => mx as unknown as string);
    default:
      return { kind: 'absent', reason: 'nodata', dnssec: false };
  }
}

function mapped<T, R>(lookup: Lookup<T>, read: (record: T) => R): Lookup<R> {
  return lookup.kind === 'found' ? { ...lookup, records: lookup.records.map(read) } : lookup;
}

/** As the library wants one, for one mail. */
function bounded(resolve: (name: string, type: string) => Promise<LookedUp>, clock: Clock): Resolve {
  const deadline = clock.monotonic() + limits.milliseconds;
  let left = limits.lookups;
  return async (typed, type) => {
    const name = typed.toLowerCase().replace(/\.$/, '');
    if (!isHostName(name)) throw dnsError('ENOTFOUND');
    if (left-- <= 0 || clock.monotonic() > deadline) throw dnsError('ETIMEOUT');
    const found = await resolve(name, type);
    if (found.kind === 'found') return found.records as string[];
    if (found.kind === 'later') throw dnsError('ETIMEOUT');
    throw dnsError(found.reason === 'nxdomain' ? 'ENOTFOUND' : 'ENODATA');
  };
}

/** Without a stack, which costs more than all else here and is read by nobody. */
function dnsError(code: string): Error {
  const depth = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  const error = Object.assign(new Error(code), { code });
  Error.stackTraceLimit = depth;
  return error;
}
