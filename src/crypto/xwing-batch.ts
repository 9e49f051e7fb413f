/** X-Wing encapsulations made together and ahead of their seals, on another thread say: what crosses to it and back is one buffer each way. */
import { BeckonError } from '../errors.ts';
import { constantTimeEqual } from './secret.ts';
import { systemRandom } from './random.ts';
import {
  XWING_ENC_LENGTH,
  XWING_PUBLIC_LENGTH,
  xwingEncapsulate,
  type Encapsulate,
  type XwingEncapsulated,
} from './xwing.ts';

const SHARED = 32;
const ENCAPSULATED = SHARED + XWING_ENC_LENGTH;

/** Makes shared secrets for these public keys, ahead of their seals. Never rejects: what it could not make is made when it is taken. */
export type PrepareSeals = (publicKeys: readonly Uint8Array[]) => Promise<Encapsulate>;

/** Public keys of 1216 bytes each, side by side in a new buffer. */
export function packPublicKeys(publicKeys: readonly Uint8Array[]): Uint8Array {
  const packed = new Uint8Array(publicKeys.length * XWING_PUBLIC_LENGTH);
  publicKeys.forEach((key, i) => packed.set(key, i * XWING_PUBLIC_LENGTH));
  return packed;
}

/** For each packed public key 32 bytes of shared secret and 1120 of enc, in a new buffer. Throws `key_invalid`. */
export function encapsulatePacked(packed: Uint8Array): Uint8Array {
  const count = packed.length / XWING_PUBLIC_LENGTH;
  const made = new Uint8Array(count * ENCAPSULATED);
  for (let i = 0; i < count; i++) {
    const publicKey = packed.subarray(i * XWING_PUBLIC_LENGTH, (i + 1) * XWING_PUBLIC_LENGTH);
    const { sharedSecret, enc } = xwingEncapsulate(publicKey, systemRandom);
    made.set(sharedSecret, i * ENCAPSULATED);
    made.set(enc, i * ENCAPSULATED + SHARED);
    sharedSecret.fill(0);
  }
  return made;
}

/** What `encapsulatePacked` made, each on its own; erases `made`. Throws `internal` on another length. */
export function unpackEncapsulated(made: Uint8Array, count: number): readonly XwingEncapsulated[] {
  if (made.length !== count * ENCAPSULATED)
    throw new BeckonError('internal', 'not as many encapsulations as were asked for');
  const each = Array.from({ length: count }, (_, i) => {
    const at = i * ENCAPSULATED;
    return {
      sharedSecret: made.slice(at, at + SHARED),
      enc: made.slice(at + SHARED, at + ENCAPSULATED),
    };
  });
  made.fill(0);
  return each;
}

/** Gives each that was made for its public key once, and asks `otherwise` for all others. */
export function handOut(
  publicKeys: readonly Uint8Array[],
  made: readonly XwingEncapsulated[],
  otherwise: Encapsulate,
): Encapsulate {
  const left = publicKeys.map((publicKey, i) => ({ publicKey, encapsulated: made[i] }));
  return (publicKey) => {
    const at = left.findIndex((one) => constantTimeEqual(one.publicKey, publicKey));
    const [found] = at < 0 ? [] : left.splice(at, 1);
    return found?.encapsulated ?? otherwise(publicKey);
  };
}
