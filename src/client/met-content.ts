/**
 * What is checked of a content before it becomes one with what a device knows, wire-spec/state.md section 5. Whoever has the state key can
 * write one, a thief with a stolen device too: what is joined stays, so nothing is joined that would outlast the thief's removal.
 */
import { base64urlnopad } from '@scure/base';
import { constantTimeEqual } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { addressHash } from '../keys/fingerprints.ts';
import { userKeysFromJson } from '../keys/user-key-file.ts';
import type { UserKeys } from '../keys/user-keys.ts';
import { verifyInnerRecord } from '../keys/user-record.ts';
import { times } from '../wire/registry.ts';
import { signedRecord } from './own-records.ts';
import type { StateContent, Text64 } from './state.ts';

/** Of a user who writes without a pause, so many in years: numbers must not run out. */
const maxAhead = 2 ** 24;

export interface Meeting {
  readonly address: string;
  readonly now: number;
  /** Of a device that knows the user already: the identity, and the revision seen last. */
  readonly identityFingerprint?: Uint8Array;
  readonly revision?: number;
}

/**
 * Throws `record_mismatch` unless the content is of this address and identity, its records are signed by that and of no time to come, contacts
 * and letters stand under their names, and its revision is near the one before.
 */
export function expectJoinable(content: StateContent, meeting: Meeting): void {
  const { address, revision = 0, now } = meeting;
  try {
    const keys = userKeysFromJson(content.userKeys);
    expect(content.address === address && isSame(keys, meeting.identityFingerprint));
    expect(content.revision <= revision + maxAhead);
    const records = Object.entries({ ...content.aliases, [address]: content.record });
    for (const [of, record] of records) expectOwnRecord(keys, of, record, now);
    for (const { created, dropsSince = 0 } of Object.values(content.records ?? {}))
      expect(Math.max(created, dropsSince) <= now + times.serialAhead);
    expectOwnNames(content);
  } catch (cause) {
    throw new BeckonError('record_mismatch', 'the state at the domain cannot be that of this user', {
      cause,
    });
  }
}

/** What stands under another name could not be read back once it was saved. */
function expectOwnNames({ contacts, sent }: StateContent): void {
  for (const [name, contact] of Object.entries(contacts)) expect(name === contact.address);
  for (const [name, { letterIds }] of Object.entries(sent)) expect(name === letterIds[0]);
}

function isSame(keys: UserKeys, identityFingerprint = keys.identityFingerprint): boolean {
  return constantTimeEqual(keys.identityFingerprint, identityFingerprint);
}

/** It may be past: a device can have been away for long. */
function expectOwnRecord(keys: UserKeys, address: string, record: Text64, now: number): void {
  const inner = base64urlnopad.decode(record);
  const { created, dropsSince = 0 } = signedRecord(address, inner);
  const verified = verifyInnerRecord(inner, {
    domain: keys.domain,
    addressHash: addressHash(address),
    now: created,
  });
  expect(constantTimeEqual(verified.identityFingerprint, keys.identityFingerprint));
  expect(Math.max(created, verified.serial, dropsSince) <= now + times.serialAhead);
}

function expect(condition: boolean): asserts condition {
  if (!condition) throw new BeckonError('record_mismatch', 'it does not belong together');
}
