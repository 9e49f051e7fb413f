/** A user's keys as one JSON value. */
import { BeckonError } from '../errors.ts';
import { checkDomain } from '../wire/domain-name.ts';
import { identityFingerprint } from './fingerprints.ts';
import {
  arrayFromJson,
  expectFormat,
  keyPairFromJson,
  keyPairToJson,
  objectFromJson,
  textFromJson,
  type KeyPairJson,
} from './key-file.ts';
import type { UserKeys } from './user-keys.ts';

const format = 'beckon-user-keys-1';

export interface UserKeysJson {
  readonly format: typeof format;
  readonly domain: string;
  readonly identity: KeyPairJson;
  readonly keys: readonly KeyPairJson[];
}

/** The value holds private keys in the clear. */
export function userKeysToJson(keys: UserKeys): UserKeysJson {
  return {
    format,
    domain: keys.domain,
    identity: keyPairToJson(keys.identity),
    keys: keys.keys.map(keyPairToJson),
  };
}

/** Reads what `userKeysToJson` wrote. Throws `state_invalid`. */
export function userKeysFromJson(value: unknown): UserKeys {
  const fields = objectFromJson(value, ['format', 'domain', 'identity', 'keys']);
  expectFormat(fields['format'], format);
  const domain = textFromJson(fields['domain']);
  try {
    checkDomain(domain);
  } catch (cause) {
    throw new BeckonError('state_invalid', 'the key file names no domain', { cause });
  }
  const identity = keyPairFromJson(fields['identity'], domain, ['userIdentity']);
  return {
    domain,
    identity,
    identityFingerprint: identityFingerprint(identity.publicKey),
    keys: arrayFromJson(fields['keys']).map((key) => keyPairFromJson(key, domain, ['addressing', 'sealing'])),
  };
}
