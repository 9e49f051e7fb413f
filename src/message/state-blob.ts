/**
 * The state that a user's devices share, sealed for the user's own domain, wire-spec/state.md section 2.
 *
 *   seal   1. u32 length, content, zeros up to the Padme size   2. chunked encryption under the state key   3. version and key id around it
 *   open   the same backwards
 */
import { decryptBytes, encryptBytes } from '../crypto/chunked.ts';
import type { Random } from '../crypto/random.ts';
import { constantTimeEqual, type Secret } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { addressHash } from '../keys/fingerprints.ts';
import { stateKeyId } from '../keys/recovery-phrase.ts';
import { splitAddress } from '../wire/address.ts';
import { context } from '../wire/context.ts';
import { padmeLength } from '../wire/padding.ts';
import { sizes } from '../wire/registry.ts';
import { decode, encode } from '../wire/schema.ts';
import { maxStateBlob, stateBlob } from '../wire/state.ts';

/** The one version that is written and read. */
const version = 1;
const lengthBytes = 4;

/** The blob of a content of any length; `random(24)` is the salt. Throws `too_large` where the domain would not take it. */
export function sealState(
  stateKey: Secret,
  address: string,
  content: Uint8Array,
  random: Random,
): Uint8Array {
  const padded = new Uint8Array(padmeLength(lengthBytes + content.length, sizes.payloadFloor));
  new DataView(padded.buffer).setUint32(0, content.length);
  padded.set(content, lengthBytes);
  const sealed = encryptBytes(stateKey.expose(), contextOf(address), padded, random);
  if (sealed.length > sizes.stateSealedMax)
    throw new BeckonError('too_large', 'the state of this user has become too large for the domain to keep');
  return encode(stateBlob, { version, keyId: stateKeyId(stateKey, address), sealed });
}

/**
 * The content of a blob. Throws `unsupported` (another version), `key_unknown` (sealed under another state key), `commitment_mismatch`,
 * `open_failed`, `payload_truncated`, `padding_invalid`, `cbor_*`.
 */
export function openState(stateKey: Secret, address: string, blob: Uint8Array): Uint8Array {
  const opened = decode(stateBlob, blob, maxStateBlob);
  if (opened.version !== version)
    throw new BeckonError('unsupported', 'the state is of a version that this program does not know');
  if (!constantTimeEqual(opened.keyId, stateKeyId(stateKey, address)))
    throw new BeckonError(
      'key_unknown',
      'the state is sealed under a recovery phrase that another device made: pair this one again with a code of that one',
    );
  return unpad(decryptBytes(stateKey.expose(), contextOf(address), opened.sealed));
}

function contextOf(address: string): Uint8Array {
  return context('state', splitAddress(address).domain, addressHash(address), version);
}

function unpad(padded: Uint8Array): Uint8Array {
  const fits = padded.length >= lengthBytes;
  const length = fits ? new DataView(padded.buffer, padded.byteOffset).getUint32(0) : 0;
  const end = lengthBytes + length;
  if (!fits || end > padded.length || padded.subarray(end).some((byte) => byte !== 0))
    throw new BeckonError('padding_invalid', 'the state is not padded as it must be');
  return padded.subarray(lengthBytes, end);
}
