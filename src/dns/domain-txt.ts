/**
 * The TXT record at `_beckon.<domain>`: the root of trust of a domain, wire-spec/discovery.md section 2.
 *
 *     v=beckon1; id=<base64url SHA-256 of the identity key>[; id=<the next one's>][; gone=<base64url serial and signature>]
 */
import { base64urlnopad } from '@scure/base';
import { sizes } from '../wire/registry.ts';

export interface DomainTxt {
  /** 32 bytes each: one, or two different ones while the identity key changes. None only beside `gone`. */
  fingerprints: Uint8Array[];
  /** 69 bytes: that the domain leaves, signed by its identity key. Not verified here (keys/gone.ts). */
  gone: Uint8Array | null;
}

export type DomainTxtOutcome =
  { kind: 'found'; txt: DomainTxt } | { kind: 'missing' } | { kind: 'malformed' } | { kind: 'ambiguous' };

const version = 'beckon1';
/** A record of this version needs far less; anything longer is not read. */
const maxLength = 1024;

/** Reads all TXT values found at the name. Those of other kinds are ignored; two of ours are ambiguous. */
export function readDomainTxt(values: readonly string[]): DomainTxtOutcome {
  const ours = values.filter((value) => value.split(';', 1)[0]?.trim() === `v=${version}`);
  const [text] = ours;
  if (text === undefined) return { kind: 'missing' };
  if (ours.length > 1) return { kind: 'ambiguous' };
  const txt = parseDomainTxt(text);
  return txt ? { kind: 'found', txt } : { kind: 'malformed' };
}

/** The inverse of `readDomainTxt` for one record. */
export function formatDomainTxt(txt: DomainTxt): string {
  const tags = [`v=${version}`, ...txt.fingerprints.map((fingerprint) => `id=${encode(fingerprint)}`)];
  if (txt.gone) tags.push(`gone=${encode(txt.gone)}`);
  return tags.join('; ');
}

function parseDomainTxt(text: string): DomainTxt | null {
  if (text.length > maxLength) return null;
  const tags = text.replace(/;\s*$/, '').split(';').slice(1).map(parseTag);
  if (tags.includes(null)) return null;
  const values = (name: string) => tags.flatMap((tag) => (tag?.name === name ? [tag.value] : []));

  const ids = values('id');
  const gones = values('gone');
  if (values('v').length > 0 || gones.length > 1 || ids.length > 2) return null;
  if (new Set(ids).size < ids.length || ids.length + gones.length === 0) return null;

  const fingerprints = ids.map((id) => decode(id, 32));
  const signatures = gones.map((gone) => decode(gone, sizes.gone));
  if (!fingerprints.every((bytes) => bytes !== null) || !signatures.every((bytes) => bytes !== null))
    return null;
  return { fingerprints, gone: signatures[0] ?? null };
}

function parseTag(part: string): { name: string; value: string } | null {
  const match = /^[ \t]*([a-z][a-z0-9_-]*)=([\x21-\x3a\x3c-\x7e]*)[ \t]*$/.exec(part);
  return match ? { name: match[1] ?? '', value: match[2] ?? '' } : null;
}

function encode(bytes: Uint8Array): string {
  return base64urlnopad.encode(bytes);
}

function decode(text: string, length: number): Uint8Array | null {
  try {
    const bytes = base64urlnopad.decode(text);
    return bytes.length === length ? bytes : null;
  } catch {
    return null;
  }
}
