/** A contact card and its two forms as text, wire-spec/addressing.md section 5. */
import { base64urlnopad } from '@scure/base';
import { BeckonError } from '../errors.ts';
import { canonicalDomain } from './domain-name.ts';
import { addressText, hash, time } from './items.ts';
import { drop } from './message.ts';
import { publicPath } from './registry.ts';
import { field, optional, record, type ValueOf } from './schema.ts';

/** Signed by the user's identity: who gets it may write to a fresh drop of theirs, once. */
export const contactCard = record('contact-card', {
  address: field(1, addressText),
  fingerprint: field(2, hash),
  recordFingerprint: optional(3, hash),
  /** Its domain is that of the address, and omitted. */
  drop: field(4, drop),
  created: field(5, time),
});
export type ContactCard = ValueOf<typeof contactCard>;

/** Where a card lies, sealed, and what opens it. */
export interface CardLink {
  readonly domain: string;
  /** 16 bytes. */
  readonly id: Uint8Array;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

const prefix = 'beckon-card:';
/** The most characters of either form. */
const maxText = 8192;
const linkForm = /^https:\/\/beckon\.([^/:@?#]+)(\/[^?#]*\/)([A-Za-z0-9_-]{22})#([A-Za-z0-9_-]{43})$/;
const cardsPath = `${publicPath}cards/`;

/** Whether this is meant to be a card, and not an address. */
export function looksLikeCard(typed: string): boolean {
  const word = typed.trim();
  return word.startsWith(prefix) || /^https?:\/\//i.test(word);
}

/** The link of a card; what stands behind `#` goes to no server. */
export function formatCardLink({ domain, id, key }: CardLink): string {
  return `https://beckon.${domain}${cardsPath}${base64urlnopad.encode(id)}#${base64urlnopad.encode(key)}`;
}

/** A signed card as one word, which needs no server. */
export function formatCard(signed: Uint8Array): string {
  return prefix + base64urlnopad.encode(signed);
}

/**
 * The signed card, or where it lies. Throws `request_invalid` for anything that `formatCard` and `formatCardLink` do not write; what was typed is
 * not repeated.
 */
export function parseCardText(typed: string): { readonly signed: Uint8Array } | { readonly link: CardLink } {
  try {
    const word = typed.trim();
    if (word.length > maxText) throw new Error('too long for a card');
    if (word.startsWith(prefix)) return { signed: base64urlnopad.decode(word.slice(prefix.length)) };
    return { link: parseLink(word) };
  } catch {
    // The cause is not passed on: it may quote what it was given.
    throw new BeckonError('request_invalid', 'this is not a contact card, or a part of it is missing');
  }
}

function parseLink(word: string): CardLink {
  const [, domain = '', path, id = '', key = ''] = linkForm.exec(word) ?? [];
  if (path !== cardsPath || canonicalDomain(domain) !== domain) throw new Error('not the link of a card');
  return { domain, id: base64urlnopad.decode(id), key: base64urlnopad.decode(key) };
}
