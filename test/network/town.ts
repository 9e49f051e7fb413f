/**
 * Whole domains on loopback: DNS, certificates, hosters with their daemons, and people. The daemons run in this process, on a
 * clock that moves only when told to, unless the test runs them otherwise.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConfigValues } from '../../src/admin/init.ts';
import type { Clock } from '../../src/clock.ts';
import { loadConfig } from '../../src/config.ts';
import { startDaemon } from '../../src/daemon.ts';
import type { DnsRecord } from '../../src/dns/record.ts';
import type { Log } from '../../src/log.ts';
import { splitAddress } from '../../src/wire/address.ts';
import { createTestAuthority } from '../support/certificates.ts';
import { testClock, type TestClock } from '../support/clock.ts';
import { testDirectory } from '../support/directory.ts';
import { startDns, type TestDns } from '../support/dns-server.ts';
import { startHoster, type Hoster, type RunDaemon } from './hoster.ts';
import { openPerson, waits, type Files, type Person, type Surroundings } from './person.ts';

export interface Town<C extends Clock = TestClock> {
  readonly clock: C;
  readonly dns: TestDns;
  readonly surroundings: Surroundings;
  /** Of all daemons in this process: event and fields as JSON, one line each. */
  readonly logged: readonly LogLine[];
  hoster(name: string): Hoster;
  hosters(): readonly Hoster[];
  /** What all hosters publish, each record through `edit`, undefined taking it away. */
  publish(edit?: (record: DnsRecord) => DnsRecord | undefined): void;
  /** Invites and enrols somebody. */
  enroll(address: string): Promise<Person>;
  /** The client of somebody over given files. */
  person(address: string, files: Files): Promise<Person>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface LogLine {
  readonly level: keyof Log;
  readonly line: string;
}

export interface TownOptions {
  /** Domains of each hoster; alpha.test and beta.test, each with its own, unless told. */
  readonly hosters?: Readonly<Record<string, readonly string[]>>;
  readonly settings?: ConfigValues;
}

const usualHosters = { alpha: ['alpha.test'], beta: ['beta.test'] };

/** A town whose daemons run in this process. */
export async function startTown(options: TownOptions = {}): Promise<Town> {
  const logged: LogLine[] = [];
  const clock = testClock();
  return await startTownWith(options, clock, logged, runInProcess(clock, logTo(logged)));
}

/** A town on a given clock, its daemons run as one likes. */
export async function startTownWith<C extends Clock>(
  { hosters: wanted = usualHosters, settings = {} }: TownOptions,
  clock: C,
  logged: readonly LogLine[],
  run: RunDaemon,
): Promise<Town<C>> {
  await using parts = new AsyncDisposableStack();
  const dir = parts.use(await testDirectory());
  const dns = parts.use(await startDns());
  const authority = await createTestAuthority();
  const caFile = join(dir.path, 'ca.pem');
  await writeFile(caFile, authority.cert);
  const surroundings = { resolver: dns.address, caFile };
  const hosters = new Map<string, Hoster>();
  for (const [name, domains] of Object.entries(wanted)) {
    const options = {
      name,
      domains,
      dir: join(dir.path, name),
      address: ownLoopback(),
      authority,
      clock,
      run,
    };
    hosters.set(name, parts.use(await startHoster({ ...options, settings, surroundings })));
  }
  const hosterOf = (address: string): Hoster => {
    const { domain } = splitAddress(address);
    const found = [...hosters.values()].find(({ domains }) => domains.includes(domain));
    if (found === undefined) throw new Error(`nobody serves ${domain}`);
    return found;
  };
  const publish: Town['publish'] = (edit = (record) => record) =>
    dns.set(
      [...hosters.values()].flatMap((hoster) => hoster.records()).flatMap((record) => edit(record) ?? []),
    );
  publish();
  const stack = parts.move();
  const opened = async (person: Promise<Person>): Promise<Person> => {
    const settled = await person;
    stack.defer(() => settled.close());
    return settled;
  };
  return {
    clock,
    dns,
    surroundings,
    logged,
    hoster(name) {
      const found = hosters.get(name);
      if (found === undefined) throw new Error(`no hoster ${name}`);
      return found;
    },
    hosters: () => [...hosters.values()],
    publish,
    async enroll(address) {
      const { invitation } = await hosterOf(address).admin.inviteUser(address);
      return await opened(openPerson(address, invitation, clock, surroundings));
    },
    person: (address, files) => opened(openPerson(address, undefined, clock, surroundings, files)),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function runInProcess(clock: Clock, log: Log): RunDaemon {
  return async (configFile, environment) => {
    const readConfig = () => loadConfig(configFile, environment);
    const daemon = await startDaemon({
      config: readConfig(),
      readConfig,
      version: '0.0.0',
      log,
      onFailure: (error) => log.error('the disk failed', { reason: String(error) }),
      clock,
      waits,
    });
    const { https, udp, smtp, lmtp } = daemon.ports;
    return {
      https,
      udp: udp ?? 0,
      smtp,
      lmtp,
      stop: daemon.close,
      kill: daemon.close,
      catchUp: daemon.catchUp,
    };
  };
}

function logTo(lines: LogLine[]): Log {
  const at =
    (level: keyof Log): Log['info'] =>
    (event, fields = {}) => {
      // That a timer was late is a word about this machine.
      if (event !== 'schedule') lines.push({ level, line: `${event} ${JSON.stringify(fields)}` });
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Any address of 127/8 but those that others use: ports of a daemon that is down stay free there. */
function ownLoopback(): string {
  const part = (): number => 1 + Math.floor(Math.random() * 254);
  return `127.${part()}.${part()}.${part()}`;
}
