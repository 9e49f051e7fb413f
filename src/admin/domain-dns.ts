/** The DNS records of a domain that this configuration serves. */
import type { Config } from '../config.ts';
import { dkimName, type DkimPublished } from '../keys/dkim-key.ts';
import { dkimEntries } from '../keys/dkim-life.ts';
import type { DomainKeys } from '../keys/domain-keys.ts';
import { nextIdentity } from '../keys/next-identity.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { BeckonError } from '../errors.ts';
import { domainRecords, recordValue, type DomainRecord } from '../dns/records.ts';

/** A record as text: name without a final dot, value in zone file form. */
export interface DnsLine {
  readonly name: string;
  readonly type: string;
  readonly value: string;
}

/** Where strangers connect: `null` for no UDP. */
export interface PublicPorts {
  readonly https: number;
  readonly udp: number | null;
  /** Where mail programs hand in mail, over TLS and with STARTTLS; absent where they do not. */
  readonly submission?: { readonly tls?: number; readonly starttls?: number } | undefined;
}

const standardPorts = { https: 443, udp: 4620, tls: 465, starttls: 587 };

/**
 * The ports that the configuration makes public; `bound` are those that a running daemon got. A proxy, a socket and port 0 (any
 * free one, not yet bound) do not say theirs: they count as the standard ones.
 */
export function publicPorts(
  { listen, tls, submission }: Pick<Config, 'listen' | 'tls' | 'submission'>,
  bound: Partial<PublicPorts> = {},
): PublicPorts {
  const { https, udp } = listen;
  const own = https.kind === 'tcp' && tls.mode !== 'proxy' ? (bound.https ?? https.port) : 0;
  return {
    https: own || standardPorts.https,
    udp: udp === null ? null : bound.udp || udp.port || standardPorts.udp,
    submission: {
      ...portOf('tls', submission.listen, bound.submission?.tls),
      ...portOf('starttls', submission.starttls, bound.submission?.starttls),
    },
  };
}

function portOf(
  door: 'tls' | 'starttls',
  address: Config['submission']['listen'],
  bound: number | undefined,
): { readonly tls?: number; readonly starttls?: number } {
  return address === null ? {} : { [door]: bound || address.port || standardPorts[door] };
}

/** The records to publish, wire-spec/discovery.md section 2: with two ids while the identity changes, with `gone` on leaving. */
export function publishedDns(
  keys: DomainKeys,
  { host, ports }: { readonly host: string; readonly ports: PublicPorts },
): readonly DnsLine[] {
  const { domain, fingerprint, gone } = keys;
  const records = domainRecords({
    domain,
    host,
    httpsPort: ports.https,
    udpPort: ports.udp,
    fingerprint,
    next: nextIdentity(keys)?.fingerprint,
    gone,
  });
  return [
    ...records,
    ...dkimEntries(keys).map((key) => dkimRecord(key, domain)),
    ...(gone === undefined ? submissionRecords(domain, host, ports) : []),
  ].map(dnsLine);
}

/** What lets receivers of mail check its signature; of a domain with a bridge. */
function dkimRecord(key: DkimPublished, domain: string): DomainRecord {
  return { type: 'TXT', name: dkimName(key, domain), text: key.txt };
}

export function dkimLine(key: DkimPublished, domain: string): DnsLine {
  return dnsLine(dkimRecord(key, domain));
}

/** By which mail programs find where they hand in mail (RFC 6186 section 3.1, RFC 8314 section 5.1); of their stores we say nothing. */
function submissionRecords(
  domain: string,
  host: string,
  { submission: { tls, starttls } = {} }: PublicPorts,
): readonly DomainRecord[] {
  const record = (service: string, port: number | undefined): readonly DomainRecord[] => {
    if (port === undefined) return [];
    return [{ type: 'SRV', name: `_${service}._tcp.${domain}`, priority: 0, weight: 1, port, target: host }];
  };
  return [...record('submissions', tls), ...record('submission', starttls)];
}

export interface ServedDnsParts {
  readonly keyRing: Pick<KeyRing, 'keysOf'>;
  readonly config: () => Config;
  /** As bound. */
  readonly ports: () => PublicPorts;
}

/** The records that a domain of the running daemon is to publish now. The function throws `not_found`. */
export function createDnsOf({
  keyRing,
  config,
  ports,
}: ServedDnsParts): (domain: string) => readonly DnsLine[] {
  return (domain) => {
    const keys = keyRing.keysOf(domain);
    if (keys === undefined) throw new BeckonError('not_found', 'this domain is not served here');
    return publishedDns(keys, { host: config().host, ports: publicPorts(config(), ports()) });
  };
}

function dnsLine(record: DomainRecord): DnsLine {
  return { name: record.name, type: record.type, value: recordValue(record) };
}
