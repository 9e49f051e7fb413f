/** DNS as it is outside, in small: a signed parent zone, zones below it signed or not, a validating resolver, and somebody who lies. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { txtStrings, type DnsRecord } from '../../../src/dns/record.ts';
import { testDirectory } from '../../support/directory.ts';
import { startKnot, type Knot, type ZoneKind } from './knot.ts';
import { startUnbound } from './unbound.ts';

/** Served here alone: the server of the other tests does not know it. */
export interface TlsaRecord {
  readonly type: 'TLSA';
  readonly name: string;
  readonly usage: number;
  readonly selector: number;
  readonly matchingType: number;
  readonly data: Uint8Array;
}

export type ZoneRecord = DnsRecord | TlsaRecord;

export interface SignedDns {
  /** The validating resolver: `address:port`. */
  readonly resolver: string;
  /** What a zone serves from now on, signed if it is. */
  publish(zone: string, records: readonly ZoneRecord[]): Promise<void>;
  /** The zone as it is served now, with its signatures. */
  dump(zone: string): Promise<string>;
  /** From now on somebody else answers for a zone, from this file and as it stands there; null: nobody does any more. */
  lie(zone: string, file: string | null): Promise<void>;
  /** New keys for a zone, of which its parent does not know yet. */
  replaceKeys(zone: string): Promise<void>;
  /** The parent learns the present keys of the zones below. */
  delegate(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** @param zones directly below `test.`; other names are served unsigned, and no anchor is known for them */
export async function startSignedDns(zones: Readonly<Record<string, ZoneKind>>): Promise<SignedDns> {
  await using parts = new AsyncDisposableStack();
  const dir = parts.use(await testDirectory());
  const below = async (name: string): Promise<string> => {
    const path = join(dir.path, name);
    await mkdir(path);
    return path;
  };
  const knot = parts.use(await startKnot({ dir: await below('knot'), zones: { test: 'signed', ...zones } }));
  await delegate(knot, zones);
  const others = Object.keys(zones).filter((zone) => !zone.endsWith('.test'));
  const truth = Object.fromEntries(['test', ...others].map((zone) => [zone, knot.place]));
  const unbound = parts.use(
    await startUnbound({ dir: await below('unbound'), anchors: await knot.ds('test'), stubs: truth }),
  );
  let liars = 0;
  const stack = parts.move();
  return {
    resolver: unbound.address,
    async publish(zone, records) {
      await knot.publish(zone, records.map(zoneLine));
      await unbound.restart(truth);
    },
    dump: knot.dump,
    async lie(zone, file) {
      if (file === null) return await unbound.restart(truth);
      const dir = await below(`liar-${++liars}`);
      const liar = stack.use(await startKnot({ dir, zones: { [zone]: 'given' }, files: { [zone]: file } }));
      await unbound.restart({ ...truth, [zone]: liar.place });
    },
    async replaceKeys(zone) {
      await knot.replaceKeys(zone);
      await unbound.restart(truth);
    },
    async delegate() {
      await delegate(knot, zones);
      await unbound.restart(truth);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function delegate(knot: Knot, zones: Readonly<Record<string, ZoneKind>>): Promise<void> {
  const lines = ['ns A 127.0.0.1'];
  for (const [zone, kind] of Object.entries(zones)) {
    if (!zone.endsWith('.test')) continue;
    lines.push(`${zone}. NS ns.test.`);
    if (kind !== 'plain') lines.push(...(await knot.ds(zone)));
  }
  await knot.publish('test', lines);
}

function zoneLine(record: ZoneRecord): string {
  return `${record.name}. ${record.type} ${valueOf(record)}`;
}

function valueOf(record: ZoneRecord): string {
  switch (record.type) {
    case 'SRV':
      return `${record.priority} ${record.weight} ${record.port} ${record.target}.`;
    case 'TXT':
      return txtStrings(record.text)
        .map((string) => `"${string}"`)
        .join(' ');
    case 'MX':
      return `${record.priority} ${record.exchange}.`;
    case 'TLSA': {
      const { usage, selector, matchingType, data } = record;
      return `${usage} ${selector} ${matchingType} ${Buffer.from(data).toString('hex')}`;
    }
    case 'CNAME':
    case 'PTR':
      return `${record.target}.`;
    case 'A':
    case 'AAAA':
      return record.address;
  }
}
