/** DNS look-ups with three outcomes: found, absent for certain, or ask again later. wire-spec/discovery.md section 3. */
import type { Answer } from 'dns-packet';
import type { Lookup, Question, RecordType } from './answer.ts';
import { exchange } from './exchange.ts';
import { isHostName, plainName } from './record.ts';
import { resolvingServers } from './servers.ts';
import type { DnssecMode, Resolving } from './servers.ts';
import { createTurnstile } from './turnstile.ts';

export type { LaterReason, Lookup } from './answer.ts';

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

/** What stands for a certificate in DNS (RFC 6698 section 2.1); to be believed where DNSSEC vouches for it. */
export interface TlsaAnswer {
  usage: number;
  selector: number;
  matchingType: number;
  data: Uint8Array;
}

export interface Resolver {
  srv(name: string): Promise<Lookup<SrvAnswer>>;
  /** Each record with its strings joined. */
  txt(name: string): Promise<Lookup<string>>;
  mx(name: string): Promise<Lookup<MxAnswer>>;
  tlsa(name: string): Promise<Lookup<TlsaAnswer>>;
  /** IPv4 addresses first, then IPv6, each in the order of the answer. */
  address(name: string): Promise<Lookup<string>>;
  /** Of one family alone. */
  ipv4(name: string): Promise<Lookup<string>>;
  ipv6(name: string): Promise<Lookup<string>>;
  /** The names of an address, which is itself given as a name: `1.2.0.192.in-addr.arpa`. Whoever has the address chose them. */
  ptr(name: string): Promise<Lookup<string>>;
}

export interface ResolverOptions {
  /** `address:port` or `[address]:port`, in order of preference. Empty or absent: the system's. */
  servers?: readonly string[];
  /** For the first try with one server, in milliseconds; it doubles with each further try. */
  timeoutMs?: number;
  /** With each server. */
  tries?: number;
  /** Whose word that an answer was validated counts; `auto` unless told: that of a resolver on this machine. */
  dnssec?: DnssecMode;
}

/** Sockets open at a time: a flood of names must not use up the descriptors of the process. */
const maxUnderWay = 256;

/**
 * A resolver over the given servers. The next server is asked whenever one gives no definite answer. Throws `config_invalid` for
 * what is no address.
 */
export function createResolver(options: ResolverOptions = {}): Resolver {
  const { timeoutMs = 2000, tries = 3, dnssec = 'auto' } = options;
  const servers = resolvingServers(options.servers ?? [], dnssec);
  const turnstile = createTurnstile(maxUnderWay);

  async function lookUp<T>(
    name: string,
    type: RecordType,
    read: (answer: Answer) => T[],
  ): Promise<Lookup<T>> {
    const question = { name: plainName(name), type };
    // Also what the packet's encoder takes for granted of a name.
    if (!isHostName(question.name)) return { kind: 'later', reason: 'failed' };
    let outcome: Lookup<Answer> = { kind: 'later', reason: 'unreachable' };
    for (const server of servers) {
      outcome = await turnstile(() => askServer(server, question));
      if (outcome.kind !== 'later') break;
    }
    return outcome.kind === 'found' ? { ...outcome, records: outcome.records.flatMap(read) } : outcome;
  }

  async function askServer(server: Resolving, question: Question): Promise<Lookup<Answer>> {
    for (let attempt = 1; ; attempt++) {
      const outcome = await exchange(server, question, timeoutMs * 2 ** (attempt - 1));
      if (outcome.kind !== 'later') return { ...outcome, dnssec: outcome.dnssec && server.trusted };
      if (outcome.reason !== 'timeout' || attempt >= tries) return outcome;
    }
  }

  const ipv4 = (name: string) => lookUp(name, 'A', addressOf);
  const ipv6 = (name: string) => lookUp(name, 'AAAA', addressOf);
  return {
    srv: (name) => lookUp(name, 'SRV', srvOf),
    txt: (name) => lookUp(name, 'TXT', textOf),
    mx: (name) => lookUp(name, 'MX', mxOf),
    tlsa: (name) => lookUp(name, 'TLSA', tlsaOf),
    address: async (name) => joinFamilies(await Promise.all([ipv4(name), ipv6(name)])),
    ipv4,
    ipv6,
    ptr: (name) => lookUp(name, 'PTR', nameOf),
  };
}

function srvOf(answer: Answer): SrvAnswer[] {
  if (answer.type !== 'SRV') return [];
  const { priority = 0, weight = 0, port, target } = answer.data;
  return [{ priority, weight, port, target: plainName(target) }];
}

function mxOf(answer: Answer): MxAnswer[] {
  if (answer.type !== 'MX') return [];
  const { preference = 0, exchange } = answer.data;
  return [{ priority: preference, exchange: plainName(exchange) }];
}

function tlsaOf(answer: Answer): TlsaAnswer[] {
  if (answer.type !== 'TLSA') return [];
  const { usage, selector, matchingType, certificate } = answer.data;
  return [{ usage, selector, matchingType, data: Uint8Array.from(certificate) }];
}

function textOf(answer: Answer): string[] {
  if (answer.type !== 'TXT') return [];
  const strings = [answer.data].flat();
  return [strings.map((part) => (typeof part === 'string' ? part : part.toString('latin1'))).join('')];
}

function addressOf(answer: Answer): string[] {
  return answer.type === 'A' || answer.type === 'AAAA' ? [answer.data] : [];
}

function nameOf(answer: Answer): string[] {
  return answer.type === 'PTR' ? [plainName(answer.data)] : [];
}

/** One family is enough to be found; both must be known to be missing for the name to have no address. */
function joinFamilies(outcomes: Lookup<string>[]): Lookup<string> {
  const found = outcomes.filter((outcome) => outcome.kind === 'found');
  if (found.length > 0) {
    const records = found.flatMap((outcome) => outcome.records);
    return { kind: 'found', records, dnssec: found.every(({ dnssec }) => dnssec) };
  }
  const later = outcomes.find((outcome) => outcome.kind === 'later');
  if (later) return later;
  const absent = outcomes.filter((outcome) => outcome.kind === 'absent');
  const nxdomain = absent.some(({ reason }) => reason === 'nxdomain');
  const dnssec = absent.every(({ dnssec }) => dnssec);
  return { kind: 'absent', reason: nxdomain ? 'nxdomain' : 'nodata', dnssec };
}
