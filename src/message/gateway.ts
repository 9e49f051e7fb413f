/**
 * The keys of a gateway, wire-spec/account.md section 14.
 *
 *   wrap   under the password of a mail program: only who knows it opens them        unwrap   for one session
 *   seal   for the own domain, which copies messages to a mail store by itself       open     there
 */
import { argon2id } from '#primitives';
import { XCHACHA_NONCE_LENGTH, xchachaOpen, xchachaSeal } from '../crypto/aead.ts';
import { hpkeOpen, hpkeSeal } from '../crypto/hpke.ts';
import type { Random } from '../crypto/random.ts';
import { Secret } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { addressHash } from '../keys/fingerprints.ts';
import type { KeyPair } from '../keys/key-pair.ts';
import type { PublishedKey } from '../keys/published-key.ts';
import { splitAddress } from '../wire/address.ts';
import { context } from '../wire/context.ts';
import {
  gatewayKeys,
  gatewayPush,
  gatewayWrap,
  sealedPush,
  type GatewayKeys,
  type GatewayPush,
  type GatewayWrap,
} from '../wire/gateway.ts';
import { pad, unpad } from '../wire/padding.ts';
import { gatewayCost, sizes } from '../wire/registry.ts';
import { decode, encode } from '../wire/schema.ts';

const nothing = new Uint8Array(0);
const saltLength = 16;
/** Of a password, in bytes of its UTF-8. */
const maxPassword = 1024;

/**
 * The wrapped keys (bytes). `random` is asked for the salt (16) and the nonce (24). Throws `key_invalid` for an empty password or one of more
 * than 1024 bytes.
 */
export async function wrapGatewayKeys(
  keys: GatewayKeys,
  password: string,
  random: Random,
): Promise<Uint8Array> {
  const salt = random(saltLength);
  const nonce = random(XCHACHA_NONCE_LENGTH);
  const header = { ...gatewayCost, salt };
  const key = await wrappingKey(password, salt);
  const plaintext = pad(encode(gatewayKeys, keys), sizes.gatewayKeysPadded);
  try {
    const sealed = xchachaSeal(key.expose(), nonce, associated(keys.address, header), plaintext);
    return encode(gatewayWrap, { ...header, nonce, sealed });
  } finally {
    key.wipe();
    plaintext.fill(0);
  }
}

/** What wrapped keys look like. Throws `cbor_*`, `unsupported` for another cost than this version's: all cost the same. */
export function readGatewayWrap(bytes: Uint8Array): GatewayWrap {
  const wrap = decode(gatewayWrap, bytes, sizes.gatewayWrapMax);
  if (wrap.memory !== gatewayCost.memory || wrap.passes !== gatewayCost.passes)
    throw new BeckonError('unsupported', 'the keys are wrapped at another cost than this version’s');
  return wrap;
}

/**
 * The keys of `address`. Throws `open_failed` for another password, address or changed bytes; as `readGatewayWrap`; `key_invalid` for no
 * password; `padding_invalid`.
 */
export async function unwrapGatewayKeys(
  bytes: Uint8Array,
  address: string,
  password: string,
): Promise<GatewayKeys> {
  const wrap = readGatewayWrap(bytes);
  const key = await wrappingKey(password, wrap.salt);
  try {
    const plaintext = xchachaOpen(key.expose(), wrap.nonce, associated(address, wrap), wrap.sealed);
    const keys = decode(gatewayKeys, unpad(plaintext));
    if (keys.address !== address)
      throw new BeckonError('open_failed', 'these are the keys of another address');
    return keys;
  } finally {
    key.wipe();
  }
}

async function wrappingKey(password: string, salt: Uint8Array): Promise<Secret> {
  const bytes = new TextEncoder().encode(password.normalize('NFC'));
  try {
    if (bytes.length === 0 || bytes.length > maxPassword)
      throw new BeckonError('key_invalid', `a password has 1 to ${maxPassword} bytes`);
    return new Secret(await argon2id(bytes, salt, gatewayCost, 32));
  } finally {
    bytes.fill(0);
  }
}

function associated(
  address: string,
  { memory, passes, salt }: Omit<GatewayWrap, 'nonce' | 'sealed'>,
): Uint8Array {
  return context('gateway wrap', address, memory, passes, salt);
}

/** The sealed push of a user (bytes), for their domain's envelope key. `random` is asked for the seal's randomness (64). */
export function sealPush(push: GatewayPush, envelopeKey: PublishedKey, random: Random): Uint8Array {
  const plaintext = pad(encode(gatewayPush, push), sizes.gatewayPushPadded);
  const info = infoOf(push.keys.address, envelopeKey.id);
  const sealed = hpkeSeal('xwing', envelopeKey.key, info, nothing, plaintext, random);
  plaintext.fill(0);
  return encode(sealedPush, { keyId: envelopeKey.id, sealed });
}

/**
 * Opens what `address` sealed, with the key that `find` has for a key id. Throws `cbor_*`, `open_failed`, `padding_invalid`, `address_invalid`
 * (it is of another address), what `find` throws.
 */
export function openPush(
  bytes: Uint8Array,
  address: string,
  find: (keyId: Uint8Array) => Pick<KeyPair, 'secret'>,
): GatewayPush {
  const { keyId, sealed } = decode(sealedPush, bytes, sizes.gatewayPushSealed + 64);
  const { secret } = find(keyId);
  const plaintext = hpkeOpen('xwing', secret.expose(), infoOf(address, keyId), nothing, sealed);
  const push = decode(gatewayPush, unpad(plaintext));
  if (push.keys.address !== address)
    throw new BeckonError('address_invalid', 'the push is that of another address');
  return push;
}

function infoOf(address: string, keyId: Uint8Array): Uint8Array {
  return context('gateway push', splitAddress(address).domain, keyId, addressHash(address));
}
