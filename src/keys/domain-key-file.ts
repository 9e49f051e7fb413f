/** Domain keys as JSON values: the working keys in one, the identity key in another that may be kept offline. */
import { Secret, constantTimeEqual } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { checkDomain } from '../wire/domain-name.ts';
import { sizes, type KeyUse } from '../wire/registry.ts';
import type { DecoyRoot } from './decoy.ts';
import {
  keptUses,
  type BridgeUser,
  type DomainKey,
  type DomainKeys,
  type Progress,
  type RevokedKey,
} from './domain-keys.ts';
import {
  dkimBeforeFromJson,
  dkimFromJson,
  dkimToJson,
  type DkimBefore,
  type DkimKeyJson,
} from './dkim-key.ts';
import { domainFingerprint, keyId } from './fingerprints.ts';
import {
  arrayFromJson,
  bytesFromJson,
  bytesToJson,
  expectFormat,
  keyPairFromJson,
  keyPairToJson,
  nameFromJson,
  objectFromJson,
  textFromJson,
  timeFromJson,
  type KeyPairJson,
} from './key-file.ts';
import {
  statementFields,
  statementsFromJson,
  statementsToJson,
  type StatementsJson,
} from './statements-file.ts';
import { isTaken } from './next-identity.ts';
import { secretLength, suiteOfUse, type KeyPair } from './key-pair.ts';
import { userKeysFromJson, userKeysToJson, type UserKeysJson } from './user-key-file.ts';

const workingFormat = 'beckon-domain-keys-1';
const identityFormat = 'beckon-domain-identity-1';

export interface WorkingKeysJson extends StatementsJson {
  readonly format: typeof workingFormat;
  readonly domain: string;
  readonly fingerprint: string;
  readonly mandate: string;
  readonly recoveryHash: string;
  readonly keys: readonly (KeyPairJson & Since)[];
  readonly revoked: readonly (RevokedKeyJson & Since)[];
  readonly progress: Progress;
  /** Secret, too. Version 0.1 wrote none. */
  readonly decoys?: { readonly secret: string; readonly start: number };
  readonly bridge?: BridgeUserJson;
  readonly dkim?: DkimKeyJson;
  readonly dkimNext?: DkimKeyJson;
  readonly dkimBefore?: DkimBefore;
}

interface BridgeUserJson {
  readonly local: string;
  readonly keys: UserKeysJson;
  readonly record: string;
  readonly rotateAt: number;
}

interface Since {
  readonly since: number;
}

interface RevokedKeyJson {
  readonly use: KeyUse;
  /** The public key. */
  readonly key: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly revokedAt: number;
}

export interface DomainIdentityJson {
  readonly format: typeof identityFormat;
  readonly domain: string;
  readonly key: KeyPairJson;
}

/** The working keys, without the identity key. The value holds private keys in the clear. */
export function workingKeysToJson(keys: DomainKeys): WorkingKeysJson {
  return {
    format: workingFormat,
    domain: keys.domain,
    fingerprint: bytesToJson(keys.fingerprint),
    mandate: bytesToJson(keys.mandate),
    recoveryHash: bytesToJson(keys.recoveryHash),
    keys: keys.keys.map((key) => ({ ...keyPairToJson(key), since: key.since ?? 0 })),
    revoked: keys.revoked.map(revokedToJson),
    progress: keys.progress,
    ...(keys.decoys === undefined ? {} : { decoys: decoysToJson(keys.decoys) }),
    ...(keys.bridge === undefined ? {} : { bridge: bridgeToJson(keys.bridge) }),
    ...(keys.dkim === undefined ? {} : { dkim: dkimToJson(keys.dkim) }),
    ...(keys.dkimNext === undefined ? {} : { dkimNext: dkimToJson(keys.dkimNext) }),
    ...(keys.dkimBefore === undefined ? {} : { dkimBefore: keys.dkimBefore }),
    ...statementsToJson(keys),
  };
}

/** The identity key. Throws `state_invalid` where it is not here. */
export function domainIdentityToJson(keys: DomainKeys): DomainIdentityJson {
  if (keys.identity === undefined)
    throw new BeckonError('state_invalid', 'the identity key of the domain is kept elsewhere');
  return { format: identityFormat, domain: keys.domain, key: keyPairToJson(keys.identity) };
}

/** Reads both values, the identity key's being optional. Throws `state_invalid` for anything damaged or not belonging together. */
export function domainKeysFromJson(working: unknown, identity?: unknown): DomainKeys {
  const fields = objectFromJson(
    working,
    ['format', 'domain', 'fingerprint', 'mandate', 'recoveryHash', 'keys'],
    ['revoked', 'progress', 'decoys', 'bridge', 'dkim', 'dkimNext', 'dkimBefore', ...statementFields],
  );
  expectFormat(fields['format'], workingFormat);
  const domain = domainFromJson(fields['domain']);
  const keys: DomainKeys = {
    domain,
    fingerprint: bytesFromJson(fields['fingerprint'], sizes.hash),
    mandate: bytesFromJson(fields['mandate']),
    recoveryHash: bytesFromJson(fields['recoveryHash'], sizes.hash),
    keys: arrayFromJson(fields['keys']).map((key) => keyFromJson(key, domain)),
    revoked: arrayFromJson(fields['revoked'] ?? []).map((key) => revokedFromJson(key, domain)),
    progress: 'progress' in fields ? progressFromJson(fields['progress']) : noProgress,
    ...('decoys' in fields ? { decoys: decoysFromJson(fields['decoys']) } : {}),
    ...('bridge' in fields ? { bridge: bridgeFromJson(fields['bridge']) } : {}),
    ...('dkim' in fields ? { dkim: dkimFromJson(fields['dkim']) } : {}),
    ...('dkimNext' in fields ? { dkimNext: dkimFromJson(fields['dkimNext']) } : {}),
    ...('dkimBefore' in fields ? { dkimBefore: dkimBeforeFromJson(fields['dkimBefore']) } : {}),
    ...statementsFromJson(fields, domain),
  };
  // A crash came between the change of identity and its file: that of the one before may still be there.
  if (isTaken(keys))
    return keys.next?.identity === undefined ? keys : { ...keys, identity: keys.next.identity };
  return identity === undefined ? keys : { ...keys, identity: identityFromJson(identity, keys) };
}

/** Of files that were written before keys had a life: the first day is still to come. */
const noProgress: Progress = { days: 0, counted: 0, steady: 0 };

function keyFromJson(value: unknown, domain: string): DomainKey {
  const { since, ...pair } = objectFromJson(
    value,
    ['use', 'secret', 'status', 'notBefore', 'notAfter'],
    ['revokedAt', 'since'],
  );
  return {
    ...keyPairFromJson(pair, domain, keptUses),
    since: since === undefined ? 0 : timeFromJson(since),
  };
}

function revokedToJson({
  use,
  key,
  notBefore,
  notAfter,
  revokedAt = 0,
  since,
}: RevokedKey): RevokedKeyJson & Since {
  return { use, key: bytesToJson(key), notBefore, notAfter, revokedAt, since };
}

function revokedFromJson(value: unknown, domain: string): RevokedKey {
  const fields = objectFromJson(value, ['use', 'key', 'notBefore', 'notAfter', 'revokedAt', 'since']);
  const use = nameFromJson(fields['use'], keptUses);
  const key = bytesFromJson(fields['key']);
  const [notBefore, notAfter, revokedAt, since] = (
    ['notBefore', 'notAfter', 'revokedAt', 'since'] as const
  ).map((name) => timeFromJson(fields[name])) as [number, number, number, number];
  const suite = suiteOfUse[use];
  const id = keyId(domain, use, key);
  return { id, use, suite, key, status: 'revoked', notBefore, notAfter, revokedAt, since };
}

function progressFromJson(value: unknown): Progress {
  const fields = objectFromJson(value, ['days', 'counted', 'steady']);
  return {
    days: timeFromJson(fields['days']),
    counted: timeFromJson(fields['counted']),
    steady: timeFromJson(fields['steady']),
  };
}

/** The identity key of a domain whose other keys are known. Throws `state_invalid` for another one. */
export function identityFromJson(value: unknown, keys: DomainKeys): KeyPair {
  const fields = objectFromJson(value, ['format', 'domain', 'key']);
  expectFormat(fields['format'], identityFormat);
  const identity = keyPairFromJson(fields['key'], keys.domain, ['domainIdentity']);
  if (
    fields['domain'] !== keys.domain ||
    !constantTimeEqual(domainFingerprint(identity.publicKey), keys.fingerprint)
  )
    throw new BeckonError('state_invalid', 'the identity key belongs to other domain keys');
  return identity;
}

function decoysToJson({ secret, start }: DecoyRoot): { readonly secret: string; readonly start: number } {
  return { secret: bytesToJson(secret.expose()), start };
}

function decoysFromJson(value: unknown): DecoyRoot {
  const { secret, start } = objectFromJson(value, ['secret', 'start']);
  return { secret: new Secret(bytesFromJson(secret, secretLength)), start: timeFromJson(start) };
}

function bridgeToJson({ local, keys, record, rotateAt }: BridgeUser): BridgeUserJson {
  return { local, keys: userKeysToJson(keys), record: bytesToJson(record), rotateAt };
}

function bridgeFromJson(value: unknown): BridgeUser {
  const fields = objectFromJson(value, ['local', 'keys', 'record', 'rotateAt']);
  return {
    local: textFromJson(fields['local']),
    keys: userKeysFromJson(fields['keys']),
    record: bytesFromJson(fields['record']),
    rotateAt: timeFromJson(fields['rotateAt']),
  };
}

function domainFromJson(value: unknown): string {
  const domain = textFromJson(value);
  try {
    checkDomain(domain);
  } catch (cause) {
    throw new BeckonError('state_invalid', 'the key file names no domain', { cause });
  }
  return domain;
}
