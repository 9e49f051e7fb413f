/** Bridge users of our domains: which domains have one, under what name, and their rows among the users. wire-spec/bridges.md section 2. */
import { constantTimeEqual } from '../crypto/secret.ts';
import { bridgeLocal } from '../keys/bridge-user.ts';
import type { DomainKeys } from '../keys/domain-keys.ts';
import { addressHash } from '../keys/fingerprints.ts';
import type { Store } from '../store/api/store.ts';
import { formatAddress } from '../wire/address.ts';
import type { EffectiveSettings } from './domain-settings.ts';

export interface BridgeUsers {
  /** Whether the domain has a bridge. */
  isWanted(domain: string): Promise<boolean>;
  /** A local part for its bridge user that nobody has. */
  freeLocal(domain: string): Promise<string>;
  /** Whether others may have seen a later record of the bridge user than there is: the tables are those of a backup. */
  isRestored(domain: string): Promise<boolean>;
  /** The bridge user is listed with its record of now; durable when it resolves. */
  list(keys: DomainKeys): Promise<void>;
}

export interface BridgeUserStoreParts {
  readonly store: Pick<Store, 'users' | 'aliases' | 'domains'>;
  readonly settings: EffectiveSettings;
}

/** More than anybody has given away. */
const mostNames = 100;

export function createBridgeUsers({ store, settings }: BridgeUserStoreParts): BridgeUsers {
  const { users, aliases, domains } = store;

  async function isTaken(domain: string, local: string): Promise<boolean> {
    const hash = addressHash(formatAddress({ local, domain }));
    return (await users.get(domain, hash)) !== undefined || (await aliases.get(domain, hash)) !== undefined;
  }

  return {
    isWanted: async (domain) => (await settings.of(domain))?.bridge === 'on',

    async freeLocal(domain) {
      let local = bridgeLocal;
      for (let n = 2; n < mostNames && (await isTaken(domain, local)); n++) local = `${bridgeLocal}-${n}`;
      return local;
    },

    isRestored: async (domain) => (await domains.published(domain)) === undefined,

    async list({ domain, bridge }) {
      if (bridge === undefined) return;
      const { local, record } = bridge;
      const hash = addressHash(formatAddress({ local, domain }));
      const known = await users.get(domain, hash);
      if (known?.record !== undefined && constantTimeEqual(known.record, record)) return;
      await users.putHeld(domain, { addressHash: hash, local, record });
    },
  };
}
