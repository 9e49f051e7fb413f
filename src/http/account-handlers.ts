/**
 * What the account interface asks of the daemon, wire-spec/account.md: values in, values out. `User` is whatever
 * `authenticate` makes of a request: the routes only hand it on. A BeckonError thrown becomes a problem with its code.
 */
import type { MailPage, MailReport, MailRequest } from './account-mail.ts';
import type { SignedRequest } from './signed-request.ts';
import type { GatewayKind, TakedownReason } from '../wire/registry.ts';
import type { Submission } from '../wire/submission.ts';

export interface AccountHandlers<User> {
  /** Whether this daemon serves the (canonical) domain. */
  serves(domain: string): boolean;
  /** Who signed, with a key of one of these kinds. Throws `unauthorized`, whatever is wrong. */
  authenticate(domain: string, request: SignedRequest, kinds: readonly SignerKind[]): Promise<User>;
  /** Who signed may have been removed or suspended while the body came. Throws `unauthorized`. */
  stillSpeaks(user: User): Promise<void>;
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
  /** What is not there is given up already. Throws `conflict` while a part of it is being written. */
  abandonUpload(user: User, upload: Uint8Array): Promise<void>;
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
  user(user: User): Promise<Profile>;
  /** Adds a device, or finds it again. Throws `key_invalid`, `conflict`, `quota_exceeded`, `unauthorized`. */
  addDevice(user: User, device: NewDevice): Promise<Device>;
  /** One that is not there is gone already. Throws `conflict` for the last one. */
  removeDevice(user: User, device: Uint8Array): Promise<void>;
  /** Throws `key_invalid`, `conflict`. */
  setRecovery(user: User, recovery: Uint8Array): Promise<void>;
  /** When it ends. Throws `key_invalid`, `request_invalid`, `conflict`, `quota_exceeded`. */
  openPairing(user: User, pairing: NewPairing): Promise<{ readonly expires: number }>;
  /**
   * A user's next record, or that of an alias. Resolves when it is on disk. Throws `record_invalid`, `record_rollback`,
   * `conflict`, `not_found`.
   */
  putRecord(user: User, record: Uint8Array): Promise<void>;
  /** The state of each entry. Throws `unsupported`, `proof_stale`, `key_unknown`, `request_invalid`, `quota_exceeded`. */
  setPulls(user: User, request: PullRequest): Promise<readonly PullState[]>;
  /** undefined where there is none. */
  readState(user: User): Promise<Readable | undefined>;
  /** Resolves when it is on disk. Throws `precondition_failed`, `conflict`, `too_large`, `storage_full`. */
  writeState(user: User, state: IncomingState): Promise<void>;
  /** Keeps an upload. Throws `unsupported`, `request_invalid`, `conflict`, `payload_mismatch`. */
  keep(user: User, request: KeepRequest): Promise<Kept>;
  /** Throws `not_found`. */
  readKept(user: User, name: Uint8Array): Promise<Readable>;
  /** One page of what is kept, in the order of the names. */
  listKept(user: User, page: SentPage): Promise<KeptPage>;
  /** What is not there is gone already. */
  removeKept(user: User, name: Uint8Array): Promise<void>;
  /** Keeps a sealed contact card. Throws `request_invalid`, `conflict`, `quota_exceeded`. */
  putCard(user: User, card: NewCard): Promise<void>;
  /** What is not there is gone already. */
  removeCard(user: User, id: Uint8Array): Promise<void>;
  /** Mail over SMTP. Throws `unsupported`, `key_unknown`, `key_not_active`, `open_failed`, `unauthorized`, `conflict`, `payload_mismatch`, `quota_exceeded`. */
  submitMail(user: User, request: MailRequest): Promise<MailReport>;
  /** One page of what became of it, in the order of the ids. Throws `unsupported`. */
  listMail(user: User, page: SentPage): Promise<MailPage>;
  /** Throws `not_found`. */
  mail(user: User, handle: string): Promise<MailReport>;
  /** Takes back what is still queued. Throws `not_found`. */
  dropMail(user: User, handle: string): Promise<MailReport>;
  gateways(user: User): Promise<Gateways>;
  /** In the place of the one of this kind. Throws `unsupported`, `request_invalid`, `key_invalid`, `conflict`, `cbor_*`, `open_failed`. */
  putGateway(user: User, gateway: NewGateway): Promise<void>;
  /** What is not there is gone already. */
  removeGateway(user: User, kind: GatewayKind): Promise<void>;
}

/** What may sign: a device, the key of the recovery phrase, the key of a pairing, the device of a gateway. */
export type SignerKind = 'device' | 'recovery' | 'pairing' | 'gateway';

export interface Enrolment {
  readonly token: Uint8Array;
  /** The signed inner user record. */
  readonly record: Uint8Array;
  /** Ed25519 public key. */
  readonly device: Uint8Array;
  readonly name?: string;
  /** Ed25519 public key. */
  readonly recovery?: Uint8Array;
}

export const deviceKinds = ['device', 'recovery', 'gateway'] as const;

export interface Device {
  readonly device: Uint8Array;
  readonly name: string;
  readonly added: number;
  readonly kind: SignerKind;
}

export interface Profile {
  readonly address: string;
  readonly local: string;
  /** Inner record. */
  readonly record: Uint8Array;
  readonly aliases: readonly { readonly address: string; readonly record?: Uint8Array }[];
  readonly devices: readonly Device[];
  readonly state?: { readonly size: number; readonly changed: number };
  /** In bytes. */
  readonly used: number;
  readonly quota: number;
  /** In seconds. */
  readonly keep: number;
  /** What was pulled for the user, in bytes and seconds; absent where nothing is. */
  readonly pulled?: { readonly used: number; readonly quota: number; readonly keep: number };
}

export interface NewDevice {
  readonly device: Uint8Array;
  readonly name: string;
}

export interface NewPairing {
  readonly pairing: Uint8Array;
  readonly expires: number;
}

/** Ciphertext that is served: its hash, SHA-256, is the entity tag. */
export interface Readable {
  readonly size: number;
  readonly hash: Uint8Array;
  open(start: number, end: number): AsyncIterable<Uint8Array>;
}

export interface KeepRequest {
  readonly name: Uint8Array;
  readonly upload: Uint8Array;
  readonly payloadHash: Uint8Array;
  readonly expires?: number;
}

export interface PullRequest {
  readonly time: number;
  readonly nonce: Uint8Array;
  /** Of the domain's poll key. */
  readonly keyId: Uint8Array;
  /** Encoded pull-entries. */
  readonly entries: readonly Uint8Array[];
}

export const pullStates = ['set', 'waiting', 'pulled', 'unknown'] as const;
export type PullState = (typeof pullStates)[number];

export interface NewCard {
  readonly id: Uint8Array;
  readonly sealed: Uint8Array;
  readonly expires: number;
}

export interface NewGateway {
  readonly kind: GatewayKind;
  /** Ed25519 public key of the gateway's own device. */
  readonly device: Uint8Array;
  readonly name: string;
  readonly sealed: Uint8Array;
}

export interface Gateways {
  readonly gateways: readonly GatewayReport[];
  /** Where mail programs hand in mail, as far as the domain takes any. */
  readonly submission?: { readonly host: string; readonly tls?: number; readonly starttls?: number };
  /** Whether the domain copies messages into mail stores. */
  readonly push: boolean;
}

export const pushStates = ['starting', 'running', 'waiting', 'refused'] as const;

export interface GatewayReport {
  readonly kind: GatewayKind;
  readonly device: Uint8Array;
  readonly created: number;
  /** Of a push. `waiting`: tried again then; `refused`: the user has to do something. */
  readonly state?: (typeof pushStates)[number];
  /** Why not, a stable error code. */
  readonly code?: string;
  readonly next?: number;
  /** Messages copied since the daemon started. */
  readonly appended?: number;
}

export interface Kept {
  readonly name: Uint8Array;
  readonly size: number;
  readonly created: number;
  readonly expires: number;
}

export interface KeptPage {
  readonly items: readonly Kept[];
  /** There when there may be more. */
  readonly next?: Uint8Array;
}

export interface IncomingState {
  readonly size: number;
  /** SHA-256, as signed. */
  readonly hash: Uint8Array;
  /** As the bytes of a part. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Hash of the state that it takes the place of; absent: there must be none. */
  readonly previous?: Uint8Array;
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
  /** Withdrawn by the hoster, and why. */
  readonly takedown?: TakedownReason;
}

export const retractOutcomes = ['withdrawn', 'withdrawn_maybe_read', 'already_accepted'] as const;
export type RetractOutcome = (typeof retractOutcomes)[number];
