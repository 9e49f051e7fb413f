/** A DNS server on loopback for tests, with faults. */
import { createResolver } from '../../src/dns/resolver.ts';
import type { Resolver } from '../../src/dns/resolver.ts';
import { startZoneServer } from '../../src/dns/zone-server.ts';
import type { DnsRecord } from '../../src/dns/record.ts';

export type DnsFault = 'servfail' | 'refused' | 'silent' | 'malformed';

export interface TestDns {
  /** `127.0.0.1:port` */
  readonly address: string;
  /** Asks this server alone. */
  readonly resolver: Resolver;
  /** The questions so far, as "TYPE name". */
  readonly questions: string[];
  /** Replaces all records. */
  set(records: readonly DnsRecord[]): void;
  /** Answers questions for a name (all types, or one) with a fault from now on; null ends it. */
  fail(name: string, fault: DnsFault | null, type?: DnsRecord['type']): void;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What is answered is waited for as long as the slowest machine may take, and what is not hardly at all. */
const patience = { sound: 60_000, silent: 100 };

export async function startDns(records: readonly DnsRecord[] = []): Promise<TestDns> {
  const questions: string[] = [];
  const faults = new Map<string, DnsFault>();
  const server = await startZoneServer(records, {
    intercept(name, type) {
      questions.push(`${type} ${name}`);
      const fault = faults.get(`${type} ${name}`) ?? faults.get(`* ${name}`);
      return fault && answers[fault];
    },
  });
  const resolverWith = (timeoutMs: number) =>
    createResolver({ servers: [server.address], timeoutMs, tries: 1 });
  const [patient, hasty] = [resolverWith(patience.sound), resolverWith(patience.silent)];
  return {
    address: server.address,
    resolver: resolverBy((name) => {
      const silent = [...faults].some(([key, fault]) => fault === 'silent' && key.endsWith(` ${name}`));
      return silent ? hasty : patient;
    }),
    questions,
    set: server.set,
    close: server.close,
    [Symbol.asyncDispose]: server.close,
    fail(name, fault, type) {
      const key = `${type ?? '*'} ${name}`;
      if (fault === null) faults.delete(key);
      else faults.set(key, fault);
    },
  };
}

function resolverBy(of: (name: string) => Resolver): Resolver {
  return {
    srv: (name) => of(name).srv(name),
    txt: (name) => of(name).txt(name),
    mx: (name) => of(name).mx(name),
    tlsa: (name) => of(name).tlsa(name),
    address: (name) => of(name).address(name),
    ipv4: (name) => of(name).ipv4(name),
    ipv6: (name) => of(name).ipv6(name),
    ptr: (name) => of(name).ptr(name),
  };
}

const answers = {
  servfail: { rcode: 2 },
  refused: { rcode: 5 },
  silent: null,
  // A header that announces an answer, and two bytes that are none.
  malformed: Uint8Array.of(0, 0, 0x80, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 2),
} as const;

/** The address records that let a host name lead to this machine. */
export function loopback(...names: string[]): DnsRecord[] {
  return names.map((name) => ({ type: 'A', name, address: '127.0.0.1' }));
}
