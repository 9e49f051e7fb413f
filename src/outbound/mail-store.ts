/** Where a user's mail store may be reached: addresses that may be dialled, and whom to trust. wire-spec/bridges.md section 6. */
import type { SecureContext } from 'node:tls';
import type { Resolver } from '../dns/resolver.ts';
import { createAddressPolicy } from './address-policy.ts';
import { createDialler } from './dial.ts';
import { trusting } from './tls.ts';

export interface MailStorePlace {
  /** Checked; to be dialled as they are. */
  readonly addresses: readonly string[];
  readonly secureContext: SecureContext;
}

/** The place of a host. Throws `network_refused`, `network_failed`. */
export type FindMailStore = (host: string) => Promise<MailStorePlace>;

/** @throws BeckonError `config_invalid` for an unusable range or file */
export function createFindMailStore({
  resolver,
  allow,
  caFiles,
}: {
  readonly resolver: Resolver;
  readonly allow: readonly string[];
  readonly caFiles: readonly string[];
}): FindMailStore {
  const dialler = createDialler(resolver, createAddressPolicy(allow));
  const secureContext = trusting(caFiles, 'TLSv1.2');
  return async (host) => ({ addresses: await dialler.addresses(host), secureContext: secureContext() });
}
