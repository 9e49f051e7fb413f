/** Knot, an authoritative DNS server that signs by itself, or serves what it is given as it is. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePlace, run, startProcess, until } from '../server-process.ts';

/**
 * How a zone is served: `signed` by Knot; `brief`: with signatures that hold for seconds only; `plain`: without any; `given`: the
 * zone file byte for byte, with whatever signatures are in it.
 */
export type ZoneKind = 'signed' | 'brief' | 'plain' | 'given';

export interface Knot {
  /** `address@port`, as Unbound takes it. */
  readonly place: string;
  /** Serves these records from now on: lines of a zone file, names relative to the zone or with a final dot. */
  publish(zone: string, lines: readonly string[]): Promise<void>;
  /** DS records of a signed zone's keys, as lines of its parent's zone file. */
  ds(zone: string): Promise<readonly string[]>;
  /** The zone as it is served, with its signatures: a file for another server's `given`. */
  dump(zone: string): Promise<string>;
  /** Makes new keys for a signed zone at once, and forgets the old ones. */
  replaceKeys(zone: string): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface KnotOptions {
  /** Empty, for all that it writes. */
  readonly dir: string;
  readonly zones: Readonly<Record<string, ZoneKind>>;
  /** Whole files for the zones that are given. */
  readonly files?: Readonly<Record<string, string>>;
}

export async function startKnot({ dir, zones, files = {} }: KnotOptions): Promise<Knot> {
  const place = await freePlace();
  const at = (name: string): string => join(dir, name);
  for (const name of ['zones', 'database', 'dumped']) await mkdir(at(name), { recursive: true });
  const zoneFile = (zone: string): string => at(`zones/${zone}.zone`);
  for (const zone of Object.keys(zones)) await writeFile(zoneFile(zone), files[zone] ?? zoneText(zone, []));
  await writeFile(at('knot.conf'), configuration(dir, place, zones));
  const server = await startProcess('knotd', ['-c', at('knot.conf')], at('knot.log'));
  const control = (...words: string[]): Promise<string> => run('knotc', ['-s', at('knot.sock'), ...words]);
  const loaded = (zone: string, type: string): Promise<void> =>
    until(`${zone} ${type}`, server, async () =>
      (await control('zone-read', zone, `${zone}.`, type)).includes(type),
    );

  for (const [zone, kind] of Object.entries(zones))
    await loaded(zone, kind === 'signed' || kind === 'brief' ? 'RRSIG' : 'SOA');

  async function reload(zone: string): Promise<void> {
    await control('-b', 'zone-reload', zone);
  }
  return {
    place: `${place.address}@${place.port}`,
    async publish(zone, lines) {
      await writeFile(zoneFile(zone), zoneText(zone, lines));
      await reload(zone);
    },
    async ds(zone) {
      const printed = await run('keymgr', ['-c', at('knot.conf'), zone, 'ds']);
      // One for each digest type: SHA-256 is what everybody reads.
      const lines = printed.split('\n').filter((line) => line.split(' ')[4] === '2');
      return lines.map((line) => line.replace(' DS ', ' IN DS '));
    },
    async dump(zone) {
      await control('-b', 'zone-flush', '+outdir', at('dumped'), zone);
      return await readFile(at(`dumped/${zone}.zone`), 'utf8');
    },
    async replaceKeys(zone) {
      const keymgr = (...words: string[]): Promise<string> =>
        run('keymgr', ['-c', at('knot.conf'), zone, ...words]);
      const old = (await keymgr('list')).split('\n').flatMap((line) => /^[0-9a-f]{40}/.exec(line)?.[0] ?? []);
      await keymgr('generate', 'algorithm=ecdsap256sha256', 'ksk=yes', 'zsk=yes');
      for (const id of old) await keymgr('delete', id);
      await control('-b', 'zone-sign', zone);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Serials are Knot's business. */
export function zoneText(zone: string, lines: readonly string[]): string {
  const apex = ['@ SOA ns.test. hostmaster.test. 1 60 60 600 1', '@ NS ns.test.'];
  return [`$ORIGIN ${zone}.`, '$TTL 1', ...apex, ...lines, ''].join('\n');
}

function configuration(
  dir: string,
  { address, port }: { readonly address: string; readonly port: number },
  zones: KnotOptions['zones'],
): string {
  return `
server:
    rundir: "${dir}"
    pidfile: "${dir}/knot.pid"
    listen: ${address}@${port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: "${dir}/database"
control:
    listen: "${dir}/knot.sock"
policy:
  - id: signed
    algorithm: ecdsap256sha256
    single-type-signing: on
    nsec3: off
  - id: brief
    algorithm: ecdsap256sha256
    single-type-signing: on
    propagation-delay: 1
    rrsig-lifetime: 10
    rrsig-refresh: 3
    rrsig-pre-refresh: 1
template:
  - id: default
    storage: "${dir}/zones"
    file: "%s.zone"
    zonefile-sync: -1
zone:
${Object.entries(zones)
  .map(([zone, kind]) => `  - domain: ${zone}\n${settings[kind]}`)
  .join('\n')}
`;
}

const signing = (policy: string): string => `    dnssec-signing: on
    dnssec-policy: ${policy}
    zonefile-load: difference-no-serial
    journal-content: all`;

const whole = `    dnssec-signing: off
    zonefile-load: whole
    journal-content: none`;

const settings: Readonly<Record<ZoneKind, string>> = {
  signed: signing('signed'),
  brief: signing('brief'),
  plain: whole,
  given: whole,
};
