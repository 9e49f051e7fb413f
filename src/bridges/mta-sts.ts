/**
 * What a mail domain demands of who delivers to it, wire-spec/bridges.md section 3: MTA-STS (RFC 8461).
 *
 *  1. the id in DNS; the same as before: the policy that is kept, until its end
 *  2. another one, none kept, or a day later: the file, kept from now on
 *  3. whatever fails on the way: what is kept stands until its end, so that nobody who stands between makes it vanish
 */
import { parsePolicy, resolvePolicy, validateMx } from 'mailauth/lib/mta-sts.js';
import type { Clock } from '../clock.ts';
import type { DirectoryCache } from '../directory/cache.ts';
import type { Lookup, Resolver } from '../dns/resolver.ts';
import type { FetchPolicyFile } from '../outbound/policy-file.ts';

export interface MailPolicy {
  /** Whether mail goes only to servers that it names, under a valid certificate. */
  readonly enforced: boolean;
  admits(host: string): boolean;
}

/** The policy of a mail domain; undefined where it has none. Does not throw. */
export type MailPolicyOf = (domain: string) => Promise<MailPolicy | undefined>;

export interface MtaStsParts {
  readonly resolver: Pick<Resolver, 'txt'>;
  readonly fetchFile: FetchPolicyFile;
  /** Outlives restarts. */
  readonly cache: DirectoryCache;
  readonly clock: Clock;
}

interface Kept {
  readonly id: string;
  readonly text: string;
  /** When it was read, unix seconds. */
  readonly read: number;
}

/** A policy that stays the same is read again after this: its end moves on. */
const renewalSeconds = 86_400;

export function createMailPolicies({ resolver, fetchFile, cache, clock }: MtaStsParts): MailPolicyOf {
  async function current(domain: string): Promise<Kept | undefined> {
    const kept = await keptFor(domain);
    const id = await policyId(resolver, domain);
    if (id === undefined || (kept?.id === id && clock.seconds() < kept.read + renewalSeconds)) return kept;
    const text = await fetchFile(domain).catch(() => undefined);
    if (text === undefined || !isPolicy(text)) return kept;
    const fresh = { id, text, read: clock.seconds() };
    await cache.put(keyOf(domain), new TextEncoder().encode(JSON.stringify(fresh)));
    return fresh;
  }

  async function keptFor(domain: string): Promise<Kept | undefined> {
    const bytes = await cache.get(keyOf(domain));
    if (bytes === undefined) return undefined;
    const kept = JSON.parse(new TextDecoder().decode(bytes)) as Kept;
    const { maxAge = 0 } = parsePolicy(kept.text);
    if (clock.seconds() < kept.read + maxAge) return kept;
    await cache.delete(keyOf(domain));
    return undefined;
  }

  return async (domain) => {
    const kept = await current(domain);
    if (kept === undefined) return undefined;
    const policy = parsePolicy(kept.text);
    return {
      enforced: policy.mode === 'enforce',
      admits: (host) => validateMx(host, policy).valid,
    };
  };
}

function keyOf(domain: string): string {
  return `mta-sts ${domain}`;
}

function isPolicy(text: string): boolean {
  try {
    parsePolicy(text);
    return true;
  } catch {
    return false;
  }
}

/** The policy's id in DNS; undefined where there is none, or none can be had. */
async function policyId(resolver: Pick<Resolver, 'txt'>, domain: string): Promise<string | undefined> {
  try {
    const id = await resolvePolicy(domain, {
      resolver: async (name: string) => recordsOf(await resolver.txt(name)),
    });
    return id === false ? undefined : id;
  } catch {
    return undefined;
  }
}

/** As the library expects DNS: an error with a code where there is nothing. */
function recordsOf(lookup: Lookup<string>): string[][] {
  if (lookup.kind === 'found') return lookup.records.map((text) => [text]);
  const code = lookup.kind === 'absent' ? 'ENODATA' : 'ESERVFAIL';
  throw Object.assign(new Error('no such record'), { code });
}
