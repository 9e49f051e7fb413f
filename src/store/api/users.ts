/** The users of our domains: invitations, records, devices. */

export type UserStatus = 'invited' | 'active' | 'suspended' | 'gone';

export interface User {
  readonly domain: string;
  readonly addressHash: Uint8Array;
  /** Canonical local part. */
  readonly local: string;
  readonly status: UserStatus;
  readonly created: number;
  /** When an invitation that was not used yet ends. */
  readonly invitedUntil?: number;
  /** Inner record, signed by the user. */
  readonly record?: Uint8Array;
  /** The domain's listing of it, signed daily. */
  readonly listing?: Uint8Array;
  /** Ed25519 public keys of enrolled devices. */
  readonly devices: readonly Uint8Array[];
}

export interface NewInvitation {
  readonly addressHash: Uint8Array;
  readonly local: string;
  /** SHA-256 of the one-time token. */
  readonly tokenHash: Uint8Array;
  readonly expires: number;
}

export interface Enrolment {
  readonly tokenHash: Uint8Array;
  readonly device: Uint8Array;
  readonly record: Uint8Array;
  readonly now: number;
}

export interface UserStore {
  get(domain: string, addressHash: Uint8Array): Promise<User | undefined>;
  /** By a device's public key: who signs an account request. */
  byDevice(device: Uint8Array): Promise<User | undefined>;
  /** In the order of their local parts' hashes. */
  list(domain: string): Promise<readonly User[]>;
  /** A new user, or a new invitation for one that did not enrol yet. Throws `exists` for an enrolled one, or an alias. */
  invite(domain: string, invitation: NewInvitation): Promise<void>;
  /**
   * Compare and set: the invitation serves once. The same device with the same record may repeat it. Throws
   * `invitation_invalid` (unknown, other token, used, expired) and `conflict` (the device serves another user).
   */
  enroll(domain: string, addressHash: Uint8Array, enrolment: Enrolment): Promise<User>;
  /** A newer inner record in the place of `previous`. Throws `not_found`, `conflict` when another one came in between. */
  putRecord(
    domain: string,
    addressHash: Uint8Array,
    change: { readonly previous: Uint8Array; readonly record: Uint8Array },
  ): Promise<void>;
  /** The listing that the domain signed for `record`; false when the record changed meanwhile. */
  putListing(
    domain: string,
    addressHash: Uint8Array,
    signed: { readonly record: Uint8Array; readonly listing: Uint8Array },
  ): Promise<boolean>;
  /** Suspends, or lets an enrolled user in again. Throws `not_found`. */
  suspend(domain: string, addressHash: Uint8Array, suspended: boolean): Promise<void>;
  /** Adds a device of an enrolled user. Throws `not_found`, `conflict` (the device serves another user). */
  addDevice(domain: string, addressHash: Uint8Array, device: Uint8Array): Promise<void>;
  removeDevice(domain: string, addressHash: Uint8Array, device: Uint8Array): Promise<void>;
}
