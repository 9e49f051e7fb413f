/** What the tables share. Nothing here or in this folder names an engine: another one must be able to implement it. */

/** Who sent: a domain of ours and the address hash of its user. */
export interface Owner {
  readonly domain: string;
  /** Address hash, 32 bytes. */
  readonly user: Uint8Array;
}

/** Where a listing goes on: opaque, 1 to 64 bytes; fit to be handed to a client. One that is none: `request_invalid`. */
export type Cursor = Uint8Array;

export interface PageRequest {
  /** Goes on behind this place; from the start without it. */
  readonly after?: Cursor | undefined;
  readonly limit: number;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Present when there may be more. */
  readonly next?: Cursor;
}

/** What one step of a round through a table did. */
export interface Swept {
  readonly removed: number;
  /** At the end of the table: the next step begins anew. Few that were removed may only mean that few were old. */
  readonly ended: boolean;
}

/** Ends a subscription. */
export type Unsubscribe = () => void;
