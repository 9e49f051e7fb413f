/** Operations of wire-spec/keys.md. */
import { decoyRecords, habitsOf, type DecoyLife, type DecoyRecord } from '../../../src/keys/decoy.ts';
import { verifyDomainRecord, type SeenDomain, type VerifiedDomain } from '../../../src/keys/domain-record.ts';
import {
  addressHash,
  domainFingerprint,
  identityFingerprint,
  recordFingerprint,
  recoveryHash,
} from '../../../src/keys/fingerprints.ts';
import { endOfTime, findKey, keyPairOf } from '../../../src/keys/key-pair.ts';
import { usableKey } from '../../../src/keys/published-key.ts';
import type { KeyStatus, KeyUse } from '../../../src/wire/registry.ts';
import { verifyMandate } from '../../../src/keys/mandate.ts';
import { verifyUserAnswer, type SeenUser } from '../../../src/keys/user-answer.ts';
import { nextSerial } from '../../../src/keys/serial.ts';
import type { UserKeys } from '../../../src/keys/user-keys.ts';
import { revokeUserKeys, rotateUserKeys } from '../../../src/keys/user-life.ts';
import {
  keysToWriteTo,
  signUserRecord,
  verifyInnerRecord,
  type VerifiedRecord,
} from '../../../src/keys/user-record.ts';
import { decode } from '../../../src/wire/schema.ts';
import { decodeSign1 } from '../../../src/wire/sign1.ts';
import { userRecord } from '../../../src/wire/users.ts';
import type { Inputs, Operation } from '../inputs.ts';

const ids = (keys: readonly { readonly id: Uint8Array }[]): readonly Uint8Array[] => keys.map(({ id }) => id);

function expectedDomain(inputs: Inputs): Parameters<typeof verifyDomainRecord>[1] {
  return {
    domain: inputs.text('domain'),
    fingerprints: inputs.bytesList('fingerprints'),
    now: inputs.number('now'),
  };
}

function seenDomain(inputs: Inputs): SeenDomain | undefined {
  if (!inputs.has('previous')) return undefined;
  const previous = inputs.fields('previous');
  return {
    serial: previous.number('serial'),
    recordHash: previous.bytes('recordHash'),
    mandateSerial: previous.number('mandateSerial'),
    mandateHash: previous.bytes('mandateHash'),
  };
}

function seenUser(inputs: Inputs): SeenUser | undefined {
  if (!inputs.has('previous')) return undefined;
  const previous = inputs.fields('previous');
  return {
    serial: previous.number('serial'),
    recordFingerprint: previous.bytes('recordFingerprint'),
    created: previous.number('created'),
  };
}

/** The domain whose record is the input `record`. */
export function verifiedDomain(inputs: Inputs): VerifiedDomain {
  return verifyDomainRecord(inputs.bytes('record'), { ...expectedDomain(inputs), previous: undefined });
}

function verifiedRecord(inputs: Inputs): VerifiedRecord {
  return verifyInnerRecord(inputs.bytes('inner'), {
    domain: inputs.text('domain'),
    addressHash: inputs.bytes('addressHash'),
    now: inputs.number('now'),
  });
}

function decoyLife(inputs: Inputs): DecoyLife {
  const root = { secret: inputs.secret('secret'), start: inputs.number('start') };
  const life = { root, domain: inputs.text('domain'), addressHash: inputs.bytes('addressHash') };
  if (!inputs.has('after')) return life;
  const after = inputs.fields('after');
  const [serial, created, gone] = ['serial', 'created', 'gone'].map((name) => after.number(name)) as [
    number,
    number,
    number,
  ];
  return { ...life, after: { inner: after.bytes('inner'), serial, created, gone } };
}

export const keys: Readonly<Record<string, Operation>> = {
  'domain fingerprint': (inputs) => domainFingerprint(inputs.bytes('identityKey')),
  'recovery hash': (inputs) => recoveryHash(inputs.bytes('recoveryKey')),
  'identity fingerprint': (inputs) => identityFingerprint(inputs.bytes('identityKey')),
  'record fingerprint': (inputs) => recordFingerprint(inputs.bytes('inner')),
  'verify mandate': (inputs) => {
    const { serial, signingKeys, revoked, escrow } = verifyMandate(
      inputs.bytes('mandate'),
      expectedDomain(inputs),
    );
    return { serial, signingKeys: ids(signingKeys), revoked, escrow };
  },
  'verify domain record': (inputs) => {
    const previous = seenDomain(inputs);
    const domain = verifyDomainRecord(inputs.bytes('record'), { ...expectedDomain(inputs), previous });
    const { serial, mandateSerial, recordHash, mandateHash, bucketBits, expires } = domain;
    return {
      serial,
      mandateSerial,
      recordHash,
      mandateHash,
      keys: ids(domain.keys),
      bucketBits,
      expires,
    };
  },
  'key to use': (inputs) =>
    usableKey(verifiedDomain(inputs), inputs.text('use') as KeyUse, inputs.number('now')).id,
  'find own key': (inputs) => {
    const domain = inputs.text('domain');
    const pairs = inputs.list('keys').map((key) =>
      keyPairOf(domain, key.text('use') as KeyUse, key.secret('secret'), {
        status: key.text('status') as KeyStatus,
        notBefore: key.number('notBefore'),
        notAfter: key.number('notAfter'),
      }),
    );
    return findKey(pairs, inputs.text('use') as KeyUse, inputs.bytes('keyId'), inputs.number('now'))
      .publicKey;
  },
  'sign user records': (inputs) => {
    const domain = inputs.text('domain');
    const life = { status: 'active', notBefore: 0, notAfter: endOfTime } as const;
    const identity = keyPairOf(domain, 'userIdentity', inputs.secret('identity'), life);
    let keys: UserKeys = {
      domain,
      identity,
      identityFingerprint: identityFingerprint(identity.publicKey),
      keys: [],
    };
    const records: Uint8Array[] = [];
    let serial: number | undefined;
    let dropsSince: number | undefined;
    for (const step of inputs.list('records')) {
      const now = step.number('at');
      const drawn = [step.bytes('addressing'), step.bytes('sealing')];
      const random = (): Uint8Array => drawn.shift() ?? new Uint8Array(32);
      const revokes = step.text('kind') === 'revoke';
      keys = (revokes ? revokeUserKeys : rotateUserKeys)(keys, random, now);
      if (revokes) dropsSince = now;
      serial = nextSerial(serial, now);
      const before = records.at(-1);
      records.push(
        signUserRecord({
          keys,
          address: inputs.text('address'),
          serial,
          ...(before === undefined ? {} : { previous: recordFingerprint(before) }),
          ...(dropsSince === undefined ? {} : { dropsSince }),
          now,
        }),
      );
    }
    return records;
  },
  'verify user record': (inputs) => {
    const record = verifiedRecord(inputs);
    const { identityFingerprint: fingerprint, recordFingerprint: hash, serial, flags } = record;
    return {
      identityFingerprint: fingerprint,
      recordFingerprint: hash,
      keys: ids(record.keys),
      serial,
      flags,
    };
  },
  'verify user answer': (inputs) => {
    const domain = verifiedDomain(inputs);
    const address = inputs.text('address');
    const verified = verifyUserAnswer(
      inputs.bytes('answer'),
      domain,
      address,
      inputs.number('now'),
      seenUser(inputs),
    );
    if (verified.kind === 'by_mail') return verified;
    if (Buffer.compare(verified.addressHash, addressHash(address)) !== 0) throw new Error('another address');
    const { kind, recordFingerprint: hash, status, escrow, listedUntil } = verified;
    return { kind, recordFingerprint: hash, status, escrow, listedUntil };
  },
  'decoy habits': (inputs) => ({ ...habitsOf(decoyLife(inputs)) }),
  'decoy record': (inputs) => {
    const life = decoyLife(inputs);
    const now = inputs.number('now');
    let current: DecoyRecord | undefined;
    for (const record of decoyRecords(life)) {
      if (record.listed > now) break;
      current = record;
    }
    const inner = current?.inner ?? life.after?.inner;
    if (inner === undefined) throw new Error('a decoy has no record');
    const { serial, created } = decode(userRecord, decodeSign1(inner).payload);
    const fingerprint = Buffer.from(recordFingerprint(inner)).toString('hex');
    return { inner, created, ...(current ? { listed: current.listed } : {}), serial, fingerprint };
  },
  'keys to write to': (inputs) => {
    const { addressing, sealing } = keysToWriteTo(verifiedRecord(inputs), inputs.number('now'));
    return { addressing: addressing.id, sealing: sealing.id };
  },
};
