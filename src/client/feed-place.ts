/** Where a client goes on reading the feed, as a query: wire-spec/fetch.md section 5. */
import { bytesToJson } from '../keys/key-file.ts';

/** Where to go on in a bucket, or in all of the feed. */
export interface FeedPlace {
  readonly bucket?: number;
  readonly after?: Uint8Array;
}

/** The query of a place, with its question mark where there is one. */
export function feedQuery({ bucket, after }: FeedPlace): string {
  const query = new URLSearchParams({
    ...(bucket === undefined ? {} : { bucket: String(bucket) }),
    ...(after === undefined ? {} : { after: bytesToJson(after) }),
  }).toString();
  return query === '' ? '' : `?${query}`;
}
