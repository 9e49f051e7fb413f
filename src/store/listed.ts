/** What is published of an address, out of the tables of users and aliases. */
import type { ListedAddress, ListedStore } from './api/listed.ts';
import type { User } from './api/users.ts';
import type { AliasTables } from './aliases.ts';
import type { Watched } from './watched.ts';

export interface ListedParts {
  readonly user: (domain: string, addressHash: Uint8Array) => User | undefined;
  /** Anyone of the domain: read in the place of a user that is not there. */
  readonly anyUser: (domain: string) => User | undefined;
  readonly aliases: Pick<AliasTables, 'row' | 'of'>;
  readonly watched: Watched;
}

export function createListed({ user, anyUser, aliases, watched }: ListedParts): ListedStore {
  function ofUser(domain: string, addressHash: Uint8Array): ListedAddress | undefined {
    const found = user(domain, addressHash);
    if (found?.record === undefined) return undefined;
    const { status, record, gone } = found;
    if (gone !== undefined) return { status: 'active', record, gone };
    const held = found.held === true ? { held: found.held } : {};
    return { status: status === 'suspended' ? status : 'active', record, ...held };
  }

  function ofAlias(domain: string, addressHash: Uint8Array): ListedAddress | undefined {
    const row = aliases.row(domain, addressHash);
    const owner = row === undefined ? anyUser(domain) : user(domain, row.user);
    if (row?.record === undefined) return undefined;
    const status = owner?.status === 'suspended' && row.gone === undefined ? 'suspended' : 'active';
    return { status, record: row.record, ...(row.gone === undefined ? {} : { gone: row.gone }) };
  }

  return {
    async get(domain, addressHash) {
      return ofUser(domain, addressHash) ?? ofAlias(domain, addressHash);
    },
    watch: (listener) =>
      watched.watch((domain, addressHash) => {
        listener(domain, addressHash);
        // What is known of users shows in their aliases: a suspension.
        for (const alias of aliases.of(domain, addressHash)) listener(domain, alias.addressHash);
      }),
  };
}
