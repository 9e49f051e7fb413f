/** The domains that this daemon serves: their settings, and the record they last published. */

export type UnknownUsers = 'mail' | '404' | 'decoy';
export type IntroductionPolicy = 'open' | 'invited' | 'closed';

export interface DomainSettings {
  readonly contact: string;
  readonly unknownUsers: UnknownUsers;
  readonly introductions: IntroductionPolicy;
  readonly introductionsPerHour: number;
  /** k of the feed's buckets, 0 to 12. */
  readonly bucketBits: number;
  /** Default transit time of its users' messages, seconds. */
  readonly transit: number;
  /** How long ciphertext is kept for its users, seconds. */
  readonly keep: number;
  /** Bytes of each user. */
  readonly quota: number;
}

export interface Domain extends DomainSettings {
  readonly domain: string;
  readonly created: number;
}

/** A signed domain record as it was last published. */
export interface PublishedRecord {
  readonly serial: number;
  readonly record: Uint8Array;
}

export interface DomainStore {
  /** Throws `exists`. */
  add(domain: string, settings: DomainSettings): Promise<void>;
  get(domain: string): Promise<Domain | undefined>;
  list(): Promise<readonly Domain[]>;
  /** Throws `not_found`. */
  update(domain: string, changes: Partial<DomainSettings>): Promise<Domain>;
  published(domain: string): Promise<PublishedRecord | undefined>;
  /** Serials rise for ever: throws `record_rollback` unless this one is higher than the last. */
  publish(domain: string, published: PublishedRecord): Promise<void>;
}
