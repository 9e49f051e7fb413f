/** Further addresses of users of our domains. Each has a user record of its own, which the user's client signs. */

export interface Alias {
  readonly domain: string;
  /** Of the alias. */
  readonly addressHash: Uint8Array;
  /** Canonical local part of the alias. */
  readonly local: string;
  /** Address hash of the user. */
  readonly user: Uint8Array;
  readonly created: number;
  /** Inner record for the alias, signed by the user; absent until their client signed it. */
  readonly record?: Uint8Array;
  /** When the hoster took it away, where a record was listed: what stands here then is of the past. */
  readonly gone?: number;
}

export interface NewAlias {
  readonly addressHash: Uint8Array;
  readonly local: string;
  /** Address hash of the user. */
  readonly user: Uint8Array;
}

/** Most aliases of a user. */
export const maxAliases = 32;

export interface AliasStore {
  /** Also one that is gone. */
  get(domain: string, addressHash: Uint8Array): Promise<Alias | undefined>;
  /** Those that a user has, in the order of their hashes. */
  of(domain: string, user: Uint8Array): Promise<readonly Alias[]>;
  /**
   * An address that was given to this user already stays as it is. Throws `not_found` (no such user), `exists` (the address is
   * a user's, or another one's alias), `quota_exceeded`.
   */
  add(domain: string, alias: NewAlias): Promise<Alias>;
  /** Throws `not_found`. */
  remove(domain: string, addressHash: Uint8Array): Promise<void>;
  /**
   * A record in the place of `previous` (absent: of none), for the user with this address hash. Throws `not_found` where the
   * alias is not theirs, `conflict` when another record came in between.
   */
  putRecord(
    domain: string,
    addressHash: Uint8Array,
    change: { readonly user: Uint8Array; readonly previous?: Uint8Array; readonly record: Uint8Array },
  ): Promise<void>;
}
