/** `discover(address)`: exactly one of native, legacy, later, none. wire-spec/discovery.md section 3. */
import type { NoDomain } from '../dns/discover.ts';
import type { LaterUser, LegacyUser, NativeUser, UnknownUser } from './user-lookup.ts';
import type { Users } from './users.ts';

export type AddressDiscovery =
  | NativeUser
  | LegacyUser
  /** `trust_changed`: an identity changed and waits for the user's word; `Users.user` tells which. */
  | LaterUser
  /** The sender is told at once. */
  | { readonly kind: 'none'; readonly reason: NoDomain['reason'] | UnknownUser['reason'] };

export type DiscoverAddress = (address: string) => Promise<AddressDiscovery>;

/** How an address is written to. The returned function throws `address_invalid` or `domain_invalid` for what is none. */
export function createDiscoverAddress({ users }: { users: Pick<Users, 'user'> }): DiscoverAddress {
  return async (address) => {
    const outcome = await users.user(address);
    if (outcome.kind === 'changed') return { kind: 'later', reason: 'trust_changed' };
    if (outcome.kind === 'unknown') return { kind: 'none', reason: outcome.reason };
    return outcome;
  };
}
