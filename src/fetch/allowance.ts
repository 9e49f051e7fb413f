/**
 * What fetching may cost, wire-spec/fetch.md section 6: of each message so many times its payload in a day, of each domain so many
 * bytes in a day. Kept in memory: a restart begins anew, and nothing is written for a fetch that is refused.
 */
import type { Clock } from '../clock.ts';
import { BeckonError } from '../errors.ts';
import { createRate } from '../rate.ts';

export interface FetchLimits {
  /** How often a message may be fetched in a day, from when nobody fetched it. */
  readonly fetches: number;
  /** Bytes that a domain serves in a day. */
  readonly egress: number;
}

export interface Fetched {
  readonly domain: string;
  readonly idHash: Uint8Array;
  /** Of the payload. */
  readonly size: number;
}

export interface FetchAllowance {
  /** Header and envelope count as a whole fetch of the message. Throws `rate_limited`. */
  takeMessage(of: Fetched, bytes: number, limits: FetchLimits): void;
  /** So many bytes of the payload, asked for at once. Throws `rate_limited`. */
  takePayload(of: Fetched, bytes: number, limits: FetchLimits): void;
  /** What holds for a domain now. */
  limitsOf(domain: string): Promise<FetchLimits>;
}

const daily = { perSecond: 1 / 86_400, burst: 1 };
/** An answer costs as much, however small the range is. */
const leastBytes = 4096;
/** One message may use this part of what its domain serves: who knows one id must not silence the others. */
const oneMessage = 1 / 4;
/** Whatever the domain serves, this often a message can be fetched: else a large one could never be. */
const leastFetches = 2;
const maxMessages = 50_000;

/** `limits` of a domain that is served here are asked at most once a second: a change counts at once. */
export function createFetchAllowance(
  limits: (domain: string) => Promise<FetchLimits>,
  clock: Clock,
): FetchAllowance {
  const known = new Map<string, { readonly at: number; readonly limits: Promise<FetchLimits> }>();
  const ofMessage = createRate(daily, clock, maxMessages);
  const ofDomain = createRate(daily, clock);

  function take({ domain, idHash }: Fetched, share: number, bytes: number, egress: number): void {
    if (!ofMessage(Buffer.from(idHash).toString('base64'), share))
      throw new BeckonError('rate_limited', 'this message was fetched too often today');
    if (!ofDomain(domain, Math.min(1, bytes / egress)))
      throw new BeckonError('rate_limited', 'this domain has served as much as it does in a day');
  }

  return {
    takeMessage(of, bytes, { fetches, egress }) {
      take(of, 1 / fetches, Math.max(bytes, leastBytes), egress);
    },
    takePayload(of, asked, { fetches, egress }) {
      const whole = Math.max(of.size, leastBytes);
      const most = Math.max(Math.min(fetches * whole, egress * oneMessage), leastFetches * whole);
      const bytes = Math.max(asked, leastBytes);
      take(of, bytes / most, bytes, egress);
    },
    limitsOf(domain) {
      const at = clock.seconds();
      const last = known.get(domain);
      if (last?.at === at) return last.limits;
      const asked = limits(domain);
      known.set(domain, { at, limits: asked });
      return asked;
    },
  };
}
