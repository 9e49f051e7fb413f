/** A hoster of a town: a directory, a configuration that `init` wrote, domains, and a daemon that comes and goes. */
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { addDomain, initDomain, type ConfigValues } from '../../src/admin/init.ts';
import { loadDomainKeys } from '../../src/admin/key-files.ts';
import type { Clock } from '../../src/clock.ts';
import { systemRandom as random } from '../../src/crypto/random.ts';
import { domainRecords } from '../../src/dns/records.ts';
import type { DnsRecord } from '../../src/dns/record.ts';
import { openAdmin, type AdminClient } from '../../src/http/admin-client.ts';
import { authorityOf } from '../../src/wire/domain-name.ts';
import type { TestAuthority } from '../support/certificates.ts';

/** A daemon that runs, in this process or in one of its own. */
export interface RunningDaemon {
  readonly https: number;
  readonly udp: number;
  /** Doors for mail, where there are any. */
  readonly smtp?: number | null;
  readonly lmtp?: number | null;
  /** Ends in order. */
  stop(): Promise<void>;
  /** Ends at once, as the system or the power does it. */
  kill(): Promise<void>;
  /** Sends and removes what is due. */
  catchUp(): Promise<void>;
}

/** The environment is read over the configuration. */
export type RunDaemon = (
  configFile: string,
  environment: Readonly<Record<string, string>>,
) => Promise<RunningDaemon>;

export interface Hoster {
  readonly name: string;
  readonly domains: readonly string[];
  /** The directory of the store and the keys. */
  readonly data: string;
  readonly configFile: string;
  readonly admin: AdminClient;
  /** This hoster's own loopback address: nobody else takes its ports while the daemon is down. */
  readonly address: string;
  /** As shown once, to the owner of each domain. */
  readonly recoveryKeys: ReadonlyMap<string, string>;
  /** What its domains publish. */
  records(): readonly DnsRecord[];
  /** Also while the daemon is down. */
  ports(): { readonly https: number; readonly udp: number };
  /** Of the doors for mail. */
  mailPorts(): { readonly smtp: number; readonly lmtp: number };
  /** Starts on the same ports as before. */
  start(): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
  restart(): Promise<void>;
  catchUp(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface HosterOptions {
  readonly name: string;
  readonly domains: readonly string[];
  /** For all that it has. */
  readonly dir: string;
  readonly address: string;
  readonly authority: TestAuthority;
  readonly clock: Clock;
  readonly run: RunDaemon;
  /** Further settings of the configuration, `defaults.quota`. */
  readonly settings?: ConfigValues;
  readonly surroundings: { readonly resolver: string; readonly caFile: string };
}

/** Sets a hoster up and starts its daemon. */
export async function startHoster(options: HosterOptions): Promise<Hoster> {
  const { name, domains, dir, address, run } = options;
  const configFile = join(dir, 'beckon.toml');
  const data = join(dir, 'data');
  const recoveryKeys = await setUp(options, configFile, data);

  let running: RunningDaemon | undefined;
  let ports = { https: 0, udp: 0 };
  async function start(): Promise<void> {
    running = await run(configFile, {
      BECKON_LISTEN_HTTPS: `${address}:${ports.https}`,
      BECKON_LISTEN_UDP: `${address}:${ports.udp}`,
    });
    ports = { https: running.https, udp: running.udp };
  }
  async function end(how: 'stop' | 'kill'): Promise<void> {
    const ending = running;
    running = undefined;
    await ending?.[how]();
  }
  await start();
  const admin = openAdmin(join(data, 'admin.sock'));
  const fingerprints = (await loadDomainKeys(data)).map((keys) => [keys.domain, keys.fingerprint] as const);

  return {
    name,
    domains,
    data,
    configFile,
    recoveryKeys,
    admin,
    address,
    ports: () => ports,
    mailPorts: () => ({ smtp: running?.smtp ?? 0, lmtp: running?.lmtp ?? 0 }),
    records: () => recordsOf(`${name}.hosting.example`, address, ports, fingerprints),
    start,
    stop: () => end('stop'),
    kill: () => end('kill'),
    async restart() {
      await end('stop');
      await start();
    },
    async catchUp() {
      if (running === undefined) throw new Error(`${name} is down`);
      await running.catchUp();
    },
    async [Symbol.asyncDispose]() {
      await admin.close();
      await end('stop');
    },
  };
}

async function setUp(
  options: HosterOptions,
  configFile: string,
  data: string,
): Promise<ReadonlyMap<string, string>> {
  const { name, domains, dir, authority, clock, surroundings, settings } = options;
  const certificates = join(dir, 'certificates');
  for (const known of [...domains.map(authorityOf), `${name}.hosting.example`])
    await writeCertificate(authority, join(certificates, known));
  const values = {
    host: `${name}.hosting.example`,
    data,
    log_level: 'warn',
    'listen.admin': `unix:${join(data, 'admin.sock')}`,
    'listen.metrics': '',
    'dns.resolvers': [surroundings.resolver],
    'tls.directory': certificates,
    'storage.reserve': '0%',
    'outbound.allow': ['127.0.0.0/8'],
    'outbound.ca_files': [surroundings.caFile],
    ...settings,
  };
  const [first = '', ...others] = domains;
  const { config, recoveryKey } = await initDomain(
    { domain: first, configFile, values },
    { environment: {}, clock, random },
  );
  const recoveryKeys = new Map([[first, recoveryKey]]);
  for (const domain of others)
    recoveryKeys.set(domain, (await addDomain(config, domain, { clock, random })).recoveryKey);
  return recoveryKeys;
}

async function writeCertificate(authority: TestAuthority, dir: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  const { cert, key } = await authority.issue([basename(dir)]);
  await writeFile(join(dir, 'fullchain.pem'), cert);
  await writeFile(join(dir, 'privkey.pem'), key);
}

function recordsOf(
  host: string,
  address: string,
  { https, udp }: { readonly https: number; readonly udp: number },
  fingerprints: readonly (readonly [string, Uint8Array])[],
): readonly DnsRecord[] {
  const published = fingerprints.flatMap(([domain, fingerprint]) =>
    domainRecords({ domain, host, httpsPort: https, udpPort: udp, fingerprint }),
  );
  return [...published, { type: 'A', name: host, address }];
}
