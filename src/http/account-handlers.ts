/**
 * What the account interface asks of the daemon, wire-spec/account.md: values in, values out. `User` is whatever
 * `authenticate` makes of a request: the routes only hand it on. A BeckonError thrown becomes a problem with its code.
 */
import type { SignedRequest } from './signed-request.ts';
import type { Submission } from '../wire/submission.ts';

export interface AccountHandlers<User> {
  /** Whether this daemon serves the (canonical) domain. */
  serves(domain: string): boolean;
  /** Who signed. Throws `unauthorized`, whatever is wrong. */
  authenticate(domain: string, request: SignedRequest): Promise<User>;
  /**
   * Enrols; the request is signed by the device key that the body names, which the handler verifies. Gives the address
   * hash. Throws `invitation_invalid`, `record_invalid`, `unauthorized`.
   */
  enroll(domain: string, request: SignedRequest, enrolment: Enrolment): Promise<Uint8Array>;
  reserve(user: User, count: number): Promise<Reservation>;
  /** Opens or finds. Throws `quota_exceeded`, `storage_full`, `too_large`, or `conflict` for one of another size. */
  openUpload(user: User, upload: Uint8Array, size: number): Promise<UploadProgress>;
  /** Throws `not_found`. */
  uploadProgress(user: User, upload: Uint8Array): Promise<UploadProgress>;
  /** Throws `not_found`, `conflict` unless the offset is what was received. Resolves when the bytes are on disk. */
  writePart(user: User, upload: Uint8Array, part: UploadPart): Promise<UploadProgress>;
  /** The trace handles, in order. Throws `payload_mismatch`, `conflict`, `not_found` for the upload. */
  commit(user: User, submission: Submission): Promise<readonly string[]>;
  /** One page of what became of the user's messages, newest first. */
  sent(user: User, page: SentPage): Promise<SentMessages>;
  /** Throws `not_found`. */
  sentMessage(user: User, handle: string): Promise<SentMessage>;
  /** Throws `not_found`. */
  retract(user: User, handle: string): Promise<RetractOutcome>;
}

export interface Enrolment {
  readonly token: Uint8Array;
  /** The signed inner user record. */
  readonly record: Uint8Array;
  /** Ed25519 public key. */
  readonly device: Uint8Array;
}

export interface Reservation {
  readonly ids: readonly Uint8Array[];
  readonly expires: number;
}

/** In bytes. */
export interface UploadProgress {
  readonly size: number;
  readonly received: number;
}

export interface UploadPart {
  readonly offset: number;
  /** As announced by the request; the bytes are exactly as many. */
  readonly length: number;
  /**
   * Throws at its end, `unauthorized`, where the bytes are not those that were signed, or `request_invalid` where they
   * end early: only after it ended without a throw do they count as received.
   */
  readonly bytes: AsyncIterable<Uint8Array>;
}

export interface SentPage {
  /** The cursor of the page before. */
  readonly after?: Uint8Array;
  readonly limit: number;
}

export interface SentMessages {
  readonly items: readonly SentMessage[];
  /** There when there may be more. */
  readonly next?: Uint8Array;
}

export const sentStates = ['stored', 'accepted', 'withdrawn', 'expired'] as const;
export type SentState = (typeof sentStates)[number];

export interface SentMessage {
  readonly handle: string;
  readonly destination: string;
  readonly state: SentState;
  readonly created: number;
  readonly expires: number;
  /** Of the payload, in bytes. */
  readonly size: number;
  readonly fetched?: number;
  readonly accepted?: number;
}

export const retractOutcomes = ['withdrawn', 'withdrawn_maybe_read', 'already_accepted'] as const;
export type RetractOutcome = (typeof retractOutcomes)[number];
