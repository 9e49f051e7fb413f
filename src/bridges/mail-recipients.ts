/** Who mail is for: the users of our domains by their addresses, aliases and tags; over LMTP natives of other domains too. */
import { addressHash } from '../keys/fingerprints.ts';
import type { AliasStore } from '../store/api/aliases.ts';
import type { UserStore } from '../store/api/users.ts';
import { formatAddress, parseAddress, type Address } from '../wire/address.ts';

export type FoundRecipient =
  | {
      readonly kind: 'found';
      /** Canonical. */
      readonly address: string;
      readonly tag?: string;
      /** Whose bridge user writes; undefined: the recipient is of a domain that is not ours. */
      readonly domain?: string;
    }
  | { readonly kind: 'unknown' | 'not_here' | 'later' };

/** As typed in an envelope. Never throws but where the store fails. */
export type FindRecipient = (typed: string) => Promise<FoundRecipient>;

export interface FindRecipientParts {
  /** Whether a domain is ours and has a bridge. */
  readonly hasBridge: (domain: string) => Promise<boolean>;
  readonly users: Pick<UserStore, 'get'>;
  readonly aliases: Pick<AliasStore, 'get'>;
  /** Whether nobody may be written to there by mail: the address of the bridge user. */
  readonly isBridge: (address: Address) => boolean;
  /** Whether somebody of another domain is native; absent where such mail is not for this door. */
  readonly findElsewhere?: ((address: string) => Promise<'native' | 'unknown' | 'later'>) | undefined;
}

export function createFindRecipient(parts: FindRecipientParts): FindRecipient {
  const { hasBridge, users, aliases, isBridge, findElsewhere } = parts;

  async function own({ local, domain }: Address, tag: string | undefined): Promise<FoundRecipient> {
    const address = formatAddress({ local, domain });
    const hash = addressHash(address);
    if (isBridge({ local, domain })) return { kind: 'unknown' };
    const found = { kind: 'found', address, domain, ...(tag === undefined ? {} : { tag }) } as const;
    const user = await users.get(domain, hash);
    switch (user?.status) {
      case 'active':
        return found;
      case 'suspended':
        return { kind: 'later' };
      case 'invited':
      case 'gone':
        return { kind: 'unknown' };
      case undefined:
    }
    const alias = await aliases.get(domain, hash);
    if (alias === undefined || alias.gone !== undefined) return { kind: 'unknown' };
    // Until the user's client has signed a record for it, nothing can be sealed to it.
    return alias.record === undefined ? { kind: 'later' } : found;
  }

  return async (typed) => {
    const parsed = tryParse(typed);
    if (parsed === undefined) return { kind: 'unknown' };
    const { address, tag } = parsed;
    if (await hasBridge(address.domain)) return await own(address, tag);
    if (findElsewhere === undefined) return { kind: 'not_here' };
    const text = formatAddress(address);
    const elsewhere = await findElsewhere(text);
    if (elsewhere !== 'native') return { kind: elsewhere };
    return { kind: 'found', address: text, ...(tag === undefined ? {} : { tag }) };
  };
}

/** Addresses of mail that cannot be native ones are nobody's here. */
function tryParse(typed: string): ReturnType<typeof parseAddress> | undefined {
  try {
    return parseAddress(typed);
  } catch {
    return undefined;
  }
}
