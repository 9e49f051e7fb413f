/**
 * The derivations of wire-spec/ a second time, with Node's own crypto and none of src/: what the cases expect comes from
 * here as far as it can, so that they are more than a mirror of the implementation.
 */
import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  sign as signWith,
} from 'node:crypto';
import { encode, map, type Node } from './encode.ts';
import { joined } from './cases.ts';

export const ctx = (purpose: string, ...parts: readonly Node[]): Uint8Array =>
  encode([`beckon/1 ${purpose}`, ...parts]);

export const sha256 = (bytes: Uint8Array): Uint8Array =>
  new Uint8Array(createHash('sha256').update(bytes).digest());

export const hmac = (key: Uint8Array, message: Uint8Array): Uint8Array =>
  new Uint8Array(createHmac('sha256', key).update(message).digest());

export const hkdf = (ikm: Uint8Array, info: Uint8Array, length = 32): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', ikm, new Uint8Array(0), info, length));

/** PKCS 8 and SPKI in front of raw keys (RFC 8410). */
const privatePrefix = {
  x25519: '302e020100300506032b656e04220420',
  ed25519: '302e020100300506032b657004220420',
};
const publicPrefix = { x25519: '302a300506032b656e032100', ed25519: '302a300506032b6570032100' };

type Curve = keyof typeof privatePrefix;

const privateKey = (curve: Curve, key: Uint8Array): ReturnType<typeof createPrivateKey> =>
  createPrivateKey({
    key: Buffer.concat([Buffer.from(privatePrefix[curve], 'hex'), key]),
    format: 'der',
    type: 'pkcs8',
  });

const rawPublic = (curve: Curve, key: Uint8Array): Uint8Array =>
  new Uint8Array(
    createPublicKey(privateKey(curve, key))
      .export({ format: 'der', type: 'spki' })
      .subarray(publicPrefix[curve].length / 2),
  );

export const x25519Public = (scalar: Uint8Array): Uint8Array => rawPublic('x25519', scalar);
export const ed25519Public = (seed: Uint8Array): Uint8Array => rawPublic('ed25519', seed);

export const x25519 = (scalar: Uint8Array, point: Uint8Array): Uint8Array =>
  new Uint8Array(
    diffieHellman({
      privateKey: privateKey('x25519', scalar),
      publicKey: createPublicKey({
        key: Buffer.concat([Buffer.from(publicPrefix.x25519, 'hex'), point]),
        format: 'der',
        type: 'spki',
      }),
    }),
  );

export const ed25519Sign = (seed: Uint8Array, message: Uint8Array): Uint8Array =>
  new Uint8Array(signWith(null, message, privateKey('ed25519', seed)));

export const keyId = (domain: string, use: number, publicKey: Uint8Array): Uint8Array =>
  sha256(ctx('key id', domain, use, publicKey)).slice(0, 8);

/** A signed object with everything on the way to it. */
export interface Signed {
  readonly protectedHeader: Uint8Array;
  readonly toBeSigned: Uint8Array;
  readonly signature: Uint8Array;
  readonly encoded: Uint8Array;
}

/** COSE_Sign1 bound to a purpose and a domain. `header` may be another one than it should be. */
export function sign1(
  purpose: string,
  domain: string,
  id: Uint8Array,
  seed: Uint8Array,
  payload: Uint8Array,
  header: Node = map([1, -19], [4, id]),
): Signed {
  const protectedHeader = encode(header);
  const toBeSigned = encode(['Signature1', protectedHeader, ctx(purpose, domain), payload]);
  const signature = ed25519Sign(seed, toBeSigned);
  return {
    protectedHeader,
    toBeSigned,
    signature,
    encoded: encode([protectedHeader, map(), payload, signature]),
  };
}

/** `u16 length, content, zeros` of `size` bytes. */
export function padded(content: Uint8Array, size: number): Uint8Array {
  const length = Uint8Array.of(content.length >> 8, content.length & 0xff);
  return joined(length, content, new Uint8Array(size - 2 - content.length));
}

export const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
