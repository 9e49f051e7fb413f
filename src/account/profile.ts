/** What the domain knows of a user and tells their devices, wire-spec/account.md section 7. */
import { BeckonError } from '../errors.ts';
import type { Alias, AliasStore } from '../store/api/aliases.ts';
import type { CopyStore } from '../store/api/copies.ts';
import type { StateStore } from '../store/api/states.ts';
import type { TransitStore } from '../store/api/transit.ts';
import type { Device, UserStore } from '../store/api/users.ts';
import { formatAddress } from '../wire/address.ts';
import type { AccountUser } from './user.ts';

export interface Profile {
  readonly address: string;
  readonly local: string;
  /** The inner user record as the domain lists it. */
  readonly record: Uint8Array;
  readonly aliases: readonly { readonly address: string; readonly record?: Uint8Array }[];
  /** Devices and the recovery key; pairings are not shown. */
  readonly devices: readonly Device[];
  /** Absent where there is none. */
  readonly state?: { readonly size: number; readonly changed: number };
  /** Bytes that are in use, and that may be. */
  readonly used: number;
  readonly quota: number;
  /** How long the domain keeps ciphertext for the user, seconds; 0: not at all. */
  readonly keep: number;
  /** What was pulled for the user; absent where nothing is. */
  readonly pulled?: { readonly used: number; readonly quota: number; readonly keep: number };
}

export interface ProfileParts {
  readonly users: UserStore;
  readonly aliases: AliasStore;
  readonly states: StateStore;
  readonly transit: TransitStore;
  readonly copies: Pick<CopyStore, 'used'>;
  readonly quotaOf: (domain: string) => Promise<number>;
  readonly keepOf: (domain: string) => Promise<number>;
  /** Bytes that may be pulled for each user, 0 where nothing is, and how long they are kept, seconds. */
  readonly pullTermsOf: (domain: string) => Promise<{ readonly userBytes: number; readonly keep: number }>;
}

/** The function throws `not_found` where the user is gone meanwhile. */
export function createProfile(parts: ProfileParts): (user: AccountUser) => Promise<Profile> {
  const { users, aliases, states, transit, copies, quotaOf, keepOf, pullTermsOf } = parts;
  return async ({ owner }) => {
    const user = await users.get(owner.domain, owner.user);
    if (user?.record === undefined) throw new BeckonError('not_found', 'there is no such user');
    const state = await states.get(owner);
    const { userBytes: most, keep: pulledKeep } = await pullTermsOf(owner.domain);
    const pulled = { used: await copies.used(owner), quota: most, keep: pulledKeep };
    const { bytes: used } = await transit.usage(owner.domain, owner.user);
    return {
      address: formatAddress(user),
      local: user.local,
      record: user.record,
      aliases: (await aliases.of(owner.domain, owner.user)).map(aliasOf),
      devices: user.devices.filter(({ kind }) => kind !== 'pairing'),
      ...(state === undefined ? {} : { state: { size: state.size, changed: state.changed } }),
      used,
      quota: await quotaOf(owner.domain),
      keep: await keepOf(owner.domain),
      ...(most === 0 ? {} : { pulled }),
    };
  };
}

function aliasOf(alias: Alias): Profile['aliases'][number] {
  const address = formatAddress(alias);
  return alias.record === undefined ? { address } : { address, record: alias.record };
}
