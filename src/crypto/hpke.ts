/**
 * HPKE (RFC 9180) in base mode, single shot: HKDF-SHA256 and ChaCha20-Poly1305 over one of two KEMs; wire-spec/README.md on
 * seals. A sealed text is enc || ciphertext || tag.
 *
 *   1. KEM       a shared secret from the recipient's key (`dhkem.ts`, `xwing.ts`)
 *   2. schedule  key and nonce from the shared secret and info
 *   3. AEAD      one message, with the associated data
 */
import { chachaOpen, chachaSeal } from '#primitives';
import { BeckonError } from '../errors.ts';
import { dhkemDecapsulate, dhkemEncapsulate } from './dhkem.ts';
import { X25519_LENGTH, x25519Public } from './dh.ts';
import { concat, hmacSha256 } from './kdf.ts';
import type { Random } from './random.ts';
import { XWING_ENC_LENGTH, xwingDecapsulate, xwingEncapsulate, type XwingEncapsulated } from './xwing.ts';

/** The KEM: 0x0020, DHKEM(X25519, HKDF-SHA256), or 0x647a, X-Wing. The rest of the suite is fixed. */
export type Suite = 'x25519' | 'xwing';

export const X25519_ENC_LENGTH = X25519_LENGTH;
export { XWING_ENC_LENGTH } from './xwing.ts';
export const AEAD_TAG_LENGTH = 16;

const KEM_IDS: Record<Suite, number> = { x25519: 0x0020, xwing: 0x647a };
const KDF_ID = 0x0001;
const AEAD_ID = 0x0003;
const KEY_LENGTH = 32;
const NONCE_LENGTH = 12;
const BASE_MODE = Uint8Array.of(0);
const ONE = Uint8Array.of(1);
const NONE = new Uint8Array(0);
const EMPTY_SALT = new Uint8Array(32);

/** What a key schedule labels its derivations with, laid out once for each suite. */
interface Labels {
  infoHash: Uint8Array;
  /** mode || psk_id_hash: the part of key_schedule_context that never changes without a pre-shared key. */
  contextStart: Uint8Array;
  secret: Uint8Array;
  key: Uint8Array;
  nonce: Uint8Array;
}

const LABELS: Record<Suite, Labels> = { x25519: labelsOf('x25519'), xwing: labelsOf('xwing') };

/** The length of an enc: 32 or 1120 bytes. */
export function hpkeEncLength(suite: Suite): number {
  return suite === 'x25519' ? X25519_ENC_LENGTH : XWING_ENC_LENGTH;
}

/** By how many bytes a sealed text is longer than its plaintext: 48 or 1136. */
export function hpkeOverhead(suite: Suite): number {
  return hpkeEncLength(suite) + AEAD_TAG_LENGTH;
}

/**
 * Seals a plaintext to a public key. With `random` injected, `random(32)` is the ephemeral scalar (x25519) and `random(64)` the
 * eseed (xwing). Throws `key_invalid` for a public key that is refused on entry.
 */
export function hpkeSeal(
  suite: Suite,
  publicKey: Uint8Array,
  info: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
  random: Random,
): Uint8Array {
  const encapsulated =
    suite === 'x25519' ? dhkemEncapsulate(publicKey, random) : xwingEncapsulate(publicKey, random);
  return sealWith(suite, encapsulated, info, aad, plaintext);
}

/**
 * As `hpkeSeal` with X-Wing, under a shared secret that was made before. It serves one seal and is erased: with a second text under it, both
 * could be read.
 */
export function hpkeSealPrepared(
  encapsulated: XwingEncapsulated,
  info: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  if (encapsulated.sharedSecret.every((byte) => byte === 0))
    throw new BeckonError('internal', 'a shared secret serves one seal');
  return sealWith('xwing', encapsulated, info, aad, plaintext);
}

function sealWith(
  suite: Suite,
  { sharedSecret, enc }: XwingEncapsulated,
  info: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  const { key, nonce } = hpkeKeySchedule(suite, sharedSecret, info);
  sharedSecret.fill(0);
  return concat(enc, chachaSeal(key, nonce, aad, plaintext));
}

/**
 * Opens a sealed text with a private key: the X25519 scalar or the X-Wing seed, 32 bytes both. `publicKey`, where the caller
 * has it, must belong to an X25519 scalar and spares its computation. Every failure, whatever its cause, is `open_failed`.
 */
export function hpkeOpen(
  suite: Suite,
  privateKey: Uint8Array,
  info: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
  publicKey?: Uint8Array,
): Uint8Array {
  if (sealed.length < hpkeOverhead(suite)) throw openFailed();
  const enc = sealed.subarray(0, hpkeEncLength(suite));
  const sharedSecret = decapsulate(suite, privateKey, enc, publicKey);
  const { key, nonce } = hpkeKeySchedule(suite, sharedSecret, info);
  const plaintext = chachaOpen(key, nonce, aad, sealed.subarray(enc.length));
  if (plaintext === undefined) throw openFailed();
  return plaintext;
}

function decapsulate(
  suite: Suite,
  privateKey: Uint8Array,
  enc: Uint8Array,
  publicKey: Uint8Array | undefined,
): Uint8Array {
  try {
    return suite === 'x25519'
      ? dhkemDecapsulate(privateKey, publicKey ?? x25519Public(privateKey), enc)
      : xwingDecapsulate(privateKey, enc);
  } catch (error) {
    if (error instanceof BeckonError) throw openFailed();
    throw error;
  }
}

/**
 * The key (32 bytes) and base nonce (12) of RFC 9180 section 5.1 for a shared secret. Exposed for vectors: everything else uses
 * `hpkeSeal` and `hpkeOpen`.
 */
export function hpkeKeySchedule(
  suite: Suite,
  sharedSecret: Uint8Array,
  info: Uint8Array,
): { key: Uint8Array; nonce: Uint8Array } {
  const labels = LABELS[suite];
  const context = concat(labels.contextStart, hmacSha256(EMPTY_SALT, labels.infoHash, info));
  const secret = hmacSha256(sharedSecret, labels.secret);
  return {
    key: hmacSha256(secret, labels.key, context, ONE),
    nonce: hmacSha256(secret, labels.nonce, context, ONE).subarray(0, NONCE_LENGTH),
  };
}

/** The prefixes of LabeledExtract and LabeledExpand: both hash "HPKE-v1" || suite_id || label, the latter after a length. */
function labelsOf(suite: Suite): Labels {
  const suiteId = concat(ascii('HPKE'), u16(KEM_IDS[suite]), u16(KDF_ID), u16(AEAD_ID));
  const label = (name: string): Uint8Array => concat(ascii('HPKE-v1'), suiteId, ascii(name));
  const pskIdHash = hmacSha256(EMPTY_SALT, label('psk_id_hash'), NONE);
  return {
    infoHash: label('info_hash'),
    contextStart: concat(BASE_MODE, pskIdHash),
    secret: label('secret'),
    key: concat(u16(KEY_LENGTH), label('key')),
    nonce: concat(u16(NONCE_LENGTH), label('base_nonce')),
  };
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function openFailed(): BeckonError {
  return new BeckonError('open_failed', 'the sealed text does not open');
}
