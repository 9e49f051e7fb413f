/** Aliases of the users of our domains, with an index by user. */
import { BeckonError } from '../errors.ts';
import type { Clock } from '../clock.ts';
import { domainName, hash, time } from '../wire/items.ts';
import { sizes } from '../wire/registry.ts';
import { bool, bytes, field, optional, record, text, type ValueOf } from '../wire/schema.ts';
import { maxAliases, type Alias, type AliasStore, type NewAlias } from './api/aliases.ts';
import { equal } from './digest.ts';
import { emptyCodec, schemaCodec, type Engine } from './engine.ts';
import { behind, joined, name } from './keys.ts';
import type { Watched } from './watched.ts';

export const aliasRow = record('alias', {
  domain: field(1, domainName),
  addressHash: field(2, hash),
  local: field(3, text(sizes.introductionLocal)),
  user: field(4, hash),
  created: field(5, time),
  /** The last that was listed here, by whomever. */
  record: optional(6, bytes(1, 64 * 1024)),
  /** Since when that record is of the past. */
  gone: optional(7, time),
  removed: field(8, bool),
});
export type AliasRow = ValueOf<typeof aliasRow>;

export interface AliasTables {
  readonly store: AliasStore;
  /** Rows of addresses that are, or were, aliases. */
  row(domain: string, addressHash: Uint8Array): AliasRow | undefined;
  of(domain: string, user: Uint8Array): readonly AliasRow[];
  /** Within a write: the user's aliases are taken away, or only their records where the user begins anew. */
  end(domain: string, user: Uint8Array, how: 'anew' | 'leaves'): void;
  /** Whether it is an alias now. */
  has(domain: string, addressHash: Uint8Array): boolean;
}

export interface AliasParts {
  readonly engine: Engine;
  readonly watched: Watched;
  /** Whether the address is that of a user, enrolled or invited. */
  readonly isUser: (domain: string, addressHash: Uint8Array) => boolean;
  readonly clock: Clock;
}

export function createAliases({ engine, watched, isUser, clock }: AliasParts): AliasTables {
  const aliases = engine.table('aliases', schemaCodec(aliasRow, 128 * 1024));
  const byUser = engine.table('aliases_by_user', emptyCodec);
  const keyOf = (domain: string, addressHash: Uint8Array) => joined(name(domain), addressHash);
  const row = (domain: string, addressHash: Uint8Array) => aliases.get(keyOf(domain, addressHash));

  function of(domain: string, user: Uint8Array): readonly AliasRow[] {
    const prefix = joined(name(domain), user);
    const keys = byUser.keys({ from: prefix, to: behind(prefix), limit: maxAliases });
    return keys.flatMap((key) => row(domain, key.slice(prefix.length)) ?? []);
  }

  function put(next: AliasRow): void {
    aliases.put(keyOf(next.domain, next.addressHash), next);
    watched.touch(next.domain, next.addressHash);
  }

  function indexKey({
    domain,
    user,
    addressHash,
  }: Pick<AliasRow, 'domain' | 'user' | 'addressHash'>): Uint8Array {
    return joined(name(domain), user, addressHash);
  }

  function add(domain: string, { addressHash, local, user }: NewAlias): AliasRow {
    if (!isUser(domain, user)) throw new BeckonError('not_found', 'there is no such user here');
    const before = row(domain, addressHash);
    if (before?.removed === false && equal(before.user, user)) return before;
    if (before?.removed === false || isUser(domain, addressHash))
      throw new BeckonError('exists', 'the address is taken');
    if (of(domain, user).length >= maxAliases)
      throw new BeckonError('quota_exceeded', `a user has at most ${maxAliases} aliases`);
    const next = { ...before, domain, addressHash, local, user, created: clock.seconds(), removed: false };
    byUser.put(indexKey(next), undefined);
    put(next);
    return next;
  }

  function held(domain: string, addressHash: Uint8Array): AliasRow {
    const found = row(domain, addressHash);
    if (found === undefined || found.removed)
      throw new BeckonError('not_found', 'there is no such alias here');
    return found;
  }

  function remove(found: AliasRow): void {
    byUser.remove(indexKey(found));
    watched.touch(found.domain, found.addressHash);
    if (found.record === undefined) aliases.remove(keyOf(found.domain, found.addressHash));
    else put({ ...found, removed: true, gone: found.gone ?? clock.seconds() });
  }

  function end(domain: string, user: Uint8Array, how: 'anew' | 'leaves'): void {
    for (const found of of(domain, user)) {
      if (how === 'leaves') remove(found);
      else if (found.record !== undefined) put({ ...found, gone: found.gone ?? clock.seconds() });
    }
  }

  const store: AliasStore = {
    async get(domain, addressHash) {
      const found = row(domain, addressHash);
      return found && aliasOf(found);
    },
    of: async (domain, user) => of(domain, user).map(aliasOf),
    add: (domain, alias) => watched.write(() => aliasOf(add(domain, alias))),
    remove: (domain, addressHash) =>
      watched.write(() => {
        remove(held(domain, addressHash));
      }),
    putRecord: (domain, addressHash, { user, previous, record: inner }) =>
      watched.write(() => {
        const found = held(domain, addressHash);
        if (!equal(found.user, user)) throw new BeckonError('not_found', 'the alias is another user’s');
        const standing = found.gone === undefined ? found.record : undefined;
        if (standing !== undefined && equal(standing, inner)) return;
        const agrees =
          previous === undefined || standing === undefined
            ? previous === standing
            : equal(previous, standing);
        if (!agrees) throw new BeckonError('conflict', 'another record came in between');
        const { gone: _, ...rest } = found;
        put({ ...rest, record: inner });
      }),
  };
  const has = (domain: string, addressHash: Uint8Array) => row(domain, addressHash)?.removed === false;
  return { store, row, of, end, has };
}

function aliasOf({
  domain,
  addressHash,
  local,
  user,
  created,
  record: inner,
  gone,
  removed,
}: AliasRow): Alias {
  const alias = { domain, addressHash, local, user, created };
  if (removed) return { ...alias, ...(gone === undefined ? {} : { gone }) };
  return inner === undefined || gone !== undefined ? alias : { ...alias, record: inner };
}
