/** Token buckets with a bounded memory, and who shares one: one policy, for datagrams, look-ups and polls. */
import type { Clock } from './clock.ts';

export interface RateLimit {
  /** Tokens added each second. */
  readonly perSecond: number;
  /** Most tokens at once. */
  readonly burst: number;
}

/**
 * True where `key` may go on, for one token or for `cost`; each key has a bucket of its own, and the oldest is forgotten beyond
 * `maxKeys`.
 */
export type Rate = (key: string, cost?: number) => boolean;

interface Bucket {
  tokens: number;
  at: number;
}

export function createRate(limit: RateLimit, clock: Clock, maxKeys = 10_000): Rate {
  const buckets = new Map<string, Bucket>();

  function refill(bucket: Bucket, now: number): void {
    bucket.tokens = Math.min(limit.burst, bucket.tokens + ((now - bucket.at) / 1000) * limit.perSecond);
    bucket.at = now;
  }

  function open(key: string, now: number): Bucket {
    const bucket = { tokens: limit.burst, at: now };
    buckets.set(key, bucket);
    if (buckets.size > maxKeys) {
      const oldest = buckets.keys().next();
      if (!oldest.done) buckets.delete(oldest.value);
    }
    return bucket;
  }

  return (key, cost = 1) => {
    const now = clock.monotonic();
    const known = buckets.get(key);
    if (known !== undefined) refill(known, now);
    const bucket = known ?? open(key, now);
    if (bucket.tokens < cost) return false;
    bucket.tokens -= cost;
    return true;
  };
}

/** The network that shares one allowance: what a single sender can easily get more addresses of. */
export function networkOf(source: string): string {
  const mapped = source.startsWith('::ffff:') && source.includes('.') ? source.slice(7) : source;
  if (mapped.includes('.')) return mapped.split('.', 3).join('.');
  return expandGroups(mapped).slice(0, 3).join(':');
}

function expandGroups(address: string): readonly string[] {
  const [head = '', tail] = address.split('%', 1).join('').split('::', 2);
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  return [...first, ...Array<string>(Math.max(0, 8 - first.length - last.length)).fill('0'), ...last];
}
