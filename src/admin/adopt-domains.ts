/** At start: the domains that have keys here are served, also those that `init` made while no daemon ran. */
import type { DomainKeys } from '../keys/domain-keys.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { DomainStore } from '../store/api/domains.ts';
import { loadDomainKeys } from './key-files.ts';

/** Reads all keys below the data directory and adds rows for domains that have none. Throws as `loadDomainKeys`. */
export async function adoptDomains(dataDir: string, keyRing: KeyRing, domains: DomainStore): Promise<void> {
  for (const keys of await loadDomainKeys(dataDir)) await serveDomain(keys, keyRing, domains);
}

/** From here on the domain is served. A row that it had before, with its settings, stands. */
export async function serveDomain(keys: DomainKeys, keyRing: KeyRing, domains: DomainStore): Promise<void> {
  if ((await domains.get(keys.domain)) === undefined) await domains.add(keys.domain);
  keyRing.set(keys);
}
