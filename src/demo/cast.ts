/** Who plays: hosters and users, each acting by commands of their own. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Enrolled, InboxEntry, SendResult } from '../client/api.ts';
import type { DnsRecord } from '../dns/record.ts';
import type { DnsEntry, IssuedInvitation, ServerStatus } from '../http/admin-handlers.ts';
import type { DaemonProcess, Ended } from './processes.ts';
import { certify, type Stage } from './stage.ts';

/** A hoster with one domain. */
export interface Hoster {
  readonly name: string;
  readonly domain: string;
  /** Store and keys. */
  readonly data: string;
  /** `beckon init`, which writes the configuration and the keys. Gives the domain's fingerprint as DNS shows it. */
  init(): Promise<string>;
  /** `beckon serve`, with a tap before its ports, which are what DNS then tells. */
  serve(): Promise<DaemonProcess>;
  invite(address: string): Promise<string>;
  status(): Promise<ServerStatus>;
}

/** A user with a client of their own. */
export interface Person {
  readonly name: string;
  readonly address: string;
  readonly home: string;
  /** Files that they save. */
  readonly folder: string;
  enroll(invitation: string): Promise<Enrolled>;
  /** Sends, also where it is refused: `number` is absent then. */
  send(to: string, words: readonly string[]): Promise<SendResult>;
  reply(number: number, words: readonly string[]): Promise<SendResult>;
  inbox(): Promise<readonly InboxEntry[]>;
  /** Asks until all messages with these trace handles are there, at most for a minute. Gives the first one's number. */
  await(handles: readonly string[]): Promise<InboxEntry>;
  read(number: number): Promise<ReadMessage>;
  save(number: number, directory: string): Promise<readonly SavedFile[]>;
}

export interface ReadMessage {
  readonly entry: InboxEntry;
  readonly mail?: { readonly subject: string; readonly text: string };
  readonly text?: string;
}

export interface SavedFile {
  readonly path: string;
  readonly length: number;
}

/** A command that did not do what it should. */
export class CommandFailed extends Error {
  constructor(args: readonly string[], { code, err }: Ended) {
    super(`beckon ${args.join(' ')} ended with ${code ?? 'a signal'}\n${err.trim()}`);
    this.name = 'CommandFailed';
  }
}

const patienceMs = 60_000;
const betweenMs = 100;

export function createHoster(stage: Stage, name: string): Hoster {
  const { directory, dns, caFile, processes, tap, legacy, publish } = stage;
  const domain = `${name}.test`;
  const home = join(directory, name);
  const configFile = join(home, 'beckon.toml');
  const data = join(home, 'data');
  const host = `post.${name}-hosting.test`;
  /** All that differs from a real server: ports, names and authorities of this machine alone, no limits on sizes. */
  const settings = {
    'listen.https': '127.0.0.1:0',
    'listen.udp': '127.0.0.1:0',
    'listen.metrics': '',
    'dns.resolvers': dns.address,
    'tls.directory': join(home, 'certificates'),
    'storage.max': '9000TB',
    'storage.reserve': '0%',
    'defaults.quota': '9000TB',
    'outbound.allow': '127.0.0.0/8',
    'outbound.ca_files': caFile,
    // Stands for the mail server that a hoster has already.
    'smtp_out.via': `smtp://127.0.0.1:${legacy.port}`,
  };
  let records: readonly DnsEntry[] = [];
  const ask = <T>(args: readonly string[]): Promise<T> => json<T>(stage, [...args, '--config', configFile]);
  return {
    name,
    domain,
    data,
    async init() {
      await certify(stage, join(home, 'certificates'), `beckon.${domain}`);
      const set = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
      const made = await ask<{ dns: DnsEntry[] }>(['init', domain, '--host', host, '--data', data, ...set]);
      records = made.dns;
      return /id=([\w-]+)/.exec(textOf(records))?.[1] ?? '';
    },
    async serve() {
      const daemon = await processes.serve(domain, configFile);
      const [https, udp] = await Promise.all([
        tap.tcp(domain, daemon.ports.https),
        tap.udp(domain, daemon.ports.udp),
      ]);
      publish(zoneOf(domain, host, textOf(records), { https, udp }));
      return daemon;
    },
    invite: async (address) => (await ask<IssuedInvitation>(['user', 'add', address])).invitation,
    status: () => ask<ServerStatus>(['status']),
  };
}

function textOf(records: readonly DnsEntry[]): string {
  return (records.find(({ type }) => type === 'TXT')?.value ?? '').replaceAll('" "', '').replaceAll('"', '');
}

/** What `beckon init` says to publish, with the ports of the tap. */
function zoneOf(
  domain: string,
  host: string,
  text: string,
  ports: { readonly https: number; readonly udp: number },
): DnsRecord[] {
  const srv = { type: 'SRV', priority: 0, weight: 0, target: host } as const;
  return [
    { ...srv, name: `_beckon._tcp.${domain}`, port: ports.https },
    { ...srv, name: `_beckon._udp.${domain}`, port: ports.udp },
    { type: 'TXT', name: `_beckon.${domain}`, text },
    { type: 'CNAME', name: `beckon.${domain}`, target: host },
    { type: 'A', name: host, address: '127.0.0.1' },
  ];
}

export function createPerson(stage: Stage, name: string, domain: string): Person {
  const home = join(stage.directory, name, 'home');
  const ask = <T>(args: readonly string[], accepted?: readonly number[]): Promise<T> =>
    json<T>(stage, [...args, '--home', home], accepted);
  const inbox = (): Promise<readonly InboxEntry[]> => ask<InboxEntry[]>(['inbox']);
  return {
    name,
    address: `${name}@${domain}`,
    home,
    folder: join(stage.directory, name, 'saved'),
    enroll: (invitation) => ask(['enroll', invitation]),
    send: (to, words) => ask(['send', to, ...words], [0, 1]),
    reply: (number, words) => ask(['reply', String(number), ...words]),
    inbox,
    async await(handles) {
      for (const until = performance.now() + patienceMs; performance.now() < until;) {
        const entries = await inbox();
        const there = entries.flatMap((entry) => [entry, ...(entry.parts ?? [])]);
        const first = there.find(({ handle }) => handle === handles[0]);
        if (first && handles.every((handle) => there.some((entry) => entry.handle === handle))) return first;
        await sleep(betweenMs);
      }
      throw new Error(`nothing arrived at ${name}@${domain} within ${patienceMs / 1000} s`);
    },
    read: (number) => ask(['read', String(number)]),
    save: (number, directory) => ask(['save', String(number), directory]),
  };
}

/** Runs a command for its JSON. Throws `CommandFailed` for any other exit code than those accepted. */
async function json<T>(
  { processes }: Stage,
  args: readonly string[],
  accepted: readonly number[] = [0],
): Promise<T> {
  const ended = await processes.run([...args, '--json']);
  if (!accepted.includes(ended.code ?? -1) || ended.out === '') throw new CommandFailed(args, ended);
  return JSON.parse(ended.out) as T;
}
