/**
 * What the admin interface asks of the daemon: JSON values, so that the typed client of the command line has the same
 * types. Times are unix seconds, durations seconds, sizes bytes. A BeckonError thrown becomes a problem with its code.
 */
import type { DnsEntry } from './dns-entry.ts';
import type { TakedownReason } from '../wire/registry.ts';
import type { IdentityHandlers } from './identity-handlers.ts';

export type { DnsEntry } from './dns-entry.ts';

export interface AdminHandlers extends IdentityHandlers {
  status(): Promise<ServerStatus>;
  domains(): Promise<readonly DomainSummary[]>;
  /** Makes the keys of a new domain. Throws `domain_invalid`, `exists`. */
  addDomain(domain: string): Promise<AddedDomain>;
  /** Overrides the defaults of the configuration. Throws `not_found`. */
  setDomain(domain: string, changes: DomainChanges): Promise<DomainSummary>;
  /** The records to publish. Throws `not_found`. */
  domainDns(domain: string): Promise<readonly DnsEntry[]>;
  users(domain: string): Promise<readonly UserSummary[]>;
  /**
   * Invites: the user comes to be when the invitation is used. Throws `not_found`, `address_invalid`, `exists`, `conflict` where the
   * domain leaves.
   */
  inviteUser(address: string): Promise<IssuedInvitation>;
  /** An invitation for an enrolled user, to begin anew; with `revoke` they are suspended until then. Throws `not_found`. */
  reinviteUser(address: string, how: { readonly revoke: boolean }): Promise<IssuedInvitation>;
  /** What the user has at the domain goes, but for what they sent. Throws `not_found`. */
  removeUser(address: string): Promise<{ readonly address: string }>;
  /**
   * Writes all that is here about a user into a directory that does not exist. Throws `not_found`, `request_invalid` for a path that
   * is not absolute, `exists`, `storage_failed`.
   */
  exportUser(address: string, directory: string): Promise<ExportedUser>;
  /** Suspends, or takes it back. Throws `not_found`. */
  suspendUser(address: string, suspended: boolean): Promise<UserSummary>;
  /** Throws `not_found`, `address_invalid`. */
  aliases(address: string): Promise<UserAliases>;
  /**
   * Gives a user a further address of their domain, or takes one back. Throws `not_found`, `address_invalid`, `exists` (the
   * address is somebody's), `quota_exceeded`.
   */
  setAlias(address: string, alias: string, held: boolean): Promise<UserAliases>;
  /** What is known about a message, at either end; an unknown handle has no events. */
  trace(handle: string): Promise<readonly TraceEvent[]>;
  /**
   * Stops serving what waits with the payload of a message, found by its trace handle. Throws `not_found`, `request_invalid` for what
   * is no handle.
   */
  takedown(handle: string, reason: TakedownReason): Promise<Takedown>;
  /** Mail that waits to leave over SMTP, and what failed and can be tried again; oldest first. */
  queue(): Promise<readonly QueuedMailSummary[]>;
  /** Throws `not_found`, `request_invalid`, `conflict` where its content is gone. */
  retryMail(handle: string): Promise<QueuedMailSummary>;
  /** Throws `not_found`, `request_invalid`. */
  dropMail(handle: string): Promise<QueuedMailSummary>;
  /**
   * Begins a backup into a directory that is not there. Throws `request_invalid`, `exists`, `conflict` while another one is
   * being made.
   */
  startBackup(backup: { readonly directory: string; readonly configuration: string }): Promise<BackupState>;
  /** Of the last one that was begun. */
  backupState(): Promise<BackupState>;
  /** Keys that sign the mail of a domain. Throws `not_found`. */
  domainDkim(domain: string): Promise<DkimReport>;
  /** Makes the next one, or gives the one that waits for DNS. Throws `not_found`, `conflict` where the domain signs none. */
  rotateDkim(domain: string): Promise<DkimReport>;
  /** Throws `not_found`. */
  domainKeys(domain: string): Promise<KeyReport>;
  /**
   * Begins rotations early, with their overlap; of all uses that can be where none are named. `identity`: the file of an identity
   * key that is kept offline; it is used once and not kept. Throws `conflict` where it is needed, `state_invalid` for another one.
   */
  rotateKeys(domain: string, uses?: readonly KeyUseName[], identity?: object): Promise<KeyReport>;
  /** At once, without overlap. `id`: 16 hex digits. Throws `not_found`, `conflict`, `state_invalid`, `request_invalid`. */
  revokeKey(domain: string, id: string, identity?: object): Promise<KeyReport>;
  publicKeys(domain: string): Promise<PublicKeys>;
  /** The private identity key of a domain. Throws `not_found` where it is offline already. */
  identityKey(domain: string): Promise<object>;
  /** Keeps an identity key here again that was offline. Throws `exists`, `state_invalid`. */
  keepIdentityKey(domain: string, identity: object): Promise<KeyReport>;
  /** Takes the identity key away; `identity` is what `identityKey` gave, now safe elsewhere. Throws `state_invalid`. */
  forgetIdentityKey(domain: string, identity: object): Promise<KeyReport>;
  /** Reads configuration and certificates again. Throws `config_invalid`, `tls_failed`, and then changes nothing. */
  reload(): Promise<ReloadOutcome>;
}

export interface ServerStatus {
  readonly version: string;
  readonly uptime: number;
  readonly domains: number;
  readonly users: number;
  readonly waiting: WaitingMessages;
  /** Mails that wait to leave over SMTP. */
  readonly mailQueue: number;
  /** What users take in all, of what they may: what waits, and `aside`, their states and what is kept for them. */
  readonly stored: { readonly bytes: number; readonly maxBytes: number; readonly aside: number };
  /** Messages that were pulled for users, apart from what they have themselves. */
  readonly pulled: { readonly messages: number; readonly bytes: number };
  readonly received: ReceivedRefs;
  /** Clients that are told of new refs at once. */
  readonly watchers: number;
  /** Domains whose mandate ends soon while their identity key is offline. */
  readonly identityWanted: readonly { readonly domain: string; readonly mandateEnds: number }[];
}

/** A mail of the queue, without its sender and recipients. */
export interface QueuedMailSummary {
  readonly handle: string;
  readonly domain: string;
  readonly created: number;
  readonly size: number;
  /** Recipients by what became of each. */
  readonly queued: number;
  readonly delivered: number;
  readonly failed: number;
  readonly dropped: number;
  /** Tries so far. */
  readonly attempts: number;
  /** Last status codes of those who did not get it. */
  readonly codes: readonly string[];
  readonly next?: number;
  readonly ended?: number;
}

/** The transit store. */
export interface WaitingMessages {
  readonly messages: number;
  readonly bytes: number;
  /** False while the disk is at its reserve, and nothing is accepted. */
  readonly hasRoom: boolean;
  readonly oldest?: { readonly created: number; readonly destination: string };
}

/** What came by UDP and the HTTPS door since `since`. */
export interface ReceivedRefs {
  readonly since: number;
  readonly stored: number;
  /** Those that lie in the feeds now, whenever they came. */
  readonly introductions: number;
  /** Datagrams dropped, by error code. */
  readonly dropped: Readonly<Record<string, number>>;
}

export const unknownUsersPolicies = ['mail', '404', 'decoy'] as const;
export const mailPolicies = ['accept', 'mark', 'refuse'] as const;
export const bridgePolicies = ['on', 'off'] as const;
export const introductionPolicies = ['open', 'closed'] as const;

/** What holds for a domain where nothing else was set: section [defaults] of the configuration. */
export interface DomainSettings {
  /** Where to report abuse. */
  readonly contact: string;
  readonly unknownUsers: (typeof unknownUsersPolicies)[number];
  readonly introductions: (typeof introductionPolicies)[number];
  readonly transit: number;
  readonly quota: number;
  /** Bytes pulled for each user; 0: nothing is pulled. */
  readonly pullQuota: number;
  /** Bytes of its messages that the domain serves in a day. */
  readonly egress: number;
  /** How long ciphertext is kept for users, seconds; 0: not at all. */
  readonly keep: number;
  readonly introductionsPerHour: number;
  /** k of the feed's buckets, 0 to 12. */
  readonly bucketBits: number;
  /** Whether mail comes and goes through a bridge of the domain. */
  readonly bridge: (typeof bridgePolicies)[number];
  /** What becomes of mail that fails the checks. */
  readonly mailPolicy: (typeof mailPolicies)[number];
}

/** null goes back to the default. */
export type DomainChanges = { readonly [K in keyof DomainSettings]?: DomainSettings[K] | null };

export interface DomainSummary {
  readonly domain: string;
  /** SHA-256 of the domain identity key, base64url. */
  readonly fingerprint: string;
  readonly users: number;
  readonly settings: DomainSettings;
  /** Which settings are the domain's own. */
  readonly own: readonly (keyof DomainSettings)[];
  /** It leaves, or another identity is prepared and waits for DNS; absent else. */
  readonly identity?: 'leaving' | 'changing';
  /**
   * In lists: what the daemon's resolvers say of it. `validated` by DNSSEC; `published`, but not validated; `differs`: with another key;
   * `missing`; `unknown`: no usable answer.
   */
  readonly dns?: 'validated' | 'published' | 'differs' | 'missing' | 'unknown';
}

export interface AddedDomain {
  readonly domain: string;
  readonly fingerprint: string;
  /** For the owner, shown once: the daemon keeps only its hash. */
  readonly recoveryKey: string;
  readonly dns: readonly DnsEntry[];
}

export const userStates = ['invited', 'active', 'suspended', 'gone'] as const;

export interface UserSummary {
  readonly address: string;
  readonly state: (typeof userStates)[number];
  readonly created: number;
  /** In use, in bytes. */
  readonly bytes: number;
  readonly devices: number;
}

export interface UserAliases {
  readonly address: string;
  /** `listed`: the user's client signed a record for it, so it can be written to. */
  readonly aliases: readonly { readonly address: string; readonly listed: boolean }[];
}

export interface ExportedUser {
  readonly address: string;
  readonly directory: string;
  readonly files: number;
  /** Of ciphertexts. */
  readonly bytes: number;
}

export interface IssuedInvitation {
  readonly address: string;
  /** `beckon-invitation:...` */
  readonly invitation: string;
  readonly expires: number;
}

export interface TraceEvent {
  readonly time: number;
  /** What happened, one word: `stored`, `notified`, `fetched`, ... */
  readonly event: string;
  /** Of the domain at the other end. */
  readonly peer?: string;
  readonly detail?: string;
}

export interface Takedown {
  /** `gone`: nothing of it waits any more. */
  readonly outcome: 'taken_down' | 'gone';
  /** Of the sender. */
  readonly domain: string;
  /** Messages that ended just now: those of all recipients. */
  readonly ended: number;
}

export interface BackupState {
  readonly state: 'none' | 'running' | 'done' | 'failed';
  readonly directory?: string;
  readonly files?: number;
  readonly bytes?: number;
  readonly code?: string;
  readonly detail?: string;
}

export interface ReloadOutcome {
  /** Configuration keys whose change needs a restart. */
  readonly restartNeeded: readonly string[];
}

export const keyUseNames = ['signing', 'notification', 'envelope', 'poll', 'bridge'] as const;
export type KeyUseName = (typeof keyUseNames)[number];

/** The keys of a domain, without their private halves. */
export interface DkimReport {
  readonly domain: string;
  /** What signed before, what signs, what will once DNS shows it. */
  readonly keys: readonly {
    readonly selector: string;
    readonly state: 'signs' | 'next' | 'before';
    /** Of `before`: how long it is to stay in DNS, unix seconds. */
    readonly until?: number;
    readonly dns: DnsEntry;
  }[];
}

export interface KeyReport {
  readonly domain: string;
  readonly identity: 'here' | 'offline';
  /** Until when records can be signed without the identity key. */
  readonly mandateEnds: number;
  /** The same, where the operator must bring the identity key before it. */
  readonly identityWanted?: number;
  readonly keys: readonly KeySummary[];
}

export interface KeySummary {
  /** 16 hex digits. */
  readonly id: string;
  readonly use: KeyUseName;
  readonly status: 'pending' | 'active' | 'retired' | 'revoked';
  readonly notBefore: number;
  readonly notAfter: number;
  readonly revokedAt?: number;
  /** What becomes of it next, and when at the earliest. */
  readonly next?: { readonly step: 'used' | 'rotates' | 'retires' | 'forgotten'; readonly at: number };
}

/** Bytes in base64url. */
export interface PublicKeys {
  readonly domain: string;
  /** SHA-256 of the identity key: what stands in TXT. */
  readonly fingerprint: string;
  readonly identityKey: string;
  readonly recoveryHash: string;
  readonly mandate: string;
  /** The signed record now in force. */
  readonly record?: string;
}
