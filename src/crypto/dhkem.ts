import { BeckonError } from '../errors.ts';
import { X25519_LENGTH, assertX25519Public, x25519, x25519Public } from './dh.ts';
import { concat, hmacSha256 } from './kdf.ts';
import type { Random } from './random.ts';

/**
 * DHKEM(X25519, HKDF-SHA256) of RFC 9180 section 4.1, KEM 0x0020, without the authenticated variants. The labels are laid out
 * once: with them each derivation is one HMAC over few parts, and opening a datagram costs little more than its X25519.
 */
const ONE = Uint8Array.of(1);
const EMPTY_SALT = new Uint8Array(32);
const SUITE = concat(ascii('KEM'), Uint8Array.of(0x00, 0x20));
const EAE_PRK = concat(ascii('HPKE-v1'), SUITE, ascii('eae_prk'));
const SHARED_SECRET = concat(Uint8Array.of(0, 32), ascii('HPKE-v1'), SUITE, ascii('shared_secret'));

/** A shared secret for the owner of a public key; `random(32)` is the ephemeral scalar. Throws `key_invalid`. */
export function dhkemEncapsulate(
  publicKey: Uint8Array,
  random: Random,
): { sharedSecret: Uint8Array; enc: Uint8Array } {
  assertX25519Public(publicKey);
  const ephemeral = random(X25519_LENGTH);
  const enc = x25519Public(ephemeral);
  return { sharedSecret: extractAndExpand(x25519(ephemeral, publicKey), enc, publicKey), enc };
}

/** The shared secret of an enc (32 bytes), `publicKey` being that of `scalar`. Throws `key_invalid`. */
export function dhkemDecapsulate(scalar: Uint8Array, publicKey: Uint8Array, enc: Uint8Array): Uint8Array {
  if (publicKey.length !== X25519_LENGTH) throw new BeckonError('key_invalid', 'an X25519 key has 32 bytes');
  return extractAndExpand(x25519(scalar, enc), enc, publicKey);
}

/** Both steps of HKDF with RFC 9180's labels; kem_context = enc || public key. */
function extractAndExpand(dh: Uint8Array, enc: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const prk = hmacSha256(EMPTY_SALT, EAE_PRK, dh);
  return hmacSha256(prk, SHARED_SECRET, enc, publicKey, ONE);
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
