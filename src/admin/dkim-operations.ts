/** What a hoster asks of a running daemon about the DKIM keys of its domains. */
import { dkimEntries, nextDkimSelector, withNextDkim } from '../keys/dkim-life.ts';
import { createDkimKey } from '../keys/dkim-key.ts';
import type { DomainKeys } from '../keys/domain-keys.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { BeckonError } from '../errors.ts';
import { canonicalDomain } from '../wire/domain-name.ts';
import { dkimLine } from './domain-dns.ts';
import type { KeyKeeper } from './key-keeper.ts';

export interface DkimOperationsParts {
  readonly keyRing: Pick<KeyRing, 'keysOf'>;
  readonly keeper: Pick<KeyKeeper, 'change'>;
}

export function createDkimOperations({ keyRing, keeper }: DkimOperationsParts) {
  function keysOf(typed: string): DomainKeys {
    const keys = keyRing.keysOf(canonicalDomain(typed));
    if (keys === undefined) throw new BeckonError('not_found', 'this domain is not served here');
    return keys;
  }

  function report(keys: DomainKeys) {
    const { domain } = keys;
    return {
      domain,
      keys: dkimEntries(keys).map(({ txt, ...entry }) => ({
        ...entry,
        dns: dkimLine({ selector: entry.selector, txt }, domain),
      })),
    };
  }

  return {
    /** Throws `domain_invalid`, `not_found`. */
    domainDkim: async (typed: string) => await Promise.resolve(report(keysOf(typed))),
    /** Makes the next key, or gives the one that waits for DNS. Throws `conflict` where the domain signs no mail. */
    async rotateDkim(typed: string) {
      const keys = keysOf(typed);
      const next = keys.dkimNext ?? (await createDkimKey(nextDkimSelector(keys)));
      return report(await keeper.change(keys.domain, (present) => withNextDkim(present, next)));
    },
  };
}
