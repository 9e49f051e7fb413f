/** DNS records as plain values: what `records.ts` makes and `zone-server.ts` serves. Names carry no final dot. */
export type DnsRecord =
  | SrvRecord
  | TxtRecord
  | CnameRecord
  | MxRecord
  | { type: 'A' | 'AAAA'; name: string; address: string }
  | { type: 'PTR'; name: string; target: string };

export interface SrvRecord {
  type: 'SRV';
  name: string;
  priority: number;
  weight: number;
  port: number;
  /** A host name; `.` means that the service is not offered (RFC 2782). */
  target: string;
}

export interface TxtRecord {
  type: 'TXT';
  name: string;
  /** ASCII; split into strings of at most 255 octets on the wire. */
  text: string;
}

export interface CnameRecord {
  type: 'CNAME';
  name: string;
  target: string;
}

export interface MxRecord {
  type: 'MX';
  name: string;
  priority: number;
  /** A host name; `.` means that the domain takes no mail (RFC 7505). */
  exchange: string;
}

const label = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
const hostName = new RegExp(`^(?:${label}\\.)*(?![0-9]+$)(?!0x[0-9a-f]*$)${label}$`);

/**
 * Whether a text, lower case and without final dot, can be the name of a host: letters, digits, hyphens (and
 * underscores, which exist in the wild). Nothing that a connect call could read as an IPv4 address is one.
 */
export function isHostName(text: string): boolean {
  return text.length <= 253 && hostName.test(text);
}

/** A name as DNS answers carry it, in the form `isHostName` takes: lower case, no final dot. */
export function plainName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

/** Splits a TXT value into the strings of at most 255 octets that a record is made of. */
export function txtStrings(text: string): string[] {
  return text.match(/[\s\S]{1,255}/g) ?? [''];
}
