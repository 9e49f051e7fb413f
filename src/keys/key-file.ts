/**
 * Key pairs as plain JSON values, for key files: secrets in base64url, public parts computed anew. Reading is strict: what is
 * missing, unknown or malformed is `state_invalid`.
 */
import { base64urlnopad } from '@scure/base';
import { Secret } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { keyStatuses, keyUses, type KeyStatus, type KeyUse } from '../wire/registry.ts';
import { endOfTime, keyPairOf, secretLength, type KeyPair } from './key-pair.ts';

export interface KeyPairJson {
  readonly use: KeyUse;
  /** The private key in base64url: this value is secret. */
  readonly secret: string;
  readonly status: KeyStatus;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly revokedAt?: number;
}

/** The key pair as a JSON value. It holds the private key in the clear. */
export function keyPairToJson(pair: KeyPair): KeyPairJson {
  const { use, status, notBefore, notAfter, revokedAt } = pair;
  const value = { use, secret: bytesToJson(pair.secret.expose()), status, notBefore, notAfter };
  return revokedAt === undefined ? value : { ...value, revokedAt };
}

/** Reads what `keyPairToJson` wrote, for a key of the domain with one of the uses. Throws `state_invalid`. */
export function keyPairFromJson(value: unknown, domain: string, uses: readonly KeyUse[]): KeyPair {
  const fields = objectFromJson(value, ['use', 'secret', 'status', 'notBefore', 'notAfter'], ['revokedAt']);
  const use = nameFromJson(fields['use'], Object.keys(keyUses) as KeyUse[]);
  if (!uses.includes(use)) throw invalid('a key has a use that does not belong here');
  const life = {
    status: nameFromJson(fields['status'], Object.keys(keyStatuses) as KeyStatus[]),
    notBefore: timeFromJson(fields['notBefore']),
    notAfter: timeFromJson(fields['notAfter']),
    ...('revokedAt' in fields ? { revokedAt: timeFromJson(fields['revokedAt']) } : {}),
  };
  return keyPairOf(domain, use, new Secret(bytesFromJson(fields['secret'], secretLength)), life);
}

/** The fields of a JSON object that has all of `required`, may have `optional`, and nothing else. Throws `state_invalid`. */
export function objectFromJson(
  value: unknown,
  required: readonly string[],
  optional: readonly string[] = [],
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid('an object is expected');
  for (const name of required) if (!Object.hasOwn(value, name)) throw invalid(`the field ${name} is missing`);
  for (const name of Object.keys(value))
    if (!required.includes(name) && !optional.includes(name)) throw invalid('there is an unknown field');
  return value as Readonly<Record<string, unknown>>;
}

/** Throws `state_invalid` unless the value is an array. */
export function arrayFromJson(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid('an array is expected');
  return value;
}

/** Throws `state_invalid` unless the value is text. */
export function textFromJson(value: unknown): string {
  if (typeof value !== 'string') throw invalid('a text is expected');
  return value;
}

/** Throws `state_invalid` unless the value is exactly the given one: the name of a format. */
export function expectFormat(value: unknown, format: string): void {
  if (value !== format) throw invalid('this is not a file of the expected format');
}

/** Bytes as base64url without padding. */
export function bytesToJson(bytes: Uint8Array): string {
  return base64urlnopad.encode(bytes);
}

/** Throws `state_invalid` unless the value is base64url, of `length` bytes where given. */
export function bytesFromJson(value: unknown, length?: number): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = base64urlnopad.decode(textFromJson(value));
  } catch (cause) {
    throw cause instanceof BeckonError ? cause : invalid('a value is not base64url');
  }
  if (length !== undefined && bytes.length !== length) throw invalid('a value has another length');
  return bytes;
}

/** Throws `state_invalid` unless the value is one of the names. */
export function nameFromJson<T extends string>(value: unknown, names: readonly T[]): T {
  const name = names.find((candidate) => candidate === value);
  if (name === undefined) throw invalid('a name is unknown');
  return name;
}

/** Throws `state_invalid` unless the value is a time in seconds. */
export function timeFromJson(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > endOfTime)
    throw invalid('a time is not in seconds');
  return value;
}

function invalid(reason: string): BeckonError {
  return new BeckonError('state_invalid', `the key file is damaged: ${reason}`);
}
