/** The records that this user signed, as far as the client remembers them. wire-spec/keys.md section 5. */
import { base64urlnopad } from '@scure/base';
import { recordFingerprint } from '../keys/fingerprints.ts';
import { bytesToJson } from '../keys/key-file.ts';
import type { KeyPair } from '../keys/key-pair.ts';
import { selectKey } from '../keys/key-pair.ts';
import { isBridged } from '../keys/user-change.ts';
import type { UserKeys } from '../keys/user-keys.ts';
import { decode } from '../wire/schema.ts';
import { decodeSign1 } from '../wire/sign1.ts';
import { userRecord } from '../wire/users.ts';
import type { OwnKeysReport } from './api.ts';
import type { Alarm, ClientState, OwnRecord, SignedRecord, Text64 } from './state.ts';

/** What stands in an own record. */
export function signedRecord(address: string, inner: Uint8Array): SignedRecord {
  const { serial, created, expires, dropsSince } = decode(userRecord, decodeSign1(inner).payload);
  return {
    fingerprint: bytesToJson(recordFingerprint(inner)),
    record: bytesToJson(inner),
    address,
    serial,
    created,
    expires,
    ...(dropsSince === undefined ? {} : { dropsSince }),
  };
}

/** Whether an own record (base64url) says that messages are copied into a store in plain text. */
export function saysBridged(record: Text64): boolean {
  return isBridged(decode(userRecord, decodeSign1(base64urlnopad.decode(record)).payload));
}

/** By record fingerprint. A state of version 0.1.0 knows of one record, which enrolment brought to the domain. */
export function ownRecords(
  state: Pick<ClientState, 'address' | 'record' | 'records'>,
): Readonly<Record<Text64, OwnRecord>> {
  if (state.records !== undefined) return state.records;
  const {
    fingerprint,
    record: _,
    ...known
  } = signedRecord(state.address, base64urlnopad.decode(state.record));
  return { [fingerprint]: { ...known, published: known.created } };
}

/** The address and its aliases: whatever is written to one of them is for this user. */
export function ownAddresses({
  address,
  aliases = {},
}: Pick<ClientState, 'address' | 'aliases'>): readonly string[] {
  return [address, ...Object.keys(aliases)];
}

/** The newest record of each own address. */
export function currentRecords(state: ClientState): readonly (SignedRecord & OwnRecord)[] {
  const known = ownRecords(state);
  const { address, record, aliases = {} } = state;
  return Object.entries({ ...aliases, [address]: record }).flatMap(([of, signed]) => {
    const found = signedRecord(of, base64urlnopad.decode(signed));
    return [{ ...known[found.fingerprint], ...found }];
  });
}

/** The record of the address itself. */
export function mainRecord(state: ClientState): SignedRecord & OwnRecord {
  const { address, record } = state;
  const signed = signedRecord(address, base64urlnopad.decode(record));
  return { ...ownRecords(state)[signed.fingerprint], ...signed };
}

/** For `ExpectedMessage`: records that are good, and those that were until some time. */
export function acceptedRecords(state: ClientState): {
  readonly recordFingerprints: readonly Uint8Array[];
  readonly revokedRecords: readonly { readonly fingerprint: Uint8Array; readonly revokedAt: number }[];
} {
  const all = Object.entries(ownRecords(state)).map(([fingerprint, { revokedAt }]) => ({
    fingerprint: base64urlnopad.decode(fingerprint),
    revokedAt,
  }));
  return {
    recordFingerprints: all.flatMap(({ fingerprint, revokedAt }) =>
      revokedAt === undefined ? [fingerprint] : [],
    ),
    revokedRecords: all.flatMap(({ fingerprint, revokedAt }) =>
      revokedAt === undefined ? [] : [{ fingerprint, revokedAt }],
    ),
  };
}

/**
 * The addressing key to introduce oneself with: the newest that the domain lists. One that was made since is not there for others to
 * find. Throws `key_not_active`.
 */
export function introducingKey(state: ClientState, { keys }: UserKeys, now: number): KeyPair {
  const current = mainRecord(state);
  const listed = keys.filter(({ use, notBefore }) => use === 'addressing' && notBefore < current.created);
  const [before] = listed
    .filter(({ status }) => status === 'retired')
    .sort((a, b) => b.notBefore - a.notBefore);
  return current.published === undefined && before !== undefined
    ? before
    : selectKey(keys, 'addressing', now);
}

/** What is shown of the own keys. */
export function reportOwnKeys(state: ClientState): OwnKeysReport {
  const { created, fingerprint, published, dropsSince } = mainRecord(state);
  return {
    made: created,
    ...(state.rotateAt === undefined ? {} : { rotates: state.rotateAt }),
    published: published !== undefined,
    record: fingerprint,
    ...(dropsSince === undefined ? {} : { dropsSince }),
  };
}

/** What the user has not dealt with, in the order in which it was seen first. */
export function standingAlarms({ alarms = {} }: Pick<ClientState, 'alarms'>): readonly Alarm[] {
  return Object.values(alarms)
    .filter(({ known }) => known !== true)
    .sort((a, b) => a.since - b.since);
}
