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

/** @param timeoutMs of its resolver; long enough for a busy machine unless told, short to meet silence */
export async function startDns(records: readonly DnsRecord[] = [], timeoutMs = 3000): Promise<TestDns> {
  const questions: string[] = [];
  const faults = new Map<string, DnsFault>();
  const server = await startZoneServer(records, {
    intercept(name, type) {
      questions.push(`${type} ${name}`);
      const fault = faults.get(`${type} ${name}`) ?? faults.get(`* ${name}`);
      return fault && answers[fault];
    },
  });
  return {
    address: server.address,
    resolver: createResolver({ servers: [server.address], timeoutMs, tries: 1 }),
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
