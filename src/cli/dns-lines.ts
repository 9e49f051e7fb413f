/** DNS records as people, zone files and programs want them. */
import type { DnsEntry } from '../http/admin-handlers.ts';

const ttl = 3600;

/** Aligned and indented, one line each. */
export function dnsLines(entries: readonly DnsEntry[]): string[] {
  const width = Math.max(0, ...entries.map(({ name }) => name.length)) + 1;
  return entries.map(({ name, type, value }) => `  ${`${name}.`.padEnd(width)}  ${type.padEnd(5)} ${value}`);
}

/** Lines of a zone file (RFC 1035 section 5). */
export function zoneLines(entries: readonly DnsEntry[]): string[] {
  return entries.map(({ name, type, value }) => `${name}. ${ttl} IN ${type} ${value}`);
}
