/** Domain names in their one canonical form, wire-spec/discovery.md section 1. */
import { toASCII } from 'tr46';
import { BeckonError } from '../errors.ts';

/** So that `_beckon._tcp.` in front still fits into 253 octets. */
export const maxDomainLength = 240;

/** Longer input is not mapped at all: Punycode takes quadratic time. */
const maxTypedLength = 1024;
const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
/** A label with hyphens where A-labels have them. */
const marked = /(?:^|\.)..--/;
const canonical = new RegExp(`^${label}(?:\\.${label})*\\.(?![0-9]+$)${label}$`);

/**
 * The canonical form of a domain name as a person may type it: A-labels, lower case, no final dot (UTS 46,
 * non-transitional). Throws `domain_invalid`; IP addresses and single labels are not domains.
 */
export function canonicalDomain(name: string): string {
  const typed = name.replace(/\.$/, '');
  if (isPlain(typed)) return typed;
  const ascii = toALabels(typed);
  if (ascii === null || !isCanonicalForm(ascii))
    throw new BeckonError('domain_invalid', 'not a valid domain name');
  return ascii;
}

function toALabels(name: string): string | null {
  if (name.length > maxTypedLength) return null;
  return toASCII(name, {
    checkBidi: true,
    checkHyphens: true,
    checkJoiners: true,
    transitionalProcessing: false,
    useSTD3ASCIIRules: true,
    verifyDNSLength: true,
  });
}

/** Most names: nothing of them is mapped, and mapping costs ten times the look. */
function isPlain(name: string): boolean {
  return isCanonicalForm(name) && !marked.test(name);
}

function isCanonicalForm(name: string): boolean {
  return name.length <= maxDomainLength && canonical.test(name);
}

/** Throws `domain_invalid` unless the name is canonical already: what comes over the wire must be. */
export function checkDomain(name: string): void {
  if (!isPlain(name) && (!isCanonicalForm(name) || toALabels(name) !== name))
    throw new BeckonError('domain_invalid', 'not a canonical domain name');
}

/** The TLS name, Host and signed authority of a domain. */
export function authorityOf(domain: string): string {
  return `beckon.${domain}`;
}
