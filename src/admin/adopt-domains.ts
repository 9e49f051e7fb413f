/** At start: the domains that have keys here are served, also those that `init` made while no daemon ran. */
import { systemRandom } from '../crypto/random.ts';
import type { TextSealer } from '../crypto/sealed-text.ts';
import { createDecoyRoot } from '../keys/decoy.ts';
import type { DomainKeys } from '../keys/domain-keys.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { DomainStore } from '../store/api/domains.ts';
import { mandate } from '../wire/keys.ts';
import { decode } from '../wire/schema.ts';
import { decodeSign1 } from '../wire/sign1.ts';
import { loadDomainKeys, removeDrafts, replaceWorkingKeys, rewriteKeyFiles } from './key-files.ts';

/**
 * Reads all keys below the data directory and adds rows for domains that have none. With a `sealer`, key files that are plain are
 * encrypted. Throws as `loadDomainKeys`.
 */
export async function adoptDomains(
  dataDir: string,
  keyRing: KeyRing,
  domains: DomainStore,
  sealer?: TextSealer,
): Promise<void> {
  await removeDrafts(dataDir);
  if (sealer !== undefined) await rewriteKeyFiles(dataDir, { from: sealer, to: sealer });
  for (const keys of await loadDomainKeys(dataDir, sealer))
    await serveDomain(await withDecoys(dataDir, keys, sealer), keyRing, domains);
}

/** Version 0.1 made domains without what decoys come from. They begin when the domain's mandate was signed. */
async function withDecoys(
  dataDir: string,
  keys: DomainKeys,
  sealer: TextSealer | undefined,
): Promise<DomainKeys> {
  if (keys.decoys !== undefined) return keys;
  const { created } = decode(mandate, decodeSign1(keys.mandate).payload);
  const whole = { ...keys, decoys: createDecoyRoot(created, systemRandom) };
  await replaceWorkingKeys(dataDir, whole, sealer);
  return whole;
}

/** From here on the domain is served. A row that it had before, with its settings, stands. */
export async function serveDomain(keys: DomainKeys, keyRing: KeyRing, domains: DomainStore): Promise<void> {
  if ((await domains.get(keys.domain)) === undefined) await domains.add(keys.domain);
  keyRing.set(keys);
}
