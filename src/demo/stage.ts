/** The stage: a temporary directory, a DNS server, a throwaway authority, a tap on the wire, and the processes. */
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DnsRecord } from '../dns/record.ts';
import { startZoneServer, type ZoneServer } from '../dns/zone-server.ts';
import { createThrowawayAuthority, type ThrowawayAuthority } from './authority.ts';
import { startLegacyServer, type LegacyServer } from './legacy-server.ts';
import { createProcesses, type Processes } from './processes.ts';
import type { Needle } from './search.ts';
import { createTap, type Tap } from './tap.ts';

export interface Stage {
  readonly directory: string;
  readonly dns: ZoneServer;
  readonly authority: ThrowawayAuthority;
  /** The certificate of the authority, PEM. */
  readonly caFile: string;
  readonly tap: Tap;
  /** The mail server of the domain that has mail only. */
  readonly legacy: LegacyServer;
  readonly processes: Processes;
  /** Adds records to what the DNS server answers. */
  publish(records: readonly DnsRecord[]): void;
  /** Ends everything; removes the directory unless it is kept. */
  close(): Promise<void>;
}

export interface StageOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly keep: boolean;
  /** What the tap looks for. */
  readonly needles: readonly Needle[];
}

/** Sockets have their paths in 103 bytes, and lists of files are separated by commas. */
const longestTemporary = 50;

/** The domain that has mail only. */
const legacyZone: readonly DnsRecord[] = [
  { type: 'MX', name: 'legacy.test', priority: 10, exchange: 'mx.legacy.test' },
];

export async function openStage({ environment, keep, needles }: StageOptions): Promise<Stage> {
  await using parts = new AsyncDisposableStack();
  const directory = await mkdtemp(join(temporaryDirectory(), 'beckon-demo-'));
  if (!keep) parts.defer(() => rm(directory, { recursive: true, force: true, maxRetries: 3 }));

  const zone = [...legacyZone];
  const dns = await startZoneServer(zone);
  parts.defer(() => dns.close());
  const authority = await createThrowawayAuthority();
  const caFile = join(directory, 'ca.pem');
  await writeFile(caFile, authority.cert);
  const tap = createTap(needles);
  parts.defer(() => tap.close());

  const legacy = await startLegacyServer();
  parts.defer(() => legacy.close());

  const processes = createProcesses({
    cwd: directory,
    environment: {
      ...withoutOurs(environment),
      BECKON_RESOLVERS: dns.address,
      BECKON_CA_FILES: caFile,
      BECKON_ALLOW: '127.0.0.0/8',
      // Two dozen short processes run the same code: compiled once, they start in half the time.
      NODE_COMPILE_CACHE: join(directory, 'compiled'),
    },
  });
  // Also where this process ends without coming back here: nothing of ours stays behind.
  const atExit = (): void => {
    processes.kill();
    if (!keep) rmSync(directory, { recursive: true, force: true });
  };
  process.once('exit', atExit);
  parts.defer(() => void process.off('exit', atExit));
  parts.defer(() => processes.close());

  const all = parts.move();
  return {
    directory,
    dns,
    authority,
    caFile,
    tap,
    legacy,
    processes,
    publish(records) {
      zone.push(...records);
      dns.set(zone);
    },
    close: () => all.disposeAsync(),
  };
}

/** Certificates as a daemon looks for them, for the TLS name of a domain. */
export async function certify({ authority }: Stage, directory: string, host: string): Promise<void> {
  const { cert, key } = await authority.issue([host]);
  await mkdir(join(directory, host), { recursive: true });
  await writeFile(join(directory, host, 'fullchain.pem'), cert);
  await writeFile(join(directory, host, 'privkey.pem'), key, { mode: 0o600 });
}

function temporaryDirectory(): string {
  const usual = tmpdir();
  return Buffer.byteLength(usual) <= longestTemporary && !usual.includes(',') ? usual : '/tmp';
}

/** Settings of the user's own installation, or of npm, do not reach the demo's commands. */
function withoutOurs(environment: StageOptions['environment']): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !/^(?:BECKON_|npm_|INIT_CWD$|NODE_OPTIONS$)/i.test(name)),
  );
}
