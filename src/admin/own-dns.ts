/** What DNS shows of a domain of ours, as strangers get to see it. */
import { setTimeout } from 'node:timers/promises';
import { constantTimeEqual } from '../crypto/secret.ts';
import type { Discover } from '../dns/discover.ts';

/**
 * `validated`: native, with our key, vouched for by DNSSEC; `published`: the same, not vouched for; `differs`: the TXT record names
 * another key; `missing`: not native; `unknown`: DNS gives no answer, or none that can be used.
 */
export type OwnDns = 'validated' | 'published' | 'differs' | 'missing' | 'unknown';

/** Does not throw, and does not take long. */
export type LookAtOwnDns = (domain: string, fingerprint: Uint8Array) => Promise<OwnDns>;

/** Somebody waits for the list of domains. */
const longestMs = 3000;

export function createOwnDns(discover: Pick<Discover, 'discoverDomain'>, waitMs = longestMs): LookAtOwnDns {
  async function look(domain: string, fingerprint: Uint8Array): Promise<OwnDns> {
    const found = await discover.discoverDomain(domain);
    if (found.kind === 'later') return 'unknown';
    if (found.kind !== 'native') return 'missing';
    if (!found.fingerprints.some((known) => constantTimeEqual(known, fingerprint))) return 'differs';
    return found.dnssec ? 'validated' : 'published';
  }

  return async (domain, fingerprint) => {
    const tired = new AbortController();
    const tooLate = setTimeout(waitMs, 'unknown' as const, { signal: tired.signal });
    try {
      return await Promise.race([look(domain, fingerprint), tooLate.catch(() => 'unknown' as const)]);
    } finally {
      tired.abort();
    }
  };
}
