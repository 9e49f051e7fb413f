/** state.md: what comes of a recovery phrase, the state blob, pairing codes. */
import { paddedSize } from './message.ts';
import {
  bytesAt,
  concat,
  decodeFields,
  encodeFields,
  numberAt,
  refuse,
  same,
  textAt,
  unbase64url,
  type Bytes,
} from './cbor.ts';
import { context, decryptChunked, ed25519Public, encryptChunked, hkdf, sha256 } from './primitives.ts';

/** Contexts of section 1 and 2 name the domain and the address hash. */
function about(purpose: string, address: string, ...more: readonly number[]): Bytes {
  const domain = address.slice(address.lastIndexOf('@') + 1);
  return context(purpose, domain, sha256(context('address', address)), ...more);
}

/** Section 1, but for the words. */
export function fromEntropy(entropy: Uint8Array, address: string) {
  const stateKey = hkdf(entropy, about('state key', address));
  const recoveryDevice = ed25519Public(hkdf(entropy, about('recovery device', address)));
  return { stateKey, keyId: idOf(stateKey, address), recoveryDevice };
}

function idOf(stateKey: Uint8Array, address: string): Bytes {
  return hkdf(stateKey, about('state key id', address), 8);
}

/** Section 2. */
export function sealState(stateKey: Uint8Array, address: string, content: Uint8Array, salt: Bytes): Bytes {
  const plaintext = new Uint8Array(paddedSize(4 + content.length));
  new DataView(plaintext.buffer).setUint32(0, content.length);
  plaintext.set(content, 4);
  const sealed = encryptChunked(stateKey, about('state', address, 1), plaintext, salt);
  return encodeFields({ 1: 1, 2: idOf(stateKey, address), 3: sealed });
}

/** Section 2. */
export function openState(stateKey: Uint8Array, address: string, blob: Uint8Array): Bytes {
  const fields = decodeFields(blob);
  refuse(numberAt(fields, 1) !== 1, 'unsupported');
  refuse(!same(bytesAt(fields, 2, 8), idOf(stateKey, address)), 'key_unknown');
  const plaintext = decryptChunked(stateKey, about('state', address, 1), bytesAt(fields, 3));
  const end = 4 + new DataView(plaintext.buffer, plaintext.byteOffset).getUint32(0);
  refuse(end > plaintext.length || plaintext.subarray(end).some((byte) => byte !== 0), 'padding_invalid');
  return concat(plaintext.subarray(4, end));
}

/** Section 7. */
export function readPairing(given: string) {
  const word = given.trim();
  const prefix = 'beckon-device:';
  refuse(!word.startsWith(prefix), 'invitation_invalid');
  const fields = decodeFields(unbase64url(word.slice(prefix.length)));
  return {
    domain: textAt(fields, 1),
    local: textAt(fields, 2),
    pairingKey: bytesAt(fields, 3, 32),
    fingerprint: bytesAt(fields, 4, 32),
    stateKey: bytesAt(fields, 5, 32),
  };
}
