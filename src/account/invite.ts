/** Invitations: how a user of a domain comes to be, wire-spec/account.md section 2. */
import type { Clock } from '../clock.ts';
import { sha256 } from '../crypto/kdf.ts';
import type { Random } from '../crypto/random.ts';
import { BeckonError } from '../errors.ts';
import { addressHash } from '../keys/fingerprints.ts';
import type { NewInvitation, UserStore } from '../store/api/users.ts';
import { formatAddress, type Address } from '../wire/address.ts';
import { formatInvitation } from '../wire/invitation.ts';

/** How long an invitation may be used, seconds. */
export const invitationLife = 14 * 86_400;
const tokenSize = 16;

export interface InviteParts {
  readonly users: UserStore;
  /** SHA-256 of the identity key of a domain of ours. */
  readonly fingerprintOf: (domain: string) => Uint8Array | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

export interface Invited {
  /** `beckon-invitation:...`, to be handed to the user by a safe way. */
  readonly invitation: string;
  readonly expires: number;
}

/**
 * Invites a new user, or anew one that never enrolled or was removed. Only the hash of the token is kept. The function throws
 * `not_found` (no such domain here) and `exists` (enrolled already).
 */
export function createInvite(parts: InviteParts): (address: Address) => Promise<Invited> {
  return async (address) =>
    await issue(parts, address, (invitation) => parts.users.invite(address.domain, invitation));
}

/**
 * Invites an enrolled user again, who lost everything: whoever uses the invitation begins anew, and all that was before goes
 * then. Until then the user goes on; with `revoke`, for what was stolen, not a moment longer. The function throws `not_found`.
 */
export function createReinvite(
  parts: InviteParts,
): (address: Address, how: { readonly revoke: boolean }) => Promise<Invited> {
  return async (address, { revoke }) =>
    await issue(parts, address, (invitation) =>
      parts.users.reinvite(address.domain, { ...invitation, suspend: revoke }),
    );
}

async function issue(
  { fingerprintOf, clock, random }: InviteParts,
  address: Address,
  store: (invitation: NewInvitation) => Promise<void>,
): Promise<Invited> {
  const fingerprint = fingerprintOf(address.domain);
  if (fingerprint === undefined) throw new BeckonError('not_found', 'this domain is not served here');
  const token = random(tokenSize);
  const expires = clock.seconds() + invitationLife;
  await store({
    addressHash: addressHash(formatAddress(address)),
    local: address.local,
    tokenHash: sha256(token),
    expires,
  });
  return { invitation: formatInvitation({ ...address, token, fingerprint }), expires };
}
