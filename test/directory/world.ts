/** Domains on loopback: real DNS, real TLS, records made by `keys`. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { systemRandom } from '../../src/crypto/random.ts';
import { createConfirmLegacy } from '../../src/directory/confirm-legacy.ts';
import { createDomains } from '../../src/directory/domains.ts';
import type { Domains } from '../../src/directory/domains.ts';
import { createUsers } from '../../src/directory/users.ts';
import type { Users } from '../../src/directory/users.ts';
import { createDiscover } from '../../src/dns/discover.ts';
import { domainRecords } from '../../src/dns/records.ts';
import type { DnsRecord } from '../../src/dns/record.ts';
import { createDomainKeys } from '../../src/keys/domain-keys.ts';
import type { DomainKeys } from '../../src/keys/domain-keys.ts';
import { encodeDomainAnswer, signDomainRecord } from '../../src/keys/domain-record.ts';
import type { Log, LogFields } from '../../src/log.ts';
import { createHttps } from '../../src/outbound/https.ts';
import type { Https } from '../../src/outbound/https.ts';
import { problem } from '../../src/wire/collect.ts';
import { encode } from '../../src/wire/schema.ts';
import { createTestAuthority } from '../support/certificates.ts';
import type { TestAuthority } from '../support/certificates.ts';
import { testClock } from '../support/clock.ts';
import type { TestClock } from '../support/clock.ts';
import { memoryCache } from '../support/directory-cache.ts';
import type { MemoryCache } from '../support/directory-cache.ts';
import { loopback, startDns } from '../support/dns-server.ts';
import type { TestDns } from '../support/dns-server.ts';
import { startHttps } from '../support/https-server.ts';
import { createSilence } from '../support/silence.ts';
import type { TestHttps } from '../support/https-server.ts';

const authority = await createTestAuthority();
const folder = await mkdtemp(join(tmpdir(), 'beckon-directory-'));
const caFile = join(folder, 'ca.pem');
await writeFile(caFile, authority.cert);
test.after.always(() => rm(folder, { recursive: true }));

/** What a route does with a request. */
export type Route = (response: ServerResponse) => void;

export const ours = 'application/beckon+cbor';
export const prefix = '/.well-known/beckon/';

export const answer =
  (
    status: number,
    type: string,
    body: Uint8Array | string = '',
    headers: Record<string, string> = {},
  ): Route =>
  (response) => {
    response.writeHead(status, { 'content-type': type, ...headers }).end(body);
  };
export const found = (bytes: Uint8Array): Route => answer(200, ours, bytes);
export const failed = (status: number, code: string, retryAfter?: number): Route =>
  answer(
    status,
    ours,
    encode(problem, { code, detail: '', ...(retryAfter === undefined ? {} : { retryAfter }) }),
  );
/** A success that never ends. */
export const endless =
  (type = ours): Route =>
  (response) => {
    response.writeHead(200, { 'content-type': type });
    const more = () => {
      while (!response.destroyed && response.write(new Uint8Array(16384)));
    };
    response.on('drain', more);
    more();
  };

export interface Site {
  readonly domain: string;
  readonly keys: DomainKeys;
  readonly server: TestHttps;
  /** Below the prefix; anything else is 404 `not_found`. */
  readonly routes: Map<string, Route>;
  /** Of all requests that had one. */
  readonly bodies: Uint8Array[];
  /** What its zone should hold. */
  readonly zone: DnsRecord[];
  /** Serves a fresh record with this serial, made by these keys. */
  publish(serial?: number, keys?: DomainKeys): void;
  /** How often its record, or another path, was asked for. */
  asked(path?: string): number;
}

export interface World {
  readonly dns: TestDns;
  readonly https: Https;
  /** Says nothing, or nothing more, until the other side has waited long enough. */
  readonly silent: Route;
  /** Where domains are asked that DNS calls legacy. */
  readonly probe: { port: number };
  readonly clock: TestClock;
  readonly cache: MemoryCache;
  /** "level event" of all that was logged, and the codes. */
  readonly logged: string[];
  readonly log: Log;
  readonly domains: Domains;
  readonly users: Users;
  /** A native domain with its record published and its zone served. */
  addSite(domain?: string, options?: { authority?: TestAuthority }): Promise<Site>;
  /** Serves exactly these records besides those of the hosts. */
  zone(...records: DnsRecord[]): void;
  /** A directory with nothing in memory, over the same cache. */
  restarted(): { domains: Domains; users: Users };
}

/** `allow`: what may be dialled. Sound servers may take as long as the slowest machine: silence is `silent`. */
export async function startWorld(t: ExecutionContext, { allow = ['127.0.0.0/8'] } = {}): Promise<World> {
  const dns = await startDns();
  const { https, silent } = createSilence(
    createHttps({
      resolver: dns.resolver,
      allow,
      caFiles: [caFile],
      timeouts: { connectMs: 60_000, patienceMs: 60_000 },
    }),
  );
  const clock = testClock();
  const cache = memoryCache();
  const logged: string[] = [];
  const log = recordingLog(logged);
  const hosts = loopback('post.hoster.test');
  const probe = { port: 1 };
  let records: readonly DnsRecord[] = [];
  t.teardown(async () => {
    await https.close();
    await dns.close();
  });

  function directory() {
    const discover = createDiscover(dns.resolver);
    const domains = createDomains({ discover, https, cache, clock, log });
    const { resolver } = dns;
    const confirmLegacy = createConfirmLegacy({ resolver, https, clock, log, ...probe });
    return { domains, users: createUsers({ domains, https, cache, confirmLegacy, clock, log }) };
  }
  function zone(...next: DnsRecord[]) {
    records = next;
    dns.set([...hosts, ...records]);
  }

  async function addSite(domain = 'a.test', options: { authority?: TestAuthority } = {}): Promise<Site> {
    const routes = new Map<string, Route>();
    const bodies: Uint8Array[] = [];
    const { keys } = createDomainKeys(domain, clock.seconds() - 30 * 86_400, systemRandom);
    const server = await startHttps({
      authority,
      ...options,
      names: [`beckon.${domain}`],
      handle(request, response) {
        const route = routes.get((request.url ?? '').slice(prefix.length)) ?? failed(404, 'not_found');
        const chunks: Uint8Array[] = [];
        request.on('data', (chunk: Uint8Array) => chunks.push(chunk));
        request.on('end', () => {
          if (chunks.length > 0) bodies.push(new Uint8Array(Buffer.concat(chunks)));
          route(response);
        });
      },
    });
    t.teardown(server.close);
    const site: Site = {
      domain,
      keys,
      server,
      routes,
      bodies,
      zone: zoneOf(domain, server.port, keys.fingerprint),
      publish: (serial = clock.seconds(), by = keys) =>
        void routes.set(`domains/${domain}`, found(recordAnswer(by, serial, clock.seconds()))),
      asked: (path = `domains/${domain}`) =>
        server.requests.filter(({ url }) => url === prefix + path).length,
    };
    site.publish();
    zone(...records, ...site.zone);
    return site;
  }

  return {
    dns,
    https,
    silent,
    probe,
    clock,
    cache,
    logged,
    log,
    ...directory(),
    addSite,
    zone,
    restarted: directory,
  };
}

export function zoneOf(domain: string, httpsPort: number, fingerprint: Uint8Array): DnsRecord[] {
  return domainRecords({ domain, host: 'post.hoster.test', httpsPort, udpPort: 4620, fingerprint });
}

export function recordAnswer(keys: DomainKeys, serial: number, now: number): Uint8Array {
  return encodeDomainAnswer(signDomainRecord({ keys, serial, contact: 'abuse@hoster.test', now }));
}

function recordingLog(logged: string[]): Log {
  const at = (level: string) => (event: string, fields?: LogFields) =>
    void logged.push([level, event, fields?.['code']].filter((part) => part !== undefined).join(' '));
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
