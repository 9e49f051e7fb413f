/** Two hosters on loopback, set up as people would: by commands, with real DNS and TLS. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DnsRecord } from '../../src/dns/record.ts';
import { openAdmin } from '../../src/http/admin-client.ts';
import { createTestAuthority, type TestAuthority } from '../support/certificates.ts';
import { testDirectory, type TestDirectory } from '../support/directory.ts';
import { loopback, startDns, type TestDns } from '../support/dns-server.ts';
import { beckon, serve, type Run, type Running } from './beckon.ts';
import { beckonHere } from './face.ts';

export interface Hosters {
  readonly dir: TestDirectory;
  readonly dns: TestDns;
  /** What all of them publish. */
  readonly records: readonly DnsRecord[];
  /** As somebody with a home directory of this name; in this process, which saves the start of one. */
  readonly as: AsUser;
  /** As the hoster of a domain; in this process. */
  readonly hoster: AsHoster;
  /** The same by the real binary. */
  readonly binary: { readonly as: AsUser; readonly hoster: AsHoster };
  /** What one needs to know to find the domains, as environment. */
  readonly env: Readonly<Record<string, string>>;
  [Symbol.asyncDispose](): Promise<void>;
}

type AsUser = (name: string, args: readonly string[], input?: string | Uint8Array) => Promise<Run>;
type AsHoster = (name: string, args: readonly string[]) => Promise<Run>;

const legacy: readonly DnsRecord[] = [
  { type: 'MX', name: 'legacy.test', priority: 10, exchange: 'mx.legacy.test' },
];

/**
 * Starts a daemon for each name, `<name>.test` being its first domain. With another resolver than `dns` its zones are the
 * caller's business. `more`: further settings of their configurations.
 */
export async function startHosters(
  names: readonly string[],
  resolver?: string,
  more: Readonly<Record<string, string>> = {},
): Promise<Hosters> {
  await using parts = new AsyncDisposableStack();
  const dir = parts.use(await testDirectory());
  const dns = parts.use(await startDns(legacy));
  const authority = await createTestAuthority();
  await writeFile(join(dir.path, 'ca.pem'), authority.cert);
  const env = {
    BECKON_RESOLVERS: resolver ?? dns.address,
    BECKON_CA_FILES: join(dir.path, 'ca.pem'),
    BECKON_ALLOW: '127.0.0.0/8',
  };
  const zone: DnsRecord[] = [...legacy];
  for (const name of names) {
    const running = parts.use(await startHoster(dir.path, name, authority, env, more));
    zone.push(...(await recordsOf(dir.path, name, running)));
  }
  dns.set(zone);
  const running = parts.move();
  const by = (run: typeof beckon): { readonly as: AsUser; readonly hoster: AsHoster } => ({
    as: (name, args, input) =>
      run(args, {
        cwd: dir.path,
        env: { ...env, XDG_DATA_HOME: join(dir.path, 'homes', name) },
        ...(input === undefined ? {} : { input }),
      }),
    hoster: (name, args) => run(args, { cwd: join(dir.path, name), env }),
  });
  return {
    dir,
    dns,
    records: zone,
    env,
    ...by(beckonHere),
    binary: by(beckon),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

async function startHoster(
  base: string,
  name: string,
  authority: TestAuthority,
  env: Readonly<Record<string, string>>,
  more: Readonly<Record<string, string>>,
): Promise<Running> {
  const cwd = join(base, name);
  const domain = `${name}.test`;
  const certificates = join(cwd, 'certificates', `beckon.${domain}`);
  await mkdir(certificates, { recursive: true });
  const { cert, key } = await authority.issue([`beckon.${domain}`]);
  await writeFile(join(certificates, 'fullchain.pem'), cert);
  await writeFile(join(certificates, 'privkey.pem'), key);
  const settings = {
    'listen.https': '127.0.0.1:0',
    'listen.udp': '127.0.0.1:0',
    'listen.metrics': '',
    'dns.resolvers': env['BECKON_RESOLVERS'] ?? '',
    'tls.directory': join(cwd, 'certificates'),
    'storage.reserve': '0%',
    'outbound.allow': '127.0.0.0/8',
    'outbound.ca_files': env['BECKON_CA_FILES'] ?? '',
    log_level: 'warn',
    ...more,
  };
  const set = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const made = await beckonHere(
    ['init', domain, '--host', `${name}.hosting.test`, '--data', 'data', ...set],
    {
      cwd,
      env,
    },
  );
  if (made.code !== 0) throw new Error(made.err);
  return await serve({ cwd, env });
}

/** As the daemon shows them; compression of names would hide targets below the question's own suffix. */
async function recordsOf(base: string, name: string, { https, udp }: Running): Promise<DnsRecord[]> {
  const domain = `${name}.test`;
  const { out } = await beckonHere(['domain', 'dns', domain, '--json'], { cwd: join(base, name) });
  const entries = JSON.parse(out) as { name: string; type: string; value: string }[];
  const text = entries.find(({ type }) => type === 'TXT')?.value.replaceAll('"', '') ?? '';
  const target = `host.${name}-hosting.example`;
  return [
    { type: 'SRV', name: `_beckon._tcp.${domain}`, priority: 0, weight: 0, port: https, target },
    { type: 'SRV', name: `_beckon._udp.${domain}`, priority: 0, weight: 0, port: udp, target },
    { type: 'TXT', name: `_beckon.${domain}`, text },
    ...loopback(target),
  ];
}

/** Creates a user of a domain by invitation. */
export async function enrolled(
  hosters: Hosters,
  name: string,
  domain: string,
  as = hosters.as,
): Promise<void> {
  const admin = openAdmin(join(hosters.dir.path, domain, 'data', 'admin.sock'));
  const { invitation } = await admin.inviteUser(`${name}@${domain}.test`);
  await admin.close();
  const run = await as(name, ['enroll', invitation]);
  if (run.code !== 0) throw new Error(run.err);
}
