/** What a domain is, from its DNS records alone: wire-spec/discovery.md section 3. */
import { checkDomain } from '../wire/domain-name.ts';
import { readDomainTxt, type DomainTxtOutcome } from './domain-txt.ts';
import { isHostName } from './record.ts';
import type { LaterReason, Lookup, MxAnswer, Resolver, SrvAnswer } from './resolver.ts';
import { isNotOffered, orderTargets } from './srv-order.ts';
import type { Target } from './srv-order.ts';

export type Discovery = NativeDomain | LegacyDomain | LaterDomain | NoDomain;

export interface NativeDomain {
  kind: 'native';
  /** For HTTPS, in the order to try; never empty. */
  targets: Target[];
  /** For notifications, in the order to try; empty: the HTTPS door only. */
  udpTargets: Target[];
  /** SHA-256 of the identity keys that the TXT record admits: one, or two during a change. */
  fingerprints: Uint8Array[];
  /** The signature by which a leaving domain says so, not yet verified. */
  gone: Uint8Array | null;
  /** Whether a validating resolver on this machine vouched for the SRV record (HTTPS) and the TXT record. */
  dnssec: boolean;
}

/** An authoritative "no such record", and the domain takes mail. */
export interface LegacyDomain {
  kind: 'legacy';
  /** By priority; the domain itself where it has an address but no MX (RFC 5321 section 5.1). */
  mx: { host: string; priority: number }[];
  /** Whether a validating resolver on this machine vouched for the missing record: then nobody on the way took it away. */
  dnssec: boolean;
}

/** Nothing is known: ask again with backoff, never fall back. */
export interface LaterDomain {
  kind: 'later';
  reason: LaterReason | 'srv_malformed' | 'txt_missing' | 'txt_malformed' | 'txt_ambiguous' | 'mx_malformed';
}

/** Nothing can be delivered there: the sender is told at once. `left` is for who pinned the domain to find out, not for DNS alone. */
export interface NoDomain {
  kind: 'none';
  reason: 'no_such_domain' | 'null_mx' | 'no_mail' | 'left';
}

export interface Discover {
  /** Throws `domain_invalid` unless the name is canonical. */
  discoverDomain(domain: string): Promise<Discovery>;
  /** What stands at `_beckon.<domain>`, whether the domain is native or not; the name may be that of a top-level domain. */
  domainTxt(domain: string): Promise<DomainTxtOutcome | LaterDomain>;
}

/** @param random uniform in [0, 1), for the order among SRV targets of one priority */
export function createDiscover(resolver: Resolver, random: () => number = Math.random): Discover {
  return {
    async discoverDomain(domain) {
      checkDomain(domain);
      const srv = await resolver.srv(`_beckon._tcp.${domain}`);
      if (srv.kind === 'later') return srv;
      if (srv.kind === 'absent' || isNotOffered(srv.records)) return mailOf(resolver, domain, srv.dnssec);
      return native(resolver, domain, srv, random);
    },
    async domainTxt(domain) {
      const txt = await resolver.txt(`_beckon.${domain}`);
      return txt.kind === 'later' ? txt : readDomainTxt(txt.kind === 'found' ? txt.records : []);
    },
  };
}

async function native(
  resolver: Resolver,
  domain: string,
  srv: Extract<Lookup<SrvAnswer>, { kind: 'found' }>,
  random: () => number,
): Promise<NativeDomain | LaterDomain> {
  const targets = orderTargets(srv.records, random);
  if (targets.length === 0) return { kind: 'later', reason: 'srv_malformed' };

  const [txt, udp] = await Promise.all([
    resolver.txt(`_beckon.${domain}`),
    resolver.srv(`_beckon._udp.${domain}`),
  ]);
  if (txt.kind === 'later') return txt;
  if (udp.kind === 'later') return udp;

  const outcome = readDomainTxt(txt.kind === 'found' ? txt.records : []);
  if (outcome.kind !== 'found') return { kind: 'later', reason: `txt_${outcome.kind}` };
  const { fingerprints, gone } = outcome.txt;
  if (fingerprints.length === 0) return { kind: 'later', reason: 'txt_missing' };
  const udpTargets = udp.kind === 'found' ? orderTargets(udp.records, random) : [];
  return { kind: 'native', targets, udpTargets, fingerprints, gone, dnssec: srv.dnssec && txt.dnssec };
}

async function mailOf(
  resolver: Resolver,
  domain: string,
  dnssec: boolean,
): Promise<LegacyDomain | LaterDomain | NoDomain> {
  const mx = await resolver.mx(domain);
  if (mx.kind === 'later') return mx;
  if (mx.kind === 'found') return mailExchangers(mx.records, dnssec);
  if (mx.reason === 'nxdomain') return { kind: 'none', reason: 'no_such_domain' };
  return implicitMail(domain, await resolver.address(domain), dnssec);
}

function mailExchangers(records: MxAnswer[], dnssec: boolean): LegacyDomain | LaterDomain | NoDomain {
  if (records.every(({ exchange }) => exchange === '')) return { kind: 'none', reason: 'null_mx' };
  const mx = records
    .filter(({ exchange }) => isHostName(exchange))
    .map(({ exchange, priority }) => ({ host: exchange, priority }))
    .sort((a, b) => a.priority - b.priority);
  return mx.length > 0 ? { kind: 'legacy', mx, dnssec } : { kind: 'later', reason: 'mx_malformed' };
}

function implicitMail(
  domain: string,
  address: Lookup<string>,
  dnssec: boolean,
): LegacyDomain | LaterDomain | NoDomain {
  if (address.kind === 'later') return address;
  if (address.kind === 'found') return { kind: 'legacy', mx: [{ host: domain, priority: 0 }], dnssec };
  return { kind: 'none', reason: address.reason === 'nxdomain' ? 'no_such_domain' : 'no_mail' };
}
