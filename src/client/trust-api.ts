/** What a client tells of others' keys: plain values, so that a program can print them as JSON. */
import type { MailChoice } from './state.ts';
import type { Trust } from '../directory/trust.ts';
import type { NoticeKind } from '../directory/user-pins.ts';

/** What an address is to who writes there: `changed` waits for the user's word. */
export type RecipientOutcome = 'native' | 'legacy' | 'later' | 'none' | 'unknown' | 'changed';

/** A fingerprint in all forms that people compare, wire-spec/keys.md section 9. */
export interface FingerprintForms {
  /** Base64url. */
  readonly whole: string;
  readonly words: string;
  readonly digits: string;
}

/** One entry of the history of a pin; fingerprints as base64url. */
export interface NoticeReport {
  /** Unix seconds at which this client noticed it. */
  readonly at: number;
  readonly kind: NoticeKind;
  readonly seen: boolean;
  /** Record and identity fingerprints before and after, where they tell something. */
  readonly fromRecord?: string;
  readonly toRecord?: string;
  readonly fromIdentity?: string;
  readonly toIdentity?: string;
  /** Of an orderly rotation: false where records in between were not seen. */
  readonly linked?: boolean;
}

/** What happened to a domain; fingerprints as base64url. */
export interface DomainNoticeReport {
  /** Unix seconds at which this client noticed it, and at which it was done, as the signer says. */
  readonly at: number;
  readonly made?: number;
  readonly kind: 'identity' | 'recovery_key' | 'escrow';
  /** Of another identity: signed by the one before or by the recovery key of its owner, or accepted on the user's word. */
  readonly by?: 'identity' | 'recovery' | 'word';
  readonly from?: string;
  readonly to?: string;
  /** Of escrow: whether the domain holds its users' keys since then. */
  readonly escrow?: boolean;
}

/**
 * Who can read what is sent: the devices of the `recipient`; their `domain`, which holds its users' keys (escrow); whoever reads the
 * `plain_text_store` that they have messages copied to (bridged).
 */
export type Reader = 'recipient' | 'domain' | 'plain_text_store';

/** Where a record says its user went or came from. Nobody follows it but the user. */
export interface MoveReport {
  readonly address: string;
  /** Whether the record there says the same the other way round; absent where nobody was asked. */
  readonly agrees?: boolean;
}

/** What to know of a recipient before anything is sent. */
export interface KnownRecipient {
  /** Since when their identity is pinned, unix seconds. */
  readonly since: number;
  /** No message of theirs was verified yet: nothing shows that there is somebody. */
  readonly unconfirmed: boolean;
  /** Their domain could not be asked again though it was time: what changed since is not known. */
  readonly stale?: boolean;
  readonly readers: readonly Reader[];
  /** What happened since the user last looked, oldest first. */
  readonly notices: readonly NoticeReport[];
  /** The same of their domain. */
  readonly domainNotices: readonly DomainNoticeReport[];
  readonly movedTo?: MoveReport;
  readonly movedFrom?: MoveReport;
}

/** Another identity of a user or of their domain, or weaker keys of the same identity: they wait for the user's word. */
export interface OfferedChange {
  readonly of: 'user' | 'domain';
  readonly what: 'identity' | 'suite';
  readonly offered: FingerprintForms;
}

export interface DomainTrustReport {
  readonly domain: string;
  readonly outcome: RecipientOutcome;
  readonly code?: string;
  readonly reason?: string;
  readonly trust?: Trust;
  /** Of the pinned or, where nothing is pinned, the listed identity. */
  readonly fingerprint?: FingerprintForms;
  readonly since?: number;
  readonly compared?: boolean;
  /** The domain holds its users' keys. */
  readonly escrow?: boolean;
  /** It says that it leaves: nothing new goes there. */
  readonly leaving?: boolean;
  /** Another identity that waits for the user's word. */
  readonly offered?: FingerprintForms;
  /** All that happened since it was pinned, oldest first. */
  readonly history: readonly DomainNoticeReport[];
}

export interface TrustReport extends Partial<KnownRecipient> {
  readonly address: string;
  /** It is the user's own. */
  readonly own: boolean;
  readonly outcome: RecipientOutcome;
  readonly code?: string;
  readonly reason?: string;
  readonly trust?: Trust;
  /** Identity fingerprint, base64url: of the pinned or, where nothing is pinned, the listed one. */
  readonly fingerprint?: string;
  readonly words?: string;
  readonly digits?: string;
  /** When their first message was verified, unix seconds. */
  readonly answered?: number;
  readonly compared?: boolean;
  /** What waits for the user's word: another identity, or weaker keys of the same one; and whose. */
  readonly offered?: FingerprintForms;
  readonly of?: 'user' | 'domain';
  readonly what?: 'identity' | 'suite';
  /** The record that is used, base64url, and the last second of it. */
  readonly record?: string;
  readonly expires?: number;
  /** Drops that they handed over before this time are void. */
  readonly dropsSince?: number;
  /** Clear text will do, on the user's word. */
  readonly mailAccepted?: boolean;
  /** All that happened, oldest first. */
  readonly history: readonly NoticeReport[];
  /** Who lists the user. */
  readonly domain: DomainTrustReport;
}

/** What is pinned of a correspondent, without asking anybody. */
export interface PinnedCorrespondent {
  readonly address: string;
  readonly fingerprint: string;
  readonly since: number;
  readonly compared: boolean;
  readonly unconfirmed: boolean;
  /** Another identity or weaker keys wait for the user's word. */
  readonly waits: boolean;
  readonly readers: readonly Reader[];
  readonly mailAccepted: boolean;
  readonly notices: readonly NoticeReport[];
  readonly domainNotices: readonly DomainNoticeReport[];
}

export interface ClientTrust {
  /** The own address unless told. Throws `address_invalid`, `domain_invalid`. */
  show(address?: string): Promise<TrustReport>;
  /** Throws `domain_invalid`. */
  showDomain(domain: string): Promise<DomainTrustReport>;
  /** All correspondents whose identity is pinned, by address. Nobody is asked. */
  list(): Promise<readonly PinnedCorrespondent[]>;
  /**
   * The fingerprint, in any form, was compared out of band with that of an address or a domain. That of an identity that waits takes the
   * place of the pinned one. Throws `usage` for what is no fingerprint, `fingerprint_mismatch`.
   */
  verify(who: string, fingerprint: string): Promise<TrustReport | DomainTrustReport>;
  /**
   * Takes what waits in the place of what is pinned, of an address or a domain: what has the fingerprint, in any form; for a user without one
   * what was seen (`acknowledge`). Throws `trust_changed` for what the user cannot have seen, `fingerprint_mismatch`.
   */
  accept(who: string, fingerprint?: string): Promise<TrustReport | DomainTrustReport>;
  /** The user's word that clear text will do for an address that was native and is not any more. */
  acceptMail(address: string): Promise<TrustReport>;
  /** The user's word that clear text will do for a domain, or never will, for those there who take mail only. Throws `domain_invalid`. */
  mail(domain: string, word: MailChoice['word']): Promise<void>;
  /** What was said of domains, by name. */
  mailWords(): readonly { readonly domain: string; readonly word: 'allow' | 'refuse'; readonly at: number }[];
  /** The user saw what happened; with kinds, only these. It stays in the history. */
  acknowledge(address: string, kinds?: readonly NoticeKind[]): Promise<void>;
}
