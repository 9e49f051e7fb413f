/** Addresses in their one canonical form, wire-spec/discovery.md section 1. */
import { BeckonError } from '../errors.ts';
import { canonicalDomain, checkDomain } from './domain-name.ts';
import { sizes } from './registry.ts';

export interface Address {
  readonly local: string;
  readonly domain: string;
}

const maxAddressLength = 512;
/** In bytes of UTF-8. */
export const maxTagLength = 64;
/** Letters, marks, digits and symbols of any script, and what RFC 5322 allows in an atom, but `+`, which starts the tag. */
const atom = "(?:(?![+<>])[\\p{L}\\p{M}\\p{N}\\p{S}!#%&'*\\/?_{}\\-])+";
const localForm = new RegExp(`^${atom}(?:\\.${atom})*$`, 'u');
/** Those of them that are ASCII and lower case: most local parts are nothing else, and stay as they are. */
const plainAtom = "[a-z0-9!#$%&'*\\/=?^_`{|}~\\-]+";
const plainForm = new RegExp(`^${plainAtom}(?:\\.${plainAtom})*$`);
/** Symbols to Unicode, refused in a local part all the same: the tag's sign and the brackets of mail headers. */
const refusedSymbols = /[+<>]/;
const utf8 = new TextEncoder();

function invalid(reason: string): BeckonError {
  return new BeckonError('address_invalid', reason);
}

/** Simple case mapping, one code point to one: what `toLowerCase` does for all but U+0130. */
function lowerCase(codePoint: string): string {
  return codePoint === '\u0130' ? 'i' : codePoint.toLowerCase();
}

/** The canonical local part, without its `+tag`. Throws `address_invalid`. */
export function canonicalLocal(local: string): string {
  if (local.length <= sizes.introductionLocal && plainForm.test(local)) return local;
  if (!local.isWellFormed() || /\p{Cn}/u.test(local))
    throw invalid('the local part has unassigned characters');
  const mapped = Array.from(local, lowerCase).join('').normalize('NFC');
  if (!localForm.test(mapped) || refusedSymbols.test(mapped))
    throw invalid('the local part has characters that are not allowed, or none');
  if (utf8.encode(mapped).length > sizes.introductionLocal)
    throw invalid('the local part is longer than 64 bytes');
  return mapped;
}

/**
 * Reads `local@domain` as a person may type it. `tag` is what stood between the first `+` and the `@`, if anything,
 * for the private header only. Throws `address_invalid` or `domain_invalid`.
 */
export function parseAddress(typed: string): { address: Address; tag?: string } {
  if (typed.length > maxAddressLength) throw invalid('the address is too long');
  const at = typed.lastIndexOf('@');
  if (at < 1) throw invalid('an address is local@domain');
  const [local, ...tag] = typed.slice(0, at).split('+');
  const address = { local: canonicalLocal(local ?? ''), domain: canonicalDomain(typed.slice(at + 1)) };
  return tag.join('+') === '' ? { address } : { address, tag: checkedTag(tag.join('+')) };
}

/** A tag as the private header can carry it. */
function checkedTag(tag: string): string {
  if (!tag.isWellFormed() || /\p{C}/u.test(tag) || utf8.encode(tag).length > maxTagLength)
    throw invalid('the tag has characters that are not allowed, or more than 64 bytes');
  return tag;
}

/** `local@domain`. */
export function formatAddress(address: Address): string {
  return `${address.local}@${address.domain}`;
}

/** Throws `address_invalid` unless the text is a canonical address: what comes over the wire must be. */
export function checkAddress(text: string): void {
  splitAddress(text);
}

/** The parts of a canonical address. Throws `address_invalid` where it is not canonical. */
export function splitAddress(text: string): Address {
  const at = text.lastIndexOf('@');
  const address = { local: text.slice(0, Math.max(at, 0)), domain: text.slice(at + 1) };
  if (at < 1 || canonicalLocal(address.local) !== address.local) throw invalid('not a canonical address');
  checkDomain(address.domain);
  return address;
}
