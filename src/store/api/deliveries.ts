/** Messages that the daemon makes itself, as bridges do: nobody reserved their ids. */
import type { Owner } from './terms.ts';
import type { NewMessage, UsageLimits } from './transit.ts';

export interface NewDelivery {
  /** The payload: whole, or as a complete upload of the owner's. */
  readonly source: { readonly payload: Uint8Array } | { readonly upload: Uint8Array };
  /** SHA-256 of the payload. */
  readonly hash: Uint8Array;
  readonly messages: readonly DeliveredMessage[];
}

export interface DeliveredMessage {
  readonly message: NewMessage;
  /** 32 bytes: with the same ones nothing is stored again until `until`. */
  readonly once?: { readonly name: Uint8Array; readonly until: number };
}

export interface DeliveryStore {
  /**
   * Stores messages as `TransitStore.commit` does, without reservations: all or nothing, on disk when it resolves. Those that were stored
   * before (`once`) are left out: gives the trace handle of then for each of them, undefined for the others. Where all were, an upload is
   * given up. Throws as `TransitStore.commit`.
   */
  deliver(
    owner: Owner,
    delivery: NewDelivery,
    limits?: UsageLimits,
  ): Promise<readonly (Uint8Array | undefined)[]>;
  /** Bytes of messages that wait for one recipient, as far as they count for them (`NewMessage.received`). */
  waitingFor(destination: string, recipientHash: Uint8Array): Promise<number>;
  /** The trace handle under a name, while it is known. */
  delivered(name: Uint8Array, now: number): Promise<Uint8Array | undefined>;
  /** Forgets names whose time is over, at most `limit` rows looked at. Gives how many it looked at. */
  expire(now: number, limit: number): Promise<number>;
}
