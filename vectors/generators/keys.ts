/** Cases of wire-spec/keys.md: mandates, domain records, user records, "by mail". */
import type { ErrorCode } from '../../src/errors.ts';
import { keyStatuses } from '../../src/wire/registry.ts';
import {
  collection,
  flipped,
  fromHex,
  now,
  type Case,
  type Collection,
  type Fields as Inputs,
} from './cases.ts';
import { nameOf } from './conventions.ts';
import { addDecoys } from './decoys.ts';
import { encode, map, type Node } from './encode.ts';
import { addKeyLife } from './key-life.ts';
import {
  alice,
  alpha,
  beta,
  bob,
  byMailOf,
  domainRecordOf,
  entryOf,
  keyFor,
  listingOf,
  mandateOf,
  recordNode,
  userRecordOf,
} from './people.ts';
import { addUserRecordSequences } from './user-records.ts';
import { seeded } from './random.ts';
import { ctx, sha256 } from './reference.ts';
import { addDecoding, mapRulesOf } from './structures.ts';
import { addTrust } from './trust.ts';

const day = 86_400;
const sections: Readonly<Record<string, string>> = {
  'key-entry': '1',
  mandate: '2',
  'domain-record': '3',
  'domain-limits': '3',
  'domain-answer': '4',
  'user-record': '5',
  'user-listing': '6',
};

export function keys(): readonly Case[] {
  const cases = collection();
  for (const structure of mapRulesOf('keys.md'))
    addDecoding(cases, structure, `keys.md section ${sections[structure] ?? '7'}`);
  addFingerprints(cases);
  addMandates(cases);
  addDomainRecords(cases);
  addKeyLife(cases);
  addUserRecords(cases);
  addUserAnswers(cases);
  addDecoys(cases);
  addTrust(cases);
  return cases.cases;
}

function addFingerprints(cases: Collection): void {
  const recovery = keyFor('alpha.test', 'recovery').publicKey;
  const inner = userRecordOf(alice);
  const derivations: readonly (readonly [string, string, Inputs, Uint8Array])[] = [
    ['domain fingerprint', '2', { identityKey: alpha.identity.publicKey }, alpha.fingerprint],
    ['recovery hash', '2', { recoveryKey: recovery }, sha256(ctx('recovery', recovery))],
    ['identity fingerprint', '5', { identityKey: alice.identity.publicKey }, alice.fingerprint],
    ['record fingerprint', '5', { inner }, sha256(inner)],
  ];
  for (const [operation, section, inputs, output] of derivations)
    cases.positive(nameOf(operation), {
      spec: `keys.md section ${section}`,
      description: `the ${operation}`,
      operation,
      inputs,
      output,
    });
}

/** [error, description, signed object, further inputs]. */
type Fault = readonly [ErrorCode, string, Uint8Array, Inputs?];

const smallOrderKey = fromHex('ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f');

function addMandates(cases: Collection): void {
  const base = { spec: 'keys.md section 2', operation: 'verify mandate' };
  const inputs = (mandate: Uint8Array, over: Inputs = {}): Inputs => ({
    mandate,
    domain: 'alpha.test',
    fingerprints: [alpha.fingerprint],
    now,
    ...over,
  });
  const output = (over: Inputs = {}): Inputs => ({
    serial: now - 10 * day,
    signingKeys: [alpha.signing.id],
    revoked: [],
    escrow: false,
    ...over,
  });
  const second = keyFor('alpha.test', 'domainSigning', 'second');
  const withEntries = (...entries: readonly Node[]): Uint8Array =>
    mandateOf(alpha, { 4: [entryOf(alpha.signing), ...entries] });
  const good: readonly (readonly [string, Uint8Array, Inputs, Inputs?])[] = [
    ['plain', mandateOf(alpha), output()],
    ['with escrow', mandateOf(alpha, { 7: 1 }), output({ escrow: true })],
    ['with a revoked key', mandateOf(alpha, { 5: [second.id] }), output({ revoked: [second.id] })],
    ['two keys', withEntries(entryOf(second)), output({ signingKeys: [alpha.signing.id, second.id] })],
    [
      'one of two fingerprints',
      mandateOf(alpha),
      output(),
      { fingerprints: [beta.fingerprint, alpha.fingerprint] },
    ],
    ['made an hour ahead', mandateOf(alpha, { 2: now, 8: now + 3600 }), output({ serial: now })],
    ['serial a day ahead', mandateOf(alpha, { 2: now + day }), output({ serial: now + day })],
    ['entry left out: id of another key', withEntries(entryOf(second, { 1: alpha.signing.id })), output()],
    ['entry left out: another use', withEntries(entryOf(alpha.poll)), output()],
    ['entry left out: unknown use', withEntries(entryOf(second, { 2: 200 })), output()],
    ['entry left out: unknown suite', withEntries(entryOf(second, { 3: 200 })), output()],
    ['entry left out: unknown status', withEntries(entryOf(second, { 5: 200 })), output()],
    ['entry left out: invalid key', withEntries(entryOf(second, { 4: smallOrderKey })), output()],
    [
      'entry left out: unknown critical field',
      withEntries(map(...(entryOf(second) as ReturnType<typeof map>).pairs, [-1, 0])),
      output(),
    ],
  ];
  for (const [description, mandate, result, over] of good)
    cases.positive(nameOf('mandate', description), {
      ...base,
      description,
      inputs: inputs(mandate, over),
      output: result,
    });
  const bad: readonly Fault[] = [
    ['fingerprint_mismatch', 'another fingerprint', mandateOf(alpha), { fingerprints: [beta.fingerprint] }],
    ['fingerprint_mismatch', 'no fingerprint', mandateOf(alpha), { fingerprints: [] }],
    ['record_mismatch', 'another domain', mandateOf(alpha), { domain: 'beta.test' }],
    ['signature_invalid', 'changed', flipped(mandateOf(alpha))],
    [
      'signature_invalid',
      'signed with another key',
      mandateOf(alpha, {}, { key: alpha.signing, id: alpha.identity.id }),
    ],
    ['signature_invalid', 'signed for another purpose', mandateOf(alpha, {}, { purpose: 'domain record' })],
    ['signature_invalid', 'bound to another domain', mandateOf(alpha, {}, { boundTo: 'beta.test' })],
    ['key_unknown', 'naming another key', mandateOf(alpha, {}, { id: alpha.signing.id })],
    [
      'key_invalid',
      'an identity key of small order',
      mandateOf(alpha, { 3: smallOrderKey }),
      { fingerprints: [sha256(smallOrderKey)] },
    ],
    ['record_invalid', 'made more than an hour ahead', mandateOf(alpha, { 8: now + 3601 })],
    ['record_invalid', 'a serial more than a day ahead', mandateOf(alpha, { 2: now + day + 1 })],
  ];
  for (const [error, description, mandate, over] of bad)
    cases.negative(nameOf('mandate', description), error, {
      ...base,
      description,
      inputs: inputs(mandate, over),
    });
}

function addDomainRecords(cases: Collection): void {
  const base = { spec: 'keys.md section 3', operation: 'verify domain record' };
  const inputs = (record: Uint8Array, over: Inputs = {}): Inputs => ({
    record,
    domain: 'alpha.test',
    fingerprints: [alpha.fingerprint],
    now,
    ...over,
  });
  const keyIds = [alpha.notification.id, alpha.envelope.id, alpha.poll.id];
  const output = (record: Uint8Array, over: Inputs = {}): Inputs => ({
    serial: now - 3600,
    mandateSerial: now - 10 * day,
    recordHash: sha256(record),
    mandateHash: sha256(mandateOf(alpha)),
    keys: keyIds,
    bucketBits: 0,
    expires: now - 3600 + 7 * day,
    ...over,
  });
  const plain = domainRecordOf(alpha);
  const seen = (over: Inputs = {}): Inputs => ({
    previous: {
      serial: now - 3600,
      recordHash: sha256(plain),
      mandateSerial: now - 10 * day,
      mandateHash: sha256(mandateOf(alpha)),
      ...over,
    },
  });
  const slackAhead = domainRecordOf(alpha, { 5: now + 3600, 6: now + 3600 + 7 * day });
  const slackPast = domainRecordOf(alpha, { 5: now - 7 * day - 3600, 6: now - 3600 });
  const dayAhead = domainRecordOf(alpha, { 2: now + day });
  const bucketed = domainRecordOf(alpha, { 9: 12, 10: map(['x-later', true]) });
  const fewKeys = domainRecordOf(alpha, {
    4: [entryOf(alpha.poll), entryOf(alpha.signing), entryOf(alpha.notification, { 2: 99 })],
  });
  const good: readonly (readonly [string, Uint8Array, Inputs, Inputs?])[] = [
    ['plain', plain, output(plain)],
    ['seen before', plain, output(plain), seen()],
    [
      'newer than the one seen',
      plain,
      output(plain),
      seen({ serial: now - 3601, recordHash: seeded('old')(32) }),
    ],
    ['made an hour ahead', slackAhead, output(slackAhead, { expires: now + 3600 + 7 * day })],
    ['expired an hour ago', slackPast, output(slackPast, { expires: now - 3600 })],
    ['serial a day ahead', dayAhead, output(dayAhead, { serial: now + day })],
    ['buckets and an unknown capability', bucketed, output(bucketed, { bucketBits: 12 })],
    ['keys of other uses are left out', fewKeys, output(fewKeys, { keys: [alpha.poll.id] })],
  ];
  for (const [description, record, result, over] of good)
    cases.positive(nameOf('domain-record', description), {
      ...base,
      description,
      inputs: inputs(record, over),
      output: result,
    });

  const mandated = (entry: Node): Uint8Array =>
    domainRecordOf(alpha, { 3: mandateOf(alpha, { 4: [entry] }) });
  const withStatus = (status: keyof typeof keyStatuses): Uint8Array =>
    mandated(entryOf(alpha.signing, { 5: keyStatuses[status] }));
  const old = mandateOf(alpha, { 8: now - 400 * day - 3601 });
  const second = keyFor('alpha.test', 'domainSigning', 'second');
  const bad: readonly Fault[] = [
    ['fingerprint_mismatch', 'another fingerprint', plain, { fingerprints: [beta.fingerprint] }],
    ['record_mismatch', 'another domain asked for', plain, { domain: 'beta.test' }],
    ['record_mismatch', 'another domain than the mandate', domainRecordOf(alpha, { 1: 'beta.test' })],
    ['signature_invalid', 'changed', flipped(plain)],
    ['signature_invalid', 'a changed mandate', domainRecordOf(alpha, { 3: flipped(mandateOf(alpha)) })],
    [
      'signature_invalid',
      'signed with another key',
      domainRecordOf(alpha, {}, { key: second, id: alpha.signing.id }),
    ],
    ['signature_invalid', 'signed for another purpose', domainRecordOf(alpha, {}, { purpose: 'mandate' })],
    ['signature_invalid', 'bound to another domain', domainRecordOf(alpha, {}, { boundTo: 'beta.test' })],
    ['key_unknown', 'signed with a key that is not mandated', domainRecordOf(alpha, {}, { key: second })],
    ['key_unknown', 'signed with the identity key', domainRecordOf(alpha, {}, { key: alpha.identity })],
    ['key_not_active', 'signed with a pending key', withStatus('pending')],
    ['key_not_active', 'signed with a retired key', withStatus('retired')],
    ['key_not_active', 'signed with a revoked key', withStatus('revoked')],
    [
      'key_not_active',
      'signed with a key of the list of revoked ones',
      domainRecordOf(alpha, { 3: mandateOf(alpha, { 5: [alpha.signing.id] }) }),
    ],
    [
      'key_not_active',
      'signed with a key past its time',
      mandated(entryOf(alpha.signing, { 7: now - 3601 })),
    ],
    [
      'key_not_active',
      'signed with a key before its time',
      mandated(entryOf(alpha.signing, { 6: now + 3601 })),
    ],
    ['key_not_active', 'a mandate of more than 400 days', domainRecordOf(alpha, { 3: old })],
    [
      'record_invalid',
      'made more than an hour ahead',
      domainRecordOf(alpha, { 5: now + 3601, 6: now + day }),
    ],
    ['record_invalid', 'expiring before it was made', domainRecordOf(alpha, { 6: now - 3601 })],
    ['record_invalid', 'valid for more than 7 days', domainRecordOf(alpha, { 6: now - 3600 + 7 * day + 1 })],
    ['record_invalid', 'a serial more than a day ahead', domainRecordOf(alpha, { 2: now + day + 1 })],
    [
      'record_expired',
      'expired more than an hour ago',
      domainRecordOf(alpha, { 5: now - 2 * day, 6: now - 3601 }),
    ],
    ['record_rollback', 'an older record than the one seen', plain, seen({ serial: now - 3599 })],
    [
      'record_rollback',
      'an older mandate than the one seen',
      plain,
      seen({ mandateSerial: now - 10 * day + 1 }),
    ],
    ['trust_changed', 'the serial seen with other bytes', plain, seen({ recordHash: seeded('other')(32) })],
    [
      'trust_changed',
      'the mandate serial seen with other bytes',
      plain,
      seen({ mandateHash: seeded('other')(32) }),
    ],
  ];
  for (const [error, description, record, over] of bad)
    cases.negative(nameOf('domain-record', description), error, {
      ...base,
      description,
      inputs: inputs(record, over),
    });
}

function addUserRecords(cases: Collection): void {
  addUserRecordSequences(cases);
  const base = { spec: 'keys.md section 5', operation: 'verify user record' };
  const inputs = (inner: Uint8Array, over: Inputs = {}): Inputs => ({
    inner,
    domain: 'alpha.test',
    addressHash: alice.addressHash,
    now,
    ...over,
  });
  const output = (inner: Uint8Array, over: Inputs = {}): Inputs => ({
    identityFingerprint: alice.fingerprint,
    recordFingerprint: sha256(inner),
    keys: [alice.addressing.id, alice.sealing.id],
    serial: now - 7200,
    flags: 0,
    ...over,
  });
  const plain = userRecordOf(alice);
  const bridged = userRecordOf(alice, { 8: sha256(plain), 9: now - day, 11: 1 });
  cases.positive('user-record', {
    ...base,
    description: 'plain',
    inputs: inputs(plain),
    output: output(plain),
  });
  cases.positive('user-record-bridged', {
    ...base,
    description: 'with previous, drops-since and the flag bridged',
    inputs: inputs(bridged),
    output: output(bridged, { flags: 1 }),
  });
  const bad: readonly Fault[] = [
    ['record_mismatch', 'another domain', plain, { domain: 'beta.test' }],
    ['record_mismatch', 'another address hash', plain, { addressHash: bob.addressHash }],
    ['signature_invalid', 'changed', flipped(plain)],
    ['signature_invalid', 'signed for another purpose', userRecordOf(alice, {}, { purpose: 'letter' })],
    ['signature_invalid', 'bound to another domain', userRecordOf(alice, {}, { boundTo: 'beta.test' })],
    [
      'signature_invalid',
      'signed with another key',
      userRecordOf(alice, {}, { key: bob.identity, id: alice.identity.id }),
    ],
    ['key_unknown', 'naming another key', userRecordOf(alice, {}, { id: alice.addressing.id })],
    ['key_invalid', 'an identity key of small order', userRecordOf(alice, { 3: smallOrderKey })],
    ['record_invalid', 'made more than an hour ahead', userRecordOf(alice, { 5: now + 3601 })],
    ['record_invalid', 'expiring before it was made', userRecordOf(alice, { 6: now - 7201 })],
    ['record_invalid', 'a serial more than a day ahead', userRecordOf(alice, { 7: now + day + 1 })],
    ['record_expired', 'expired more than an hour ago', userRecordOf(alice, { 6: now - 3601 })],
  ];
  for (const [error, description, inner, over] of bad)
    cases.negative(nameOf('user-record', description), error, {
      ...base,
      description,
      inputs: inputs(inner, over),
    });
}

function addUserAnswers(cases: Collection): void {
  const base = { operation: 'verify user answer' };
  // Without the keys of the domain: they play no part here.
  const record = domainRecordOf(alpha, { 4: [] });
  const answerOf = (listing?: Uint8Array, byMail?: Uint8Array): Uint8Array =>
    encode(recordNode({ 1: listing, 2: byMail, 3: [] }));
  const inputs = (answer: Uint8Array, over: Inputs = {}): Inputs => ({
    answer,
    record,
    fingerprints: [alpha.fingerprint],
    domain: 'alpha.test',
    address: alice.address,
    now,
    ...over,
  });
  const listed = listingOf(alpha, alice);
  const user = (over: Inputs = {}): Inputs => ({
    kind: 'user',
    recordFingerprint: sha256(userRecordOf(alice)),
    status: 'active',
    escrow: false,
    listedUntil: now - 3600 + 7 * day,
    ...over,
  });
  const seen = (over: Inputs = {}): Inputs => ({
    previous: {
      serial: now - 7200,
      recordFingerprint: sha256(userRecordOf(alice)),
      created: now - 7200,
      ...over,
    },
  });
  const mail = byMailOf(alpha, alice.addressHash);
  const good: readonly (readonly [string, string, Uint8Array, Inputs, Inputs?])[] = [
    ['6', 'listing', answerOf(listed), user()],
    ['6', 'listing seen before', answerOf(listed), user(), seen()],
    ['6', 'listing: suspended', answerOf(listingOf(alpha, alice, { 4: 1 })), user({ status: 'suspended' })],
    ['6', 'listing: gone', answerOf(listingOf(alpha, alice, { 4: 2 })), user({ status: 'gone' })],
    [
      '6',
      'listing: unknown status',
      answerOf(listingOf(alpha, alice, { 4: 9 })),
      user({ status: 'unknown' }),
    ],
    ['6', 'listing: escrow', answerOf(listingOf(alpha, alice, { 7: true })), user({ escrow: true })],
    [
      '7',
      'by mail',
      answerOf(undefined, mail),
      { kind: 'by_mail', created: now - 3600, expires: now - 3600 + 7 * day },
    ],
  ];
  for (const [section, description, answer, output, over] of good)
    cases.positive(nameOf('user-answer', description), {
      ...base,
      spec: `keys.md section ${section}`,
      description,
      inputs: inputs(answer, over),
      output,
    });

  const withInner = (inner: Uint8Array): Uint8Array => answerOf(listingOf(alpha, alice, { 3: inner }));
  const listing = (
    ...args: Parameters<typeof listingOf> extends [unknown, unknown, ...infer R] ? R : never
  ): Uint8Array => answerOf(listingOf(alpha, alice, ...args));
  const byMail = (
    ...args: Parameters<typeof byMailOf> extends [unknown, unknown, ...infer R] ? R : never
  ): Uint8Array => answerOf(undefined, byMailOf(alpha, alice.addressHash, ...args));
  const second = keyFor('alpha.test', 'domainSigning', 'second');
  const bad: readonly (readonly [string, ...Fault])[] = [
    ['7', 'record_invalid', 'neither listing nor by mail', answerOf()],
    ['7', 'record_invalid', 'both listing and by mail', answerOf(listed, mail)],
    [
      '6',
      'record_mismatch',
      'a listing of another address',
      answerOf(listed),
      { address: 'carol@alpha.test' },
    ],
    ['6', 'record_mismatch', 'a listing that names another domain', listing({ 1: 'beta.test' })],
    [
      '6',
      'record_mismatch',
      'an inner record of another address',
      withInner(userRecordOf(alice, { 2: bob.addressHash })),
    ],
    [
      '6',
      'record_mismatch',
      'an inner record of another domain',
      withInner(userRecordOf(alice, { 1: 'beta.test' })),
    ],
    ['6', 'signature_invalid', 'a changed listing', answerOf(flipped(listed))],
    ['6', 'signature_invalid', 'a changed inner record', withInner(flipped(userRecordOf(alice)))],
    ['6', 'signature_invalid', 'a listing signed for another purpose', listing({}, { purpose: 'by mail' })],
    ['6', 'signature_invalid', 'a listing bound to another domain', listing({}, { boundTo: 'beta.test' })],
    ['6', 'key_unknown', 'a listing signed with a key that is not mandated', listing({}, { key: second })],
    [
      '6',
      'key_unknown',
      'an inner record naming another key',
      withInner(userRecordOf(alice, {}, { id: alice.sealing.id })),
    ],
    [
      '6',
      'record_invalid',
      'a listing made more than an hour ahead',
      listing({ 5: now + 3601, 6: now + day }),
    ],
    ['6', 'record_invalid', 'a listing valid for more than 7 days', listing({ 6: now - 3600 + 7 * day + 1 })],
    [
      '6',
      'record_expired',
      'a listing that expired more than an hour ago',
      listing({ 5: now - day, 6: now - 3601 }),
    ],
    [
      '6',
      'record_expired',
      'an inner record that expired more than an hour ago',
      withInner(userRecordOf(alice, { 6: now - 3601 })),
    ],
    [
      '6',
      'record_rollback',
      'an older record than the one seen',
      answerOf(listed),
      seen({ serial: now - 7199 }),
    ],
    [
      '6',
      'trust_changed',
      'the serial seen with other bytes',
      answerOf(listed),
      seen({ recordFingerprint: seeded('other')(32) }),
    ],
    [
      '7',
      'record_mismatch',
      'a by mail for another address',
      answerOf(undefined, byMailOf(alpha, bob.addressHash)),
    ],
    ['7', 'signature_invalid', 'a changed by mail', answerOf(undefined, flipped(mail))],
    [
      '7',
      'signature_invalid',
      'a by mail signed for another purpose',
      byMail({}, { purpose: 'user listing' }),
    ],
    ['7', 'record_invalid', 'a by mail valid for more than 7 days', byMail({ 4: now - 3600 + 7 * day + 1 })],
    [
      '7',
      'record_expired',
      'a by mail that expired more than an hour ago',
      byMail({ 3: now - day, 4: now - 3601 }),
    ],
    [
      '7',
      'record_rollback',
      'a by mail older than the record seen',
      answerOf(undefined, mail),
      seen({ created: now - 3599 }),
    ],
    [
      '6',
      'key_not_active',
      'a listing signed with a retired key',
      answerOf(listed),
      {
        record: domainRecordOf(
          alpha,
          { 3: mandateOf(alpha, { 4: [entryOf(alpha.signing, { 5: 2 }), entryOf(second)] }), 4: [] },
          { key: second },
        ),
      },
    ],
  ];
  for (const [section, error, description, answer, over] of bad)
    cases.negative(nameOf('user-answer', description), error, {
      ...base,
      spec: `keys.md section ${section}`,
      description,
      inputs: inputs(answer, over),
    });
  addKeysToWriteTo(cases);
}

function addKeysToWriteTo(cases: Collection): void {
  const base = { spec: 'keys.md section 6', operation: 'keys to write to' };
  const inputs = (...entries: readonly Node[]): Inputs => ({
    inner: userRecordOf(alice, { 4: entries }),
    domain: 'alpha.test',
    addressHash: alice.addressHash,
    now,
  });
  const [addressing, sealing] = [entryOf(alice.addressing), entryOf(alice.sealing)];
  const newer = keyFor('alpha.test', 'addressing', 'newer');
  cases.positive('keys-to-write-to', {
    ...base,
    description: 'the newest active key of either use',
    inputs: inputs(addressing, entryOf(newer, { 6: now - day }), sealing),
    output: { addressing: newer.id, sealing: alice.sealing.id },
  });
  const bad: readonly (readonly [string, readonly Node[]])[] = [
    ['no sealing key', [addressing]],
    ['no addressing key', [sealing]],
    ['a retired addressing key', [entryOf(alice.addressing, { 5: 2 }), sealing]],
    ['a sealing key past its time', [addressing, entryOf(alice.sealing, { 7: now - 3601 })]],
    ['a pending sealing key', [addressing, entryOf(alice.sealing, { 5: 0 })]],
  ];
  for (const [description, entries] of bad)
    cases.negative(nameOf('keys-to-write-to', description), 'record_invalid', {
      ...base,
      description,
      inputs: inputs(...entries),
    });
}
