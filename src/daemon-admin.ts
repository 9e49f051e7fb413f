/** What the administrator may do with the running daemon, as the admin routes ask it. A list, as daemon.ts is. */
import { createDkimOperations } from './admin/dkim-operations.ts';
import { createDnsOf } from './admin/domain-dns.ts';
import { createIdentityOperations } from './admin/identity-operations.ts';
import type { KeyKeeper } from './admin/key-keeper.ts';
import { createKeyOperations } from './admin/key-operations.ts';
import { createOwnDns } from './admin/own-dns.ts';
import { createRunningOperations, type RunningParts } from './admin/running.ts';
import type { Publisher } from './directory/publish.ts';
import type { Discover } from './dns/discover.ts';
import type { AdminHandlers } from './http/admin-handlers.ts';

export interface AdminSideParts extends Omit<RunningParts, 'ownDns' | 'settleKeys'> {
  readonly keeper: KeyKeeper;
  readonly publisher: Publisher;
  readonly discover: Discover;
}

export function createAdminSide({ keeper, publisher, discover, ...parts }: AdminSideParts): AdminHandlers {
  const { keyRing, config, ports, clock, random } = parts;
  const operations = createRunningOperations({
    ...parts,
    ownDns: createOwnDns(discover),
    settleKeys: keeper.runFor,
  });
  const keyOperations = createKeyOperations({
    keyRing,
    keeper,
    published: publisher.published,
    rotation: () => config().keys.rotate,
    clock,
    random,
  });
  const identityOperations = createIdentityOperations({
    keyRing,
    keeper,
    dnsOf: createDnsOf({ keyRing, config, ports }),
    domainTxt: discover.domainTxt,
    clock,
    random,
  });
  const dkimOperations = createDkimOperations({ keyRing, keeper });
  return { ...operations, ...keyOperations, ...identityOperations, ...dkimOperations };
}
