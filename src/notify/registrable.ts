/** Whom quotas, budgets and look-ups are counted against: the registrable domain, by the public suffix list. */
import { getDomain } from 'tldts';

/** Every notification asks, mostly for the same senders. */
const known = new Map<string, string>();
const maxKnown = 10_000;

/** The registrable domain of a canonical domain, private suffixes included; the domain itself where there is none. */
export function registrableDomain(domain: string): string {
  const remembered = known.get(domain);
  if (remembered !== undefined) return remembered;
  const found = getDomain(domain, { allowPrivateDomains: true, validateHostname: false }) ?? domain;
  if (known.size >= maxKnown) known.clear();
  known.set(domain, found);
  return found;
}
