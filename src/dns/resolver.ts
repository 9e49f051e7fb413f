/** DNS look-ups with three outcomes: found, absent for certain, or ask again later. wire-spec/discovery.md section 3. */
import { Resolver as SystemResolver, getServers } from 'node:dns/promises';
import { plainName } from './record.ts';

/**
 * What one look-up gave. Only an answer "no such name" or "no such record" is `absent`; a timeout, a server failure, a
 * refusal or a broken answer is `later` and proves nothing.
 */
export type Lookup<T> =
  | { kind: 'found'; records: T[] }
  | { kind: 'absent'; reason: 'nxdomain' | 'nodata' }
  | { kind: 'later'; reason: LaterReason };

export type LaterReason = 'timeout' | 'servfail' | 'refused' | 'malformed' | 'unreachable' | 'failed';

export interface SrvAnswer {
  priority: number;
  weight: number;
  port: number;
  /** Lower case, no final dot; empty means not offered. */
  target: string;
}

export interface MxAnswer {
  priority: number;
  /** Lower case, no final dot; empty is the null MX of RFC 7505. */
  exchange: string;
}

export interface Resolver {
  srv(name: string): Promise<Lookup<SrvAnswer>>;
  /** Each record with its strings joined. */
  txt(name: string): Promise<Lookup<string>>;
  mx(name: string): Promise<Lookup<MxAnswer>>;
  /** IPv4 addresses first, then IPv6, each in the order of the answer. */
  address(name: string): Promise<Lookup<string>>;
}

export interface ResolverOptions {
  /** `address:port` or `[address]:port`, in order of preference. Empty or absent: the system's. */
  servers?: readonly string[];
  /** For the first try with one server, in milliseconds; it grows with each further try. */
  timeoutMs?: number;
  /** With each server. */
  tries?: number;
}

/** A resolver over the given servers. The next server is asked whenever one gives no definite answer. */
export function createResolver(options: ResolverOptions = {}): Resolver {
  const { timeoutMs = 2000, tries = 2 } = options;
  const servers = options.servers?.length ? options.servers : getServers();
  // node:dns does not go on to its next server after SERVFAIL, so each server has a resolver of its own.
  const resolvers = servers.map((server) => {
    const resolver = new SystemResolver({ timeout: timeoutMs, tries });
    resolver.setServers([server]);
    return resolver;
  });

  async function ask<T>(query: (resolver: SystemResolver) => Promise<T[]>): Promise<Lookup<T>> {
    let outcome: Lookup<T> = { kind: 'later', reason: 'unreachable' };
    for (const resolver of resolvers) {
      outcome = await lookup(query(resolver));
      if (outcome.kind !== 'later') break;
    }
    return outcome;
  }

  return {
    srv: async (name) =>
      mapRecords(await ask((resolver) => resolver.resolveSrv(name)), ({ priority, weight, port, name }) => ({
        priority,
        weight,
        port,
        target: plainName(name),
      })),
    txt: async (name) =>
      mapRecords(await ask((resolver) => resolver.resolveTxt(name)), (strings) => strings.join('')),
    mx: async (name) =>
      mapRecords(await ask((resolver) => resolver.resolveMx(name)), ({ priority, exchange }) => ({
        priority,
        exchange: plainName(exchange),
      })),
    address: async (name) =>
      joinFamilies(
        await Promise.all([
          ask((resolver) => resolver.resolve4(name)),
          ask((resolver) => resolver.resolve6(name)),
        ]),
      ),
  };
}

async function lookup<T>(answer: Promise<T[]>): Promise<Lookup<T>> {
  try {
    const records = await answer;
    return records.length > 0 ? { kind: 'found', records } : { kind: 'absent', reason: 'nodata' };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOTFOUND') return { kind: 'absent', reason: 'nxdomain' };
    if (code === 'ENODATA') return { kind: 'absent', reason: 'nodata' };
    return { kind: 'later', reason: laterReasons.get(code) ?? 'failed' };
  }
}

const laterReasons = new Map<unknown, LaterReason>([
  ['ETIMEOUT', 'timeout'],
  ['ESERVFAIL', 'servfail'],
  ['EREFUSED', 'refused'],
  ['ENOTIMP', 'refused'],
  ['EFORMERR', 'malformed'],
  ['EBADRESP', 'malformed'],
  ['ECONNREFUSED', 'unreachable'],
]);

function mapRecords<T, U>(outcome: Lookup<T>, map: (record: T) => U): Lookup<U> {
  return outcome.kind === 'found' ? { kind: 'found', records: outcome.records.map(map) } : outcome;
}

/** One family is enough to be found; both must be known to be missing for the name to have no address. */
function joinFamilies(outcomes: Lookup<string>[]): Lookup<string> {
  const records = outcomes.flatMap((outcome) => (outcome.kind === 'found' ? outcome.records : []));
  if (records.length > 0) return { kind: 'found', records };
  const later = outcomes.find((outcome) => outcome.kind === 'later');
  if (later) return later;
  const nxdomain = outcomes.some((outcome) => outcome.kind === 'absent' && outcome.reason === 'nxdomain');
  return { kind: 'absent', reason: nxdomain ? 'nxdomain' : 'nodata' };
}
