/** A Beckon daemon and its users as child processes, reached as any hoster and user would: by the command line. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createTestAuthority } from '../support/certificates.ts';
import { loopback, startDns } from '../support/dns-server.ts';
import { base64url } from './stranger/cbor.ts';

const beckon = new URL('../../bin/beckon.js', import.meta.url).pathname;

export interface Place {
  readonly domain: string;
  /** The text of its TXT record's id, or the 32 bytes of it. */
  readonly fingerprint: Uint8Array;
  readonly https: number;
  readonly udp: number;
}

/** Starts DNS and one daemon that serves the domains. */
export async function startHoster(domains: readonly string[]) {
  const directory = await mkdtemp(join(tmpdir(), 'beckon-'));
  const dns = await startDns();
  const authority = await createTestAuthority();
  const caFile = join(directory, 'ca.pem');
  await writeFile(caFile, authority.cert);
  for (const domain of domains) {
    const folder = join(directory, 'tls', `beckon.${domain}`);
    const { key, cert } = await authority.issue([`beckon.${domain}`]);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'privkey.pem'), key);
    await writeFile(join(folder, 'fullchain.pem'), cert);
  }
  const environment = {
    ...process.env,
    BECKON_HOST: 'post.test',
    BECKON_DATA: join(directory, 'data'),
    BECKON_LISTEN_HTTPS: '127.0.0.1:0',
    BECKON_LISTEN_UDP: '127.0.0.1:0',
    BECKON_LISTEN_ADMIN: `unix:${join(directory, 'admin.sock')}`,
    BECKON_LISTEN_METRICS: '127.0.0.1:0',
    BECKON_SMTP_IN_LISTEN: '127.0.0.1:0',
    BECKON_DNS_RESOLVERS: dns.address,
    BECKON_TLS_DIRECTORY: join(directory, 'tls'),
    BECKON_OUTBOUND_ALLOW: '127.0.0.0/8',
    BECKON_OUTBOUND_CA_FILES: caFile,
    // Of the user's commands, which read no configuration file.
    BECKON_RESOLVERS: dns.address,
    BECKON_ALLOW: '127.0.0.0/8',
    BECKON_CA_FILES: caFile,
  };
  const config = ['--config', join(directory, 'beckon.toml')];

  async function run(...words: string[]): Promise<Record<string, unknown>> {
    const child = spawn(process.execPath, [beckon, ...words, '--json'], { env: environment });
    const out: string[] = [];
    const err: string[] = [];
    child.stdout.on('data', (text: Buffer) => out.push(text.toString()));
    child.stderr.on('data', (text: Buffer) => err.push(text.toString()));
    child.stdin.end();
    const [code] = (await once(child, 'close')) as [number];
    if (code !== 0) throw new Error(`beckon ${words[0]}: ${code} ${err.join('')} ${out.join('')}`);
    return JSON.parse(out.join('')) as Record<string, unknown>;
  }

  const [first = '', ...others] = domains;
  await run('init', first, '--host', 'post.test', '--data', join(directory, 'data'), ...config);
  const daemon = spawn(process.execPath, [beckon, 'serve', ...config], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log: string[] = [];
  daemon.stderr.on('data', (text: Buffer) => log.push(text.toString()));
  const ready = await readyLine(daemon.stdout, log);
  for (const domain of others) await run('domain', 'add', domain, ...config);

  return {
    authority,
    https: Number(/https=(\d+)/u.exec(ready)?.[1]),
    udp: Number(/udp=(\d+)/u.exec(ready)?.[1]),
    smtp: Number(/smtp=(\d+)/u.exec(ready)?.[1]),
    log,
    run,
    async invitation(address: string): Promise<string> {
      return String((await run('user', 'add', address, ...config))['invitation']);
    },
    home: (name: string): string[] => ['--home', join(directory, name)],
    /** The records of all domains there are. */
    publish(places: readonly Place[]): void {
      dns.set([...loopback('post.test'), ...places.flatMap(records)]);
    },
    async close(): Promise<void> {
      daemon.kill('SIGTERM');
      if (daemon.exitCode === null) await once(daemon, 'close');
      await dns.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function readyLine(out: NodeJS.ReadableStream, log: readonly string[]): Promise<string> {
  for await (const line of createInterface({ input: out })) if (line.startsWith('ready')) return line;
  throw new Error(`the daemon did not start: ${log.join('')}`);
}

function records({ domain, fingerprint, https, udp }: Place) {
  const service = { type: 'SRV' as const, priority: 0, weight: 0, target: 'post.test' };
  return [
    { ...service, name: `_beckon._tcp.${domain}`, port: https },
    { ...service, name: `_beckon._udp.${domain}`, port: udp },
    { type: 'TXT' as const, name: `_beckon.${domain}`, text: `v=beckon1; id=${base64url(fingerprint)}` },
    { type: 'CNAME' as const, name: `beckon.${domain}`, target: 'post.test' },
  ];
}

export type Hoster = Awaited<ReturnType<typeof startHoster>>;
