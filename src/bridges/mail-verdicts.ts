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

export function createCheckMail(parts: {
  readonly resolver: MailResolver;
  /** Our authserv-id. */
  readonly host: string;
  readonly clock: Clock;
}): CheckMail {
  return async ({ bytes, header, reversePath, helo, address }) => {
    if (tooManySignatures(header)) return { verdicts: { dkim: { result: 'permerror' } } };
    try {
      const found = await authenticate(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), {
        sender: reversePath,
        helo,
        ...(address === undefined ? {} : { ip: address }),
        mta: parts.host,
        resolver: boundedResolver(parts.resolver, parts.clock),
        disableBimi: true,
        rejectRsaSha1: true,
      });
      return checkedOf(found, address !== undefined);
    } catch {
      return { verdicts: { dmarc: { result: 'temperror' } } };
    }
  };
}

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

/** Our resolver as the library wants one, for one mail. */
function boundedResolver(resolver: MailResolver, clock: Clock): Resolve {
  const deadline = clock.monotonic() + limits.milliseconds;
  let left = limits.lookups;
  return async (typed, type) => {
    const name = typed.toLowerCase().replace(/\.$/, '');
    if (!isHostName(name)) throw dnsError('ENOTFOUND');
    if (left-- <= 0 || clock.monotonic() > deadline) throw dnsError('ETIMEOUT');
    switch (type) {
      case 'TXT':
        return recordsOf(await resolver.txt(name), (text) => [text]);
      case 'A':
        return recordsOf(await resolver.ipv4(name), (address) => address);
      case 'AAAA':
        return recordsOf(await resolver.ipv6(name), (address) => address);
      case 'PTR':
        return recordsOf(await resolver.ptr(name), (host) => host);
      case 'MX':
        // The library's types know texts only; its code takes records of MX.
        return recordsOf(await resolver.mx(name), (mx) => mx as unknown as string);
      default:
        throw dnsError('ENODATA');
    }
  };
}

function recordsOf<T, R>(lookup: Lookup<T>, read: (record: T) => R): R[] {
  if (lookup.kind === 'found') return lookup.records.map(read);
  if (lookup.kind === 'later') throw dnsError('ETIMEOUT');
  throw dnsError(lookup.reason === 'nxdomain' ? 'ENOTFOUND' : 'ENODATA');
}

function dnsError(code: string): Error {
  return Object.assign(new Error(code), { code });
}
