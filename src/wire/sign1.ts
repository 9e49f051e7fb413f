/** COSE_Sign1 (RFC 9052 section 4.2) as Beckon uses it, wire-spec/README.md section 5. */
import { BeckonError } from '../errors.ts';
import { context } from './context.ts';
import {
  createOutput,
  finish,
  readLabel,
  writeArrayHead,
  writeBytes,
  writeLabel,
  writeText,
} from './cbor.ts';
import { coseAlgorithmEd25519, coseLabels, sizes, type Purpose } from './registry.ts';
import { bytes, decode, encode, field, record, tuple, type Schema } from './schema.ts';

const algorithm: Schema<number> = { read: readLabel, write: writeLabel };

export const protectedHeader = record('protected-header', {
  algorithm: field(coseLabels.algorithm, algorithm),
  keyId: field(coseLabels.keyId, bytes(sizes.keyId)),
});

const emptyMap = record('unprotected-header', {});
/** The largest signed object, in bytes: a domain record with its mandate. */
export const maxSigned = 48 * 1024;

const sign1Item = tuple(bytes(1, 64), emptyMap, bytes(1, maxSigned), bytes(sizes.signature));

/** A signed object as it travels: the parts that the signature covers are kept as received. */
export interface Sign1 {
  readonly protected: Uint8Array;
  readonly keyId: Uint8Array;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

/** Decodes without verifying. Throws `cbor_*`, or `algorithm_unsupported` for any algorithm but -19. */
export function decodeSign1(encoded: Uint8Array, maxSize = maxSigned): Sign1 {
  const [header, unprotected, payload, signature] = decode(sign1Item, encoded, maxSize);
  if (unprotected.unknown !== undefined)
    throw new BeckonError('cbor_range', 'the unprotected header of a signed object is empty');
  const { algorithm: named, keyId } = decode(protectedHeader, header);
  if (named !== coseAlgorithmEd25519)
    throw new BeckonError('algorithm_unsupported', 'signatures are Ed25519 (-19)');
  return { protected: header, keyId, payload, signature };
}

export function encodeSign1(signed: Omit<Sign1, 'keyId'>): Uint8Array {
  return encode(sign1Item, [signed.protected, {}, signed.payload, signed.signature]);
}

export function encodeProtected(keyId: Uint8Array): Uint8Array {
  return encode(protectedHeader, { algorithm: coseAlgorithmEd25519, keyId });
}

/**
 * The Sig_structure: `["Signature1", protected, external_aad, payload]`, where external_aad is the context of the
 * object's purpose and the domain it is bound to.
 */
export function toBeSigned(
  header: Uint8Array,
  purpose: Purpose,
  domain: string,
  payload: Uint8Array,
): Uint8Array {
  return sigStructure(header, context(purpose, domain), payload);
}

/** The Sig_structure for any external_aad: what the standards' own examples are checked with. */
export function sigStructure(header: Uint8Array, externalAad: Uint8Array, payload: Uint8Array): Uint8Array {
  const output = createOutput(64 + payload.length);
  writeArrayHead(output, 4);
  writeText(output, 'Signature1');
  writeBytes(output, header);
  writeBytes(output, externalAad);
  writeBytes(output, payload);
  return finish(output);
}

/** A signed object inside another one: kept as its bytes, because that is what the signature covers. */
export const signedBytes = (max = maxSigned): Schema<Uint8Array> => bytes(1, max);
