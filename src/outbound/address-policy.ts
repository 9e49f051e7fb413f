/** Which addresses may be dialled: public ones, and what the operator allowed. Pure. */
import ipaddr from 'ipaddr.js';
import type { IPv4, IPv6 } from 'ipaddr.js';
import { BeckonError } from '../errors.ts';

export type AddressVerdict = { kind: 'allowed' } | { kind: 'refused'; reason: string };

/** Judges one IP address in text form. Anything but a plain IPv4 or IPv6 address is refused. */
export type AddressPolicy = (address: string) => AddressVerdict;

/**
 * A policy that allows globally reachable unicast addresses and those inside `allow`.
 *
 * IPv4 addresses inside IPv6 ones are judged as what they lead to. Throws `config_invalid` for an entry of `allow` that is
 * neither an address nor a CIDR range.
 */
export function createAddressPolicy(allow: readonly string[] = []): AddressPolicy {
  const ranges = allow.map(parseRange);
  return (text) => {
    const address = parseAddress(text);
    if (address === null) return { kind: 'refused', reason: 'not an address' };
    if (ranges.some((range) => isInside(address, range))) return { kind: 'allowed' };
    const reason = whyNotPublic(address);
    return reason === null ? { kind: 'allowed' } : { kind: 'refused', reason };
  };
}

type Address = IPv4 | IPv6;
type Range = [Address, number];

function whyNotPublic(address: Address): string | null {
  if (isInside(address, azureWireServer)) return 'metadata';
  const range = address.range();
  const embedded = nat64Target(address);
  if (embedded) return whyNotPublic(embedded);
  if (range !== 'unicast') return range;
  return address.kind() === 'ipv6' && !isInside(address, globalUnicast) ? 'reserved' : null;
}

/** What is not inside is unassigned or special, whatever a table of special ranges says. */
const globalUnicast: Range = ipaddr.parseCIDR('2000::/3');
/** A metadata service at a public address; those of other clouds are link-local, CGNAT or unique-local. */
const azureWireServer: Range = ipaddr.parseCIDR('168.63.129.16/32');
const mapped: Range = [ipaddr.IPv6.parse('::ffff:0:0'), 96];
const nat64: Range = ipaddr.parseCIDR('64:ff9b::/96');

/** In networks without IPv4 a public server has such an address (RFC 6052), so it is judged by what is inside. */
function nat64Target(address: Address): IPv4 | null {
  return isInside(address, nat64) ? lastFour(address) : null;
}

function lastFour(address: Address): IPv4 {
  return new ipaddr.IPv4(address.toByteArray().slice(12));
}

/** Null for everything that is not in plain notation: octal, hexadecimal, short or zoned forms are never DNS answers. */
function parseAddress(text: string): Address | null {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  // The library would read the old form ::a.b.c.d as ::ffff:a.b.c.d, which is not where a connection goes.
  if (/^::\d+\./.test(text)) return null;
  if (!/^[0-9a-f:.]+$/i.test(text) || !ipaddr.IPv6.isValid(text)) return null;
  const address = ipaddr.IPv6.parse(text);
  return isInside(address, mapped) ? lastFour(address) : address;
}

function parseRange(text: string): Range {
  const [base = '', bits, ...rest] = text.split('/');
  const address = parseAddress(base);
  const width = address?.kind() === 'ipv4' ? 32 : 128;
  const length = bits === undefined ? width : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
  const isMapped = base.includes(':') && address?.kind() === 'ipv4';
  if (address === null || isMapped || rest.length > 0 || length < 0 || length > width)
    throw new BeckonError(
      'config_invalid',
      `outbound.allow: "${text}" is neither an address nor a CIDR range`,
    );
  return [address, length];
}

function isInside(address: Address, range: Range): boolean {
  return address.kind() === range[0].kind() && address.match(range);
}
