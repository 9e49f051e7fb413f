/** The users of our domains: invitations, records, devices. */

export type UserStatus = 'invited' | 'active' | 'suspended' | 'gone';

/**
 * What a key may sign: `device` everything, `recovery` and `pairing` what a new device needs (wire-spec/account.md section 7), `gateway` what
 * does not change who speaks for the user (section 14).
 */
export type SignerKind = 'device' | 'recovery' | 'pairing' | 'gateway';

/** A key that speaks for a user on the account interface. */
export interface Device {
  /** Ed25519 public key. */
  readonly device: Uint8Array;
  readonly kind: SignerKind;
  /** The user's word for it, perhaps empty. */
  readonly name: string;
  readonly added: number;
  /** Of a pairing. */
  readonly expires?: number;
  /** Of a pairing that added its device. */
  readonly used?: true;
}

export interface User {
  readonly domain: string;
  readonly addressHash: Uint8Array;
  /** Canonical local part. */
  readonly local: string;
  readonly status: UserStatus;
  readonly created: number;
  /** When an invitation that was not used yet ends. */
  readonly invitedUntil?: number;
  /** When the hoster removed the user; what is left is the last record, so that the next one can follow it. */
  readonly gone?: number;
  /** Inner record, signed by the user. */
  readonly record?: Uint8Array;
  /** The domain holds the keys: its bridge user. */
  readonly held?: true;
  /** In the order in which they came; recovery key and pairings among them. */
  readonly devices: readonly Device[];
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
  readonly name?: string;
  /** Ed25519 public key of the recovery phrase. */
  readonly recovery?: Uint8Array;
  readonly record: Uint8Array;
  /** The stored record in whose place it comes, for a user who was invited again. */
  readonly replaces?: Uint8Array | undefined;
  readonly now: number;
}

export interface NewDevice {
  readonly device: Uint8Array;
  readonly name: string;
  /** Whose signature adds it. */
  readonly by: Uint8Array;
  readonly now: number;
}

export interface NewPairing {
  readonly pairing: Uint8Array;
  readonly expires: number;
  /** The device that opens it; it goes when that one goes. */
  readonly by: Uint8Array;
  readonly now: number;
}

/** Most devices of a user, the recovery key and pairings not counted. */
export const maxDevices = 16;
/** Most pairings of a user that are open. */
export const maxPairings = 4;

export interface UserStore {
  get(domain: string, addressHash: Uint8Array): Promise<User | undefined>;
  /** By the public key of a device, recovery key or pairing: who signs an account request. */
  byDevice(device: Uint8Array): Promise<User | undefined>;
  /** In the order of their local parts' hashes. */
  list(domain: string): Promise<readonly User[]>;
  /**
   * A new user, or a new invitation for one that did not enrol yet, or was removed. Throws `exists` for an enrolled one, or an
   * alias.
   */
  invite(domain: string, invitation: NewInvitation): Promise<void>;
  /**
   * A new invitation for an enrolled user, who goes on until it is used, but for `suspend`: then not. Throws `not_found`, `conflict` for
   * one that is held, as `remove` and `suspend`.
   */
  reinvite(domain: string, invitation: NewInvitation & { readonly suspend: boolean }): Promise<void>;
  /**
   * Removes a user: keys, state, uploads and aliases go at once, what was sent stays until it expires. One that never enrolled
   * leaves nothing. Throws `not_found`.
   */
  remove(domain: string, addressHash: Uint8Array): Promise<void>;
  /**
   * Compare and set: the invitation serves once. The same device with the same record may repeat it. What an enrolled user had
   * before goes in the same write: devices, recovery key, state, uploads, records of aliases. Throws
   * `invitation_invalid` (unknown, other token, used, expired) and `conflict` (the device serves another user; another record
   * is stored than `replaces`).
   */
  enroll(domain: string, addressHash: Uint8Array, enrolment: Enrolment): Promise<User>;
  /** A newer inner record in the place of `previous`. Throws `not_found`, `conflict` when another one came in between. */
  putRecord(
    domain: string,
    addressHash: Uint8Array,
    change: { readonly previous: Uint8Array; readonly record: Uint8Array },
  ): Promise<void>;
  /**
   * A user whose keys the domain holds, with its record of now, be it a new user or one that was there as such. Throws `exists` where the
   * address is somebody's.
   */
  putHeld(
    domain: string,
    user: { readonly addressHash: Uint8Array; readonly local: string; readonly record: Uint8Array },
  ): Promise<void>;
  /** Suspends, or lets an enrolled user in again. Throws `not_found`. */
  suspend(domain: string, addressHash: Uint8Array, suspended: boolean): Promise<void>;
  /**
   * Adds a device, or finds it again. A pairing adds one and is used then. Throws `not_found`, `unauthorized` (who adds it
   * was removed, or its pairing ended), `conflict` (it serves another user, or as another kind; another device used the
   * pairing), `quota_exceeded`.
   */
  addDevice(domain: string, addressHash: Uint8Array, device: NewDevice): Promise<Device>;
  /**
   * Removes a device with the pairings it opened; one that is not there is gone already. Throws `not_found`, `unauthorized`
   * (`by` was removed) and `conflict` for the last one.
   */
  removeDevice(
    domain: string,
    addressHash: Uint8Array,
    removal: { readonly device: Uint8Array; readonly by: Uint8Array },
  ): Promise<void>;
  /** In the place of the recovery key before. Throws as `addDevice`. */
  setRecovery(
    domain: string,
    addressHash: Uint8Array,
    change: { readonly recovery: Uint8Array; readonly by: Uint8Array; readonly now: number },
  ): Promise<void>;
  /** Opens a pairing, or finds it again; those that ended make room. Throws as `addDevice`. */
  openPairing(domain: string, addressHash: Uint8Array, pairing: NewPairing): Promise<Device>;
}
