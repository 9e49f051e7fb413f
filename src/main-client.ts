/** The client library put together for this machine: files for its state, the network from the environment. */
import type { CreateClient, Surroundings } from './cli/open-client.ts';
import { createClient, type ClientNetwork } from './client/index.ts';
import { systemClock as clock } from './clock.ts';
import { systemRandom as random } from './crypto/random.ts';
import type { DirectoryCache } from './directory/cache.ts';
import { createConfirmLegacy } from './directory/confirm-legacy.ts';
import { createDomains } from './directory/domains.ts';
import { createRemote } from './directory/remote.ts';
import { createUsers } from './directory/users.ts';
import { createDiscover } from './dns/discover.ts';
import { createResolver } from './dns/resolver.ts';
import { silentLog as log } from './log.ts';
import { createHttps } from './outbound/https.ts';

/** Makes the client of one command. Throws `state_invalid`, and `config_invalid` for authorities that cannot be read. */
export const createNodeClient: CreateClient = ({ state, device, sending }, surroundings) =>
  createClient({
    state,
    secrets: device,
    sending,
    connect: (cache) => connect(cache, surroundings),
    clock,
    random,
  });

function connect(cache: DirectoryCache, { resolvers, allow, caFiles }: Surroundings): ClientNetwork {
  const resolver = createResolver({ servers: resolvers });
  const https = createHttps({ resolver, allow, caFiles });
  const discover = createDiscover(resolver);
  const domains = createDomains({ discover, https, cache, clock, log });
  const confirmLegacy = createConfirmLegacy({ resolver, https, clock, log });
  const users = createUsers({ domains, https, cache, confirmLegacy, clock, log });
  return { domains, users, remote: createRemote({ https }), https, close: () => https.close() };
}
