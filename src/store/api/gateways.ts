/** What users handed to the gateways of their domain (wire-spec/account.md section 14), and what was copied already (bridges.md section 6). */
import type { GatewayKind } from '../../wire/registry.ts';
import type { Owner } from './terms.ts';

export interface Gateway {
  readonly kind: GatewayKind;
  /** Ed25519 public key of the gateway's own device. */
  readonly device: Uint8Array;
  /** Its keys: under the user's password, or as the daemon keeps secrets. */
  readonly sealed: Uint8Array;
  readonly created: number;
}

export interface NewGateway extends Omit<Gateway, 'created'> {
  /** The user's word for the device. */
  readonly name: string;
  /** Whose signature hands it over. */
  readonly by: Uint8Array;
  readonly now: number;
}

/** `appending`: the mail store may have it or not. `appended`: it has. `named`: it has its name alone. */
export type PushMark = 'appending' | 'appended' | 'named';

export interface GatewayStore {
  /**
   * In the place of the one of this kind that was there: its device goes. On disk when it resolves. Throws `unauthorized` (who signed does not
   * speak for the user any more), `conflict` (the device serves for something else), `quota_exceeded`, `not_found` (no such user).
   */
  put(owner: Owner, gateway: NewGateway): Promise<void>;
  get(owner: Owner, kind: GatewayKind): Promise<Gateway | undefined>;
  list(owner: Owner): Promise<readonly Gateway[]>;
  /** With its device. What is not there is gone already. Throws `unauthorized`. */
  remove(owner: Owner, kind: GatewayKind, by: Uint8Array): Promise<void>;
  /** Everybody whose messages are copied. */
  pushes(): Promise<readonly Owner[]>;
  /** `mark`: 16 bytes. */
  mark(owner: Owner, mark: Uint8Array): Promise<PushMark | undefined>;
  /** Kept until `expires`. On disk when it resolves. */
  setMark(owner: Owner, mark: Uint8Array, state: PushMark, expires: number): Promise<void>;
  /** Forgets at most `limit` marks that expired by `now`. Returns how many. */
  expire(now: number, limit: number): Promise<number>;
}
