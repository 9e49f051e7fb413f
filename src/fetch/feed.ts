/** The feed of introductions for the users of a domain, wire-spec/fetch.md section 5. */
import type { Clock } from '../clock.ts';
import { BeckonError } from '../errors.ts';
import type { FeedStore } from '../store/api/feed.ts';
import type { FeedResponse } from '../wire/collect.ts';
import { counts } from '../wire/registry.ts';

export interface FeedQuestion {
  /** A number below 2^k; absent: the whole feed. */
  readonly bucket?: number | undefined;
  readonly after?: Uint8Array | undefined;
}

export interface FeedParts {
  readonly feed: FeedStore;
  /** k of the domain's buckets. */
  readonly bucketBits: (domain: string) => Promise<number>;
  readonly clock: Clock;
}

/** Throws `request_invalid` for a bucket or a cursor that is none. */
export type ReadFeed = (domain: string, question: FeedQuestion) => Promise<FeedResponse>;

/** Entries of one response. */
const pageSize = 256;

export function createReadFeed({ feed, bucketBits, clock }: FeedParts): ReadFeed {
  return async (domain, { bucket, after }) => {
    const bits = bucket === undefined ? 0 : await bucketBits(domain);
    if (bucket !== undefined && bucket >= 2 ** bits)
      throw new BeckonError('request_invalid', 'the domain has no such bucket');
    const { items, next } = await feed.read(domain, {
      after,
      limit: pageSize,
      now: clock.seconds(),
      bits,
      bucket: (bucket ?? 0) << (counts.bucketBits - bits),
    });
    return {
      entries: items.map(({ sender, introduction, firstSeen, expires }) => ({
        sender,
        introduction,
        firstSeen,
        expires,
      })),
      ...(next === undefined ? {} : { next }),
    };
  };
}
