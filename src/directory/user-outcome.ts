/** What an address is to who writes there, as the directory tells it. */
import { constantTimeEqual } from '../crypto/secret.ts';
import type { LegacyDomain, NoDomain } from '../dns/discover.ts';
import type { VerifiedUser } from '../keys/user-answer.ts';
import { isBridged } from '../keys/user-change.ts';
import type { DomainEvent } from './domain-history.ts';
import type { ChangedPeer, LaterPeer, NativePeer } from './domain-lookup.ts';
import { userTrust, type Trust } from './trust.ts';
import { unseenNotices, type UserNotice, type UserPin } from './user-pins.ts';

export interface NativeUser {
  readonly kind: 'native';
  readonly user: VerifiedUser;
  readonly domain: NativePeer;
  readonly trust: Trust;
  /** The record could not be read again when it was due; it is still valid. */
  readonly stale: boolean;
  /** Since when this identity is pinned. */
  readonly since: number;
  /** A message of theirs was verified; before that nothing shows that there is somebody. */
  readonly confirmed: boolean;
  /** Drops that they handed over before this time are void. */
  readonly dropsSince?: number;
  /** Their domain holds its users' keys. */
  readonly escrow: boolean;
  /** They have messages copied into a store that is not encrypted. */
  readonly bridged: boolean;
  /** What happened since the user last looked (`Users.acknowledge`), oldest first. */
  readonly notices: readonly UserNotice[];
  /** The same of their domain. */
  readonly domainNotices: readonly DomainEvent[];
}

/** Takes mail over SMTP: by its domain's DNS, by its domain's signed word, or because its own user said so. */
export type LegacyUser =
  | {
      readonly kind: 'legacy';
      readonly reason: 'domain';
      readonly mx: LegacyDomain['mx'];
      /** DNSSEC proves that the domain has no Beckon. */
      readonly dnssec: boolean;
    }
  | { readonly kind: 'legacy'; readonly reason: 'by_mail' | 'accepted' };

/**
 * `pinned_native`: native before, and not any more: wait and warn (`acceptMail`). `legacy_contradicted`, `legacy_unconfirmed`: DNS says that
 * the domain takes mail only, and its own server says otherwise, or nothing (confirm-legacy.ts). `not_active`: the domain lists the user as
 * suspended. Codes: why the answer was refused.
 */
export interface LaterUser {
  readonly kind: 'later';
  readonly reason: LaterPeer['reason'] | 'not_active';
}

/**
 * Another identity than the pinned one, the user's or the domain's, or weaker keys of the same one (`suite`): nothing is sent before
 * someone accepts it.
 */
export interface ChangedUser extends ChangedPeer {
  readonly of: 'user' | 'domain';
  readonly what: 'identity' | 'suite';
}

/** The domain says for certain that it has no such user. */
export interface UnknownUser {
  readonly kind: 'unknown';
  readonly reason: 'no_such_user' | 'user_gone';
  /** There was one before, and the domain did not sign that they are gone. */
  readonly pinned?: true;
}

export type UserOutcome = NativeUser | LegacyUser | LaterUser | ChangedUser | UnknownUser | NoDomain;

/** What waits, as the pin has it. */
export function changedUser(pin: UserPin, offered: Uint8Array): ChangedUser {
  const what = constantTimeEqual(pin.fingerprint, offered) ? 'suite' : 'identity';
  return { kind: 'changed', of: 'user', what, pinned: pin.fingerprint, offered, since: pin.since };
}

/** What is known of a user whose record stands. */
export function nativeUser(
  user: VerifiedUser,
  domain: NativePeer,
  pin: UserPin,
  pinnedBefore: boolean,
): NativeUser {
  const { compared, confirmed, since, voidBefore } = pin;
  const evidence = {
    compared,
    pinnedBefore,
    card: pin.card !== undefined,
    answered: confirmed !== undefined && confirmed > 0,
    escrow: user.escrow,
  };
  return {
    kind: 'native',
    user,
    domain,
    trust: userTrust(evidence, domain.trust),
    stale: false,
    since,
    confirmed: confirmed !== 0,
    ...(voidBefore === undefined ? {} : { dropsSince: voidBefore }),
    escrow: user.escrow,
    bridged: isBridged(user),
    notices: unseenNotices(pin),
    domainNotices: unseenEvents(pin, domain.history),
  };
}

/** What happened to a user's domain since the user was pinned, as far as it was not looked at. */
export function unseenEvents(
  { since, domainSeen = since }: UserPin,
  history: readonly DomainEvent[],
): readonly DomainEvent[] {
  return history.filter(({ noticed }) => noticed > domainSeen);
}
