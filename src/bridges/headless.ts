/**
 * A user's client inside their domain's daemon, for as long as a session lasts (wire-spec/account.md section 14). What it remembers lies in
 * memory and is overwritten at the end; what must last it shares with the user's other devices.
 */
import { createClient, type Client, type TextFile } from '../client/index.ts';
import type { Clock } from '../clock.ts';
import type { Random } from '../crypto/random.ts';
import type { DirectoryCache } from '../directory/cache.ts';
import { createConfirmLegacy } from '../directory/confirm-legacy.ts';
import { createDomains } from '../directory/domains.ts';
import { createRemote } from '../directory/remote.ts';
import { createUsers } from '../directory/users.ts';
import type { Discover } from '../dns/discover.ts';
import type { Resolver } from '../dns/resolver.ts';
import type { Log } from '../log.ts';
import type { Https, HttpsRequest } from '../outbound/https.ts';
import type { GatewayKeys } from '../wire/gateway.ts';

/** How the daemon's own domains are asked: without the way over the network. */
export interface OwnDomains {
  serves(domain: string): boolean;
  request: Https['request'];
  stream: Https['stream'];
}

export interface HeadlessParts {
  readonly resolver: Resolver;
  readonly discover: Discover;
  readonly https: Https;
  readonly local: OwnDomains;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface Headless {
  readonly client: Client;
  /** Ends it: what it held is overwritten, as far as a program can. */
  end(): Promise<void>;
}

/** Opens the client of a user whose keys these are; the keys are overwritten. */
export type OpenHeadless = (keys: GatewayKeys) => Promise<Headless>;

/** Throws as `Client.speak`, and then nothing is left. */
export function createHeadless(parts: HeadlessParts): OpenHeadless {
  const { clock, random, log, resolver, discover } = parts;
  const https = locally(parts.https, parts.local);

  function connect(cache: DirectoryCache) {
    const domains = createDomains({ discover, https, cache, clock, log });
    const confirmLegacy = createConfirmLegacy({ resolver, https, clock, log });
    const users = createUsers({ domains, https, cache, confirmLegacy, clock, log });
    // The connections are the daemon's: they outlive the client.
    return { domains, users, remote: createRemote({ https }), https, close: async () => undefined };
  }

  return async (keys) => {
    const files = [memoryFile(), memoryFile(), memoryFile()] as const;
    const [state, secrets, sending] = files;
    const forget = (): void => files.forEach((file) => file.forget());
    try {
      const client = await createClient({ state, secrets, sending, connect, clock, random });
      await client.speak(keys);
      return {
        client,
        async end() {
          await client.close();
          forget();
        },
      };
    } catch (error) {
      forget();
      throw error;
    } finally {
      keys.deviceKey.fill(0);
      keys.stateKey.fill(0);
    }
  };
}

function locally(https: Https, local: OwnDomains): Https {
  const to = ({ domain }: HttpsRequest): Pick<Https, 'request' | 'stream'> =>
    local.serves(domain) ? local : https;
  return {
    request: (request) => to(request).request(request),
    stream: (request) => to(request).stream(request),
    close: () => https.close(),
  };
}

interface ForgettingFile extends TextFile {
  forget(): void;
}

function memoryFile(): ForgettingFile {
  let bytes: Uint8Array | undefined;
  const forget = (): void => {
    bytes?.fill(0);
    bytes = undefined;
  };
  return {
    read: async () => (bytes === undefined ? undefined : new TextDecoder().decode(bytes)),
    async write(text) {
      forget();
      bytes = new TextEncoder().encode(text);
    },
    forget,
  };
}
