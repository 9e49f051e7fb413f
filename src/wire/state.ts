/** What a client keeps at its own domain, sealed, and the code that brings in a second device: wire-spec/state.md. */
import { base64urlnopad } from '@scure/base';
import { BeckonError } from '../errors.ts';
import { canonicalLocal } from './address.ts';
import { domainName, hash, keyId } from './items.ts';
import { sizes } from './registry.ts';
import { bytes, decode, encode, field, record, text, uint, type ValueOf } from './schema.ts';

/** The least that chunked encryption gives: its header and the tag of an empty chunk. */
const leastSealed = 72;

export const stateBlob = record('state-blob', {
  version: field(1, uint(255)),
  keyId: field(2, keyId),
  sealed: field(3, bytes(leastSealed, sizes.stateSealedMax)),
});
export type StateBlob = ValueOf<typeof stateBlob>;

/** The most bytes of an encoded state blob, 16 MiB: the sealed part, and some room around it. */
export const maxStateBlob = sizes.stateSealedMax + 4096;

export const pairing = record('pairing', {
  domain: field(1, domainName),
  local: field(2, text(64)),
  /** Ed25519 seed: signs the reading of the state and the adding of the device, once. */
  pairingKey: field(3, bytes(32)),
  fingerprint: field(4, hash),
  stateKey: field(5, bytes(32)),
});
export type Pairing = ValueOf<typeof pairing>;

const prefix = 'beckon-device:';

/** Whether this is meant to be a pairing code, and not an invitation. */
export function looksLikePairing(typed: string): boolean {
  return typed.trim().startsWith(prefix);
}

/** One word that can be copied and pasted. It holds the state key. */
export function formatPairing(value: Pairing): string {
  return prefix + base64urlnopad.encode(encode(pairing, value));
}

/** Throws `invitation_invalid` for anything that `formatPairing` does not write; what was typed is not repeated. */
export function parsePairing(typed: string): Pairing {
  try {
    const word = typed.trim();
    if (!word.startsWith(prefix) || word.length > 1024) throw new Error('not a pairing code');
    const value = decode(pairing, base64urlnopad.decode(word.slice(prefix.length)));
    if (canonicalLocal(value.local) !== value.local) throw new Error('not a canonical local part');
    return value;
  } catch {
    // The cause is not passed on: it may quote what it was given.
    throw new BeckonError('invitation_invalid', 'this is not a pairing code, or a part of it is missing');
  }
}
