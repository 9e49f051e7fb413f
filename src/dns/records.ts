/** The DNS records that a domain publishes, wire-spec/discovery.md section 2: the inverse of `discover.ts`. */
import { authorityOf, checkDomain } from '../wire/domain-name.ts';
import { formatDomainTxt } from './domain-txt.ts';
import { txtStrings } from './record.ts';
import type { CnameRecord, SrvRecord, TxtRecord } from './record.ts';

export type DomainRecord = SrvRecord | TxtRecord | CnameRecord;

export interface DomainRecordsOptions {
  /** Canonical. */
  domain: string;
  /** The hoster's host, where the daemon listens. */
  host: string;
  httpsPort: number;
  /** null: notifications come through the HTTPS door only, so no UDP record is published. */
  udpPort: number | null;
  /** SHA-256 of the domain's identity key: 32 bytes. */
  fingerprint: Uint8Array;
  /** That of the next one, while it changes. */
  next?: Uint8Array | undefined;
  /** Where the domain leaves (keys/gone.ts). */
  gone?: Uint8Array | undefined;
}

/**
 * The records to publish, in the order in which they are shown: SRV for HTTPS, SRV for UDP, TXT, CNAME. A host that is
 * itself the TLS name needs no CNAME (it cannot point at itself). Throws `domain_invalid`.
 */
export function domainRecords(options: DomainRecordsOptions): DomainRecord[] {
  const { domain, host, httpsPort, udpPort, fingerprint, next, gone = null } = options;
  checkDomain(domain);
  checkDomain(host);
  const srv = (service: string, port: number): SrvRecord => ({
    type: 'SRV',
    name: `_beckon._${service}.${domain}`,
    priority: 0,
    weight: 0,
    port,
    target: host,
  });
  const records: DomainRecord[] = [srv('tcp', httpsPort)];
  if (udpPort !== null) records.push(srv('udp', udpPort));
  const text = formatDomainTxt({
    fingerprints: next === undefined ? [fingerprint] : [fingerprint, next],
    gone,
  });
  records.push({ type: 'TXT', name: `_beckon.${domain}`, text });
  if (host !== authorityOf(domain)) records.push({ type: 'CNAME', name: authorityOf(domain), target: host });
  return records;
}

/** One aligned line for each record, for people: name, type, value. */
export function recordLines(records: readonly DomainRecord[]): string[] {
  const width = Math.max(...records.map(({ name }) => name.length)) + 1;
  return records.map(
    (record) => `${`${record.name}.`.padEnd(width)}  ${record.type.padEnd(5)} ${recordValue(record)}`,
  );
}

/** The same as lines of a zone file (RFC 1035 section 5), each ending with a line feed. */
export function zoneText(records: readonly DomainRecord[], ttlSeconds = 3600): string {
  return records
    .map((record) => `${record.name}. ${ttlSeconds} IN ${record.type} ${recordValue(record)}\n`)
    .join('');
}

/** The same as JSON text: an array of {name, type, value}, names with their final dot, values as in a zone file. */
export function recordsJson(records: readonly DomainRecord[]): string {
  const rows = records.map((record) => ({
    name: `${record.name}.`,
    type: record.type,
    value: recordValue(record),
  }));
  return JSON.stringify(rows, null, 2);
}

/** The value of a record as it stands in a zone file. */
export function recordValue(record: DomainRecord): string {
  switch (record.type) {
    case 'SRV':
      return `${record.priority} ${record.weight} ${record.port} ${record.target}.`;
    case 'TXT':
      return txtStrings(record.text)
        .map((string) => `"${string}"`)
        .join(' ');
    case 'CNAME':
      return `${record.target}.`;
  }
}
