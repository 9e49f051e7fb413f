/** A user's recovery phrase and what comes of it, wire-spec/state.md section 1: the state key and the recovery device, nothing else. */
import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { hkdf } from '../crypto/kdf.ts';
import { Secret } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { splitAddress } from '../wire/address.ts';
import { context } from '../wire/context.ts';
import { sizes } from '../wire/registry.ts';
import { addressHash } from './fingerprints.ts';
import { endOfTime, keyPairOf, type KeyPair } from './key-pair.ts';

/** Bytes of entropy: 256 bits and 8 of checksum are 24 words of 11. */
export const phraseEntropy = 32;
const phraseWords = 24;

/** The 24 words, with one space between. The text is as secret as the entropy. */
export function formatPhrase(entropy: Secret): string {
  return entropyToMnemonic(entropy.expose(), wordlist);
}

/**
 * The entropy (32 bytes) of a typed phrase. Case and white space do not matter. Throws `key_invalid` for another number of words, words that
 * are not on the list, and a checksum that does not hold.
 */
export function parsePhrase(typed: string): Secret {
  const words = typed.normalize('NFKD').trim().toLowerCase().split(/\s+/);
  if (words.length !== phraseWords)
    throw new BeckonError('key_invalid', `a recovery phrase has ${phraseWords} words, not ${words.length}`);
  const unknown = words.findIndex((word) => !wordlist.includes(word));
  if (unknown >= 0)
    throw new BeckonError('key_invalid', `word ${unknown + 1} of the recovery phrase is not on the list`);
  try {
    return new Secret(mnemonicToEntropy(words.join(' '), wordlist));
  } catch {
    // The cause is not passed on: the library may quote what it was given.
    throw new BeckonError('key_invalid', 'the words of the recovery phrase do not belong together');
  }
}

/** The key (32 bytes) that seals the state of the user with this canonical address. */
export function stateKeyOf(entropy: Secret, address: string): Secret {
  return new Secret(hkdf(entropy.expose(), contextOf('state key', address)));
}

/** The id (8 bytes) of a state key: it says which phrase a blob belongs to, and nothing about the key. */
export function stateKeyId(stateKey: Secret, address: string): Uint8Array {
  return hkdf(stateKey.expose(), contextOf('state key id', address), sizes.keyId);
}

/** The Ed25519 key that may read the state and add devices, and is kept on none. */
export function recoveryDeviceOf(entropy: Secret, address: string): KeyPair {
  const secret = new Secret(hkdf(entropy.expose(), contextOf('recovery device', address)));
  const life = { status: 'active', notBefore: 0, notAfter: endOfTime } as const;
  return keyPairOf(splitAddress(address).domain, 'device', secret, life);
}

function contextOf(purpose: 'state key' | 'state key id' | 'recovery device', address: string): Uint8Array {
  return context(purpose, splitAddress(address).domain, addressHash(address));
}
