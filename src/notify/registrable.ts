/** Whom quotas, budgets and look-ups are counted against: the registrable domain, by the public suffix list. */
import { getDomain } from 'tldts';

/** The registrable domain of a canonical domain, private suffixes included; the domain itself where there is none. */
export function registrableDomain(domain: string): string {
  return getDomain(domain, { allowPrivateDomains: true, validateHostname: false }) ?? domain;
}
