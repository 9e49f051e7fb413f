/** What the daemon pulls for its users, as routes and upkeep ask it. A list, as daemon.ts is. */
import { createSetPulls, type SetPulls } from './account/pulls.ts';
import type { EffectiveSettings } from './admin/domain-settings.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { Domains } from './directory/domains.ts';
import type { Remote } from './directory/remote.ts';
import { createReadCopy, type ReadCopy } from './fetch/blind.ts';
import type { PullTerms } from './fetch/pull-one.ts';
import { createPulling, type Pulling } from './fetch/pull.ts';
import type { KeyRing } from './keys/key-ring.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import { registrableDomain } from './notify/registrable.ts';
import type { Store } from './store/api/store.ts';

export interface PullSideParts {
  readonly store: Store;
  readonly settings: EffectiveSettings;
  readonly keyRing: KeyRing;
  readonly domains: Pick<Domains, 'domain'>;
  readonly remote: Remote;
  /** As it is now: a reload counts at once. */
  readonly config: () => Config;
  readonly clock: Clock;
  /** By which messages end. */
  readonly expiry: Clock;
  /** By which turns come up. */
  readonly steady: Clock;
  readonly draw: () => number;
  readonly metrics: Metrics;
  readonly log: Log;
}

export interface PullSide {
  readonly setPulls: SetPulls;
  readonly readCopy: ReadCopy;
  /** What holds for the users of a domain. */
  readonly termsOf: (domain: string) => Promise<PullTerms>;
  readonly pulling: Pulling;
}

export function createPullSide(parts: PullSideParts): PullSide {
  const { store, settings, keyRing, config, clock } = parts;
  const pollKey = (domain: string, id: Uint8Array) => keyRing.pollKey(domain, id, clock.seconds());
  const termsOf = async (domain: string): Promise<PullTerms> => {
    const { pulled: domainBytes, pulledKeep: keep } = config().storage;
    return { userBytes: (await settings.of(domain))?.pullQuota ?? 0, domainBytes, keep };
  };
  const pulling = createPulling({
    ...store,
    ...parts,
    keysOf: (domain) => keyRing.keysOf(domain)?.keys ?? [],
    async termsOf(domain, user) {
      const terms = await termsOf(domain);
      const isActive = (await store.users.get(domain, user))?.status === 'active';
      return terms.userBytes > 0 && isActive ? terms : undefined;
    },
    registrable: registrableDomain,
  });
  return {
    setPulls: createSetPulls({
      pulls: store.pulls,
      pollKey,
      pullsFor: async (domain) => (await termsOf(domain)).userBytes > 0,
      collect: pulling.collect,
      firstDue: pulling.firstDue,
      clock,
    }),
    readCopy: createReadCopy({ pollKey, copies: store.copies, blobs: store.blobs, clock }),
    termsOf,
    pulling,
  };
}
