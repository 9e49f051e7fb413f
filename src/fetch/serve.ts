/**
 * Serving what waits here for others: id -> bytes, wire-spec/fetch.md section 6.
 *
 * 1. hash the id: the tables know messages by their hash only
 * 2. read the live message, of this domain (an id that is dead for any reason ends here, alike)
 * 3. an allowance, of the message and of its domain: only what lives is refused as asked for too often
 * 4. note the fetch of a header, without which no payload can be read, before a byte leaves: a retraction must know of it
 * 5. hand out header and envelope, or the payload as a stream
 * 6. after the last byte: the message counts as fetched; the first time its destination earns credit
 */
import type { Clock } from '../clock.ts';
import { sha256 } from '../crypto/kdf.ts';
import { codeOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { BlobStore } from '../store/api/blobs.ts';
import type { EventStore } from '../store/api/events.ts';
import type { LivePayload, TransitStore } from '../store/api/transit.ts';
import { messageObject } from '../wire/message.ts';
import { encode } from '../wire/schema.ts';
import type { FetchAllowance } from './allowance.ts';

/** A payload that may be read now. */
export interface ServedPayload {
  readonly size: number;
  readonly hash: Uint8Array;
  /** Throws `rate_limited`. */
  open(start: number, end: number): AsyncIterable<Uint8Array>;
  /** The same bytes at once, where they are few; else undefined. */
  atOnce(start: number, end: number): Uint8Array | undefined;
  /** To be called once the last byte was handed to the network. */
  fetched(): void;
}

export interface Serve {
  /** The encoded message-object; undefined where the id is dead or belongs to another domain. Throws `rate_limited`. */
  readMessage(domain: string, id: Uint8Array): Promise<Uint8Array | undefined>;
  readPayload(domain: string, id: Uint8Array): Promise<ServedPayload | undefined>;
}

export interface ServeParts {
  readonly transit: TransitStore;
  readonly blobs: BlobStore;
  readonly events: EventStore;
  readonly allowance: FetchAllowance;
  /** The first complete fetch of a message by that domain's user: one more datagram may go there. */
  readonly earnCredit: (destination: string) => void;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
}

export function createServe(parts: ServeParts): Serve {
  const { transit, blobs, events, allowance, earnCredit, clock, metrics, log } = parts;

  async function noteComplete(idHash: Uint8Array, message: LivePayload): Promise<void> {
    const at = clock.seconds();
    const outcome = message.fetched ? 'again' : await transit.recordFetch(idHash, 'payload', at);
    if (outcome === undefined) return;
    metrics.fetches.inc();
    // Whoever has the id may fetch without end: that must not wear the disk, pay for datagrams or fill the ring of events.
    if (outcome === 'again') return;
    earnCredit(message.destination);
    await events.add([
      { handle: message.traceHandle, time: at, kind: 'fetched', counterpart: message.destination },
    ]);
  }

  return {
    async readMessage(domain, id) {
      const idHash = sha256(id);
      const message = await transit.read(idHash);
      if (message?.owner.domain !== domain) return undefined;
      const { header, envelope, blob } = message;
      const limits = await allowance.limitsOf(domain);
      allowance.takeMessage({ domain, idHash, size: blob.size }, header.length + envelope.length, limits);
      if ((await transit.recordFetch(idHash, 'header', clock.seconds())) === undefined) return undefined;
      return encode(messageObject, { header, envelope });
    },

    async readPayload(domain, id) {
      const idHash = sha256(id);
      const message = await transit.readPayload(idHash);
      if (message?.owner.domain !== domain) return undefined;
      const limits = await allowance.limitsOf(domain);
      const of = { domain, idHash, size: message.blob.size };
      return {
        size: message.blob.size,
        hash: message.blob.hash,
        open(start, end) {
          const bytes = blobs.read(message.blob, start, end);
          allowance.takePayload(of, end - start, limits);
          return bytes;
        },
        atOnce(start, end) {
          const bytes = blobs.readAtOnce(message.blob, start, end);
          if (bytes !== undefined) allowance.takePayload(of, bytes.length, limits);
          return bytes;
        },
        fetched() {
          noteComplete(idHash, message).catch((error: unknown) =>
            log.error('fetch.not_noted', { code: codeOf(error) }),
          );
        },
      };
    },
  };
}
