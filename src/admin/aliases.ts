/** Aliases, as a hoster gives and takes them. */
import { BeckonError } from '../errors.ts';
import { bridgeLocal } from '../keys/bridge-user.ts';
import { addressHash } from '../keys/fingerprints.ts';
import type { Store } from '../store/api/store.ts';
import { formatAddress, parseAddress, type Address } from '../wire/address.ts';

/** Operations for `createRunningOperations`: values in, values out. */
export function aliasOperations({ store }: { readonly store: Pick<Store, 'users' | 'aliases'> }) {
  async function aliasesOf(address: Address) {
    const { domain } = address;
    const user = hashOf(address);
    if ((await store.users.get(domain, user)) === undefined)
      throw new BeckonError('not_found', 'there is no such user here');
    const held = await store.aliases.of(domain, user);
    return {
      address: formatAddress(address),
      aliases: held.map(({ local, record }) => ({
        address: formatAddress({ local, domain }),
        listed: record !== undefined,
      })),
    };
  }

  return {
    /** Throws `address_invalid`, `domain_invalid`, `not_found`. */
    async aliases(typed: string) {
      return await aliasesOf(canonical(typed));
    },

    /** Throws `address_invalid`, `domain_invalid`, `not_found`, `exists`, `quota_exceeded`. */
    async setAlias(typed: string, typedAlias: string, held: boolean) {
      const address = canonical(typed);
      const alias = canonical(typedAlias);
      if (alias.domain !== address.domain)
        throw new BeckonError('address_invalid', 'an alias is of the same domain as its user');
      if (alias.local === bridgeLocal)
        throw new BeckonError('exists', 'this name is kept for the bridge of the domain to mail');
      const { domain } = address;
      const user = hashOf(address);
      const standing = await store.aliases.of(domain, user);
      const own = standing.some(({ local }) => local === alias.local);
      if (held) await store.aliases.add(domain, { addressHash: hashOf(alias), local: alias.local, user });
      else if (own) await store.aliases.remove(domain, hashOf(alias));
      else throw new BeckonError('not_found', 'this user has no such alias');
      return await aliasesOf(address);
    },
  };
}

function canonical(typed: string): Address {
  const { address, tag } = parseAddress(typed);
  if (tag !== undefined) throw new BeckonError('address_invalid', 'an address of a user has no +tag');
  return address;
}

function hashOf(address: Address): Uint8Array {
  return addressHash(formatAddress(address));
}
