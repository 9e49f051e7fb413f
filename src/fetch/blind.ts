/**
 * Handing out what was pulled, to whoever owns the drop: wire-spec/fetch.md section 12.
 *
 * 1. rate      one network may ask so often
 * 2. time      a stale request is refused
 * 3. key       the own poll key that the request names
 * 4. proof     one X25519, good or bad
 * 5. look up   under the recipient hash, for bad proofs too: they are answered as what is not there, in the same time
 */
import type { Clock } from '../clock.ts';
import type { Secret } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { recipientHash } from '../message/drops.ts';
import { checkPollTime, verifyBlindProof } from '../message/poll-proof.ts';
import { createRate, networkOf, type RateLimit } from '../rate.ts';
import type { BlobStore } from '../store/api/blobs.ts';
import type { CopyStore } from '../store/api/copies.ts';
import type { BlindRequest } from '../wire/blind.ts';
import { messageObject } from '../wire/message.ts';
import { encode } from '../wire/schema.ts';

/** A copy, for its recipient. */
export interface ReadableCopy {
  /** The encoded message-object. */
  readonly object: Uint8Array;
  readonly size: number;
  readonly hash: Uint8Array;
  /** The payload's bytes from `start` to its end. Throws `range_invalid`. */
  open(start: number): AsyncIterable<Uint8Array>;
}

export interface ReadCopyParts {
  /** The private poll key (active or retired) with this id. Throws `key_unknown` or `key_not_active`. */
  readonly pollKey: (domain: string, keyId: Uint8Array) => Secret;
  readonly copies: Pick<CopyStore, 'get'>;
  readonly blobs: Pick<BlobStore, 'read'>;
  readonly rate?: RateLimit;
  readonly clock: Clock;
}

/**
 * undefined for what is not there, whatever the reason. `source`: the address that asks. Throws `rate_limited`, `proof_stale`, `key_unknown`,
 * `key_not_active`.
 */
export type ReadCopy = (
  domain: string,
  request: BlindRequest,
  source: string,
) => Promise<ReadableCopy | undefined>;

/** As for polls. */
const defaultRate: RateLimit = { perSecond: 20, burst: 400 };

export function createReadCopy(parts: ReadCopyParts): ReadCopy {
  const { pollKey, copies, blobs, rate = defaultRate, clock } = parts;
  const mayAsk = createRate(rate, clock);

  return async (domain, { time, nonce, keyId, entry }, source) => {
    if (!mayAsk(networkOf(source)))
      throw new BeckonError('rate_limited', 'too many requests of this network');
    checkPollTime(time, clock.seconds());
    const proven = verifyBlindProof(pollKey(domain, keyId), { domain, keyId, time, nonce }, entry);
    const hash = recipientHash(entry.pollKey, domain);
    const copy = await copies.get({
      domain,
      recipientHash: hash,
      sender: entry.sender,
      messageId: entry.id,
    });
    if (!proven || copy === undefined) return undefined;
    const { header, envelope, payload } = copy;
    return {
      object: encode(messageObject, { header, envelope }),
      size: payload.size,
      hash: payload.hash,
      open: (start) => blobs.read(payload, start, payload.size),
    };
  };
}
