/** What a client remembers of messages that were received. */
import type { BridgedMail } from './mail-api.ts';
import type { Text64 } from './state-drops.ts';

/**
 * What a received message is called here: poll key of its drop and message id (`receivedKey` in `reduce.ts`). The id alone would let
 * whoever learns it announce it first, over a drop of their own, and shadow the real one.
 */
export type ReceivedKey = string;

/** `waiting`: only the ref is known. `opened`: header and envelope verified. `accepted`: the payload is here. */
export type ReceivedStatus =
  'waiting' | 'opened' | 'accepted' | 'withdrawn' | 'expired' | 'refused' | 'ignored';

export interface OpenedMessage {
  readonly sender: string;
  readonly author: string;
  /** The alias that it was written to. Absent: the user's address. */
  readonly to?: string;
  /** Author and envelope sender differ and no audience explains it. */
  readonly forwarded: boolean;
  readonly letterId: Text64;
  readonly parents: readonly Text64[];
  readonly retracts?: Text64;
  readonly created: number;
  readonly mediaType: string;
  readonly fileName?: string;
  readonly tag?: string;
  /** Its sender says that a cover lists it (`belonging.ts`). */
  readonly part?: true;
  readonly length: number;
  readonly plaintextHash: Text64;
  readonly payloadSize: number;
  readonly payloadHash: Text64;
  /** Erased once the message ended, unless its payload is kept at the own domain. */
  readonly contentKey?: Text64;
  /** Erased once the message ended and the sender's domain knows. */
  readonly acceptToken?: Text64;
  /** What this cover lists. */
  readonly parts?: readonly ListedPart[];
  /** How it came by mail, in the words of its domain's bridge. */
  readonly mail?: BridgedMail;
}

/** A message that a cover lists. */
export interface ListedPart {
  readonly id: Text64;
  readonly expires: number;
  readonly mediaType: string;
  /** Of the plaintext, in bytes. */
  readonly length: number;
  readonly fileName?: string;
}

export interface Received {
  /** What the user calls it on this device: counted from 1, never used twice. */
  readonly number: number;
  readonly id: Text64;
  readonly pollKey: Text64;
  readonly senderDomain: string;
  readonly expires: number;
  readonly firstSeen: number;
  readonly sizeClass: number;
  readonly status: ReceivedStatus;
  /** Why it was refused: a stable error code. */
  readonly refusal?: string;
  /** This device's alone: why it could not be opened yet, a stable error code; it is tried again. */
  readonly held?: string;
  /** Until when it is not shown, since the user put it off, and when they said so. */
  readonly deferred?: { readonly until: number; readonly at: number };
  /** This device's alone: a part that waited long enough for its cover; from then on it is a message by itself. */
  readonly alone?: true;
  /** Until when the own domain has a copy that it pulled. */
  readonly blind?: number;
  readonly opened?: OpenedMessage;
  /** Whether the own domain keeps the payload of what was accepted, or no more. */
  readonly kept?: 'kept' | 'gone';
  /** When that ends. */
  readonly keptUntil?: number;
}
