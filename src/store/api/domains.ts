/** The domains that this daemon serves: their own settings, and the record they last published. */

export const unknownUsersPolicies = ['mail', '404', 'decoy'] as const;
export const mailPolicies = ['accept', 'mark', 'refuse'] as const;
export const bridgePolicies = ['on', 'off'] as const;
export const introductionPolicies = ['open', 'closed'] as const;

/** What may be set for a domain; what is not is as the configuration says for all. */
export interface DomainSettings {
  readonly contact: string;
  readonly unknownUsers: (typeof unknownUsersPolicies)[number];
  readonly introductions: (typeof introductionPolicies)[number];
  readonly introductionsPerHour: number;
  /** k of the feed's buckets, 0 to 12. */
  readonly bucketBits: number;
  /** Default transit time of its users' messages, seconds. */
  readonly transit: number;
  /** Bytes of each user. */
  readonly quota: number;
  /** Bytes pulled for each user; 0: nothing is pulled. */
  readonly pullQuota: number;
  /** Bytes of its messages that the domain serves in a day. */
  readonly egress: number;
  /** How long ciphertext is kept for users, seconds; 0: not at all. */
  readonly keep: number;
  /** Whether mail comes and goes through a bridge of the domain. */
  readonly bridge: (typeof bridgePolicies)[number];
  /** What becomes of mail that fails the checks. */
  readonly mailPolicy: (typeof mailPolicies)[number];
}

export interface Domain {
  readonly domain: string;
  readonly created: number;
  readonly own: Partial<DomainSettings>;
}

/** A value sets, null takes the domain's own value back. */
export type DomainChanges = { readonly [K in keyof DomainSettings]?: DomainSettings[K] | null | undefined };

/** A signed domain record as it was last published. */
export interface PublishedRecord {
  readonly serial: number;
  readonly record: Uint8Array;
}

export interface DomainStore {
  /** Throws `exists`. */
  add(domain: string): Promise<void>;
  get(domain: string): Promise<Domain | undefined>;
  list(): Promise<readonly Domain[]>;
  /** Throws `not_found`. */
  update(domain: string, changes: DomainChanges): Promise<Domain>;
  published(domain: string): Promise<PublishedRecord | undefined>;
  /**
   * Serials rise for ever: throws `record_rollback` unless this one is higher than the last. A last one more than a day ahead of the
   * clock was never believed by anyone, and does not count.
   */
  publish(domain: string, published: PublishedRecord): Promise<void>;
  /** After the tables were those of a backup: others may have seen a newer record, so the next one takes its serial from the time. */
  forgetPublished(domain: string): Promise<void>;
}
