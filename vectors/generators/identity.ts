/** Cases of wire-spec/identity.md: changes of identity, parents, leaving. */
import type { ErrorCode } from '../../src/errors.ts';
import { keyUses } from '../../src/wire/registry.ts';
import {
  collection,
  flipped,
  fromHex,
  joined,
  now,
  type Case,
  type Collection,
  type Fields as Inputs,
} from './cases.ts';
import { nameOf } from './conventions.ts';
import { encode, map, type Node } from './encode.ts';
import {
  alpha,
  beta,
  domainRecordOf,
  keyFor,
  mandateOf,
  recordNode,
  type DomainCast,
  type Fields,
  type Key,
  type Signing,
} from './people.ts';
import { seeded } from './random.ts';
import { ctx, ed25519Sign, sha256, sign1 } from './reference.ts';
import { addDecoding, mapRulesOf } from './structures.ts';

const day = 86_400;
const domain = 'alpha.test';
const smallOrderKey = fromHex('ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f');

const identityKey = (label: string): Key => keyFor(domain, 'domainIdentity', label);
const second = identityKey('second');
const third = identityKey('third');
const thief = identityKey('thief');
const recovery = keyFor(domain, 'recovery');
const nextRecovery = keyFor(domain, 'recovery', 'next');
const lastRecovery = keyFor(domain, 'recovery', 'last');
const recoveryHashOf = (key: Key): Uint8Array => sha256(ctx('recovery', key.publicKey));
const fingerprintOf = (key: Key): Uint8Array => sha256(key.publicKey);

function signedBy(purpose: string, key: Key, payload: Node, over: Signing, by = domain) {
  const signer = over.key ?? key;
  return sign1(
    over.purpose ?? purpose,
    over.boundTo ?? by,
    over.id ?? signer.id,
    signer.secret,
    encode(payload),
  );
}

function change(by: Key, to: Key, over: Fields = {}, signing: Signing = {}) {
  const payload = recordNode({
    1: domain,
    2: keyUses[by.use],
    3: by.publicKey,
    4: to.publicKey,
    6: now - day,
    ...over,
  });
  return { payload, ...signedBy('identity change', by, payload, signing) };
}

const byIdentity = (from: Key, to: Key, over: Fields = {}, signing: Signing = {}): Uint8Array =>
  change(from, to, over, signing).encoded;
const byRecovery = (
  to: Key,
  { by = recovery, next = nextRecovery }: { by?: Key; next?: Key } = {},
  over: Fields = {},
  signing: Signing = {},
): Uint8Array => change(by, to, { 5: recoveryHashOf(next), ...over }, signing).encoded;

type Fault = readonly [ErrorCode, string, Uint8Array, Inputs?];

export function identity(): readonly Case[] {
  const cases = collection();
  for (const structure of mapRulesOf('identity.md'))
    addDecoding(cases, structure, `identity.md section ${structure === 'parent-signature' ? 2 : 1}`);
  addIdentityChanges(cases);
  addParents(cases);
  addGone(cases);
  return cases.cases;
}

function addIdentityChanges(cases: Collection): void {
  const spec = 'identity.md section 1';
  const plain = change(alpha.identity, second);
  cases.positive('sign-identity-change', {
    spec,
    description: 'a change that the identity key before signs',
    operation: 'sign identity change',
    inputs: {
      domain,
      by: 'identity',
      seed: alpha.identity.secret,
      identityKey: second.publicKey,
      now: now - day,
    },
    intermediate: {
      keyId: alpha.identity.id,
      payload: encode(plain.payload),
      protected: plain.protectedHeader,
      toBeSigned: plain.toBeSigned,
      signature: plain.signature,
    },
    output: plain.encoded,
  });
  const recovered = change(recovery, second, { 5: recoveryHashOf(nextRecovery) });
  cases.positive('sign-identity-change-by-recovery-key', {
    spec,
    description: 'a change that the recovery key signs',
    operation: 'sign identity change',
    inputs: {
      domain,
      by: 'recovery',
      seed: recovery.secret,
      identityKey: second.publicKey,
      recoveryHash: recoveryHashOf(nextRecovery),
      now: now - day,
    },
    intermediate: {
      keyId: recovery.id,
      payload: encode(recovered.payload),
      protected: recovered.protectedHeader,
      toBeSigned: recovered.toBeSigned,
      signature: recovered.signature,
    },
    output: recovered.encoded,
  });

  const base = { spec, operation: 'verify identity change' };
  const inputs = (signed: Uint8Array, over: Inputs = {}): Inputs => ({ signed, domain, now, ...over });
  const good: readonly (readonly [string, Uint8Array, Inputs])[] = [
    [
      'by the identity key',
      plain.encoded,
      { by: 'identity', signer: alpha.fingerprint, fingerprint: fingerprintOf(second), created: now - day },
    ],
    [
      'by the recovery key',
      recovered.encoded,
      {
        by: 'recovery',
        signer: recoveryHashOf(recovery),
        fingerprint: fingerprintOf(second),
        recoveryHash: recoveryHashOf(nextRecovery),
        created: now - day,
      },
    ],
    [
      'made an hour ahead',
      byIdentity(alpha.identity, second, { 6: now + 3600 }),
      { by: 'identity', signer: alpha.fingerprint, fingerprint: fingerprintOf(second), created: now + 3600 },
    ],
  ];
  for (const [description, signed, output] of good)
    cases.positive(nameOf('identity-change', description), {
      ...base,
      description,
      inputs: inputs(signed),
      output,
    });
  const withField = (pair: readonly [number, Node]): Uint8Array => {
    const { pairs } = plain.payload as ReturnType<typeof map>;
    return signedBy('identity change', alpha.identity, map(...pairs, pair), {}).encoded;
  };
  const bad: readonly Fault[] = [
    ['key_invalid', 'a signer of small order', byIdentity(alpha.identity, second, { 3: smallOrderKey })],
    ['key_invalid', 'a new key of small order', byIdentity(alpha.identity, second, { 4: smallOrderKey })],
    ['key_unknown', 'naming another key', byIdentity(alpha.identity, second, {}, { id: second.id })],
    [
      'key_unknown',
      'the recovery key under the use of the identity key',
      byIdentity({ ...recovery, use: 'domainIdentity' }, second),
    ],
    ['signature_invalid', 'changed', flipped(plain.encoded)],
    [
      'signature_invalid',
      'signed with the new key',
      byIdentity(alpha.identity, second, {}, { key: second, id: alpha.identity.id }),
    ],
    [
      'signature_invalid',
      'signed for another purpose',
      byIdentity(alpha.identity, second, {}, { purpose: 'mandate' }),
    ],
    [
      'signature_invalid',
      'bound to another domain',
      byIdentity(alpha.identity, second, {}, { boundTo: 'beta.test' }),
    ],
    ['record_mismatch', 'for another domain', plain.encoded, { domain: 'beta.test' }],
    ['record_invalid', 'by a key of another use', byIdentity(alpha.signing, second)],
    [
      'record_invalid',
      'by the identity key, with a recovery hash',
      byIdentity(alpha.identity, second, { 5: recoveryHashOf(nextRecovery) }),
    ],
    ['record_invalid', 'by the identity key, to itself', byIdentity(alpha.identity, alpha.identity)],
    ['record_invalid', 'by the recovery key, without the next', byRecovery(second, {}, { 5: undefined })],
    ['record_invalid', 'by the recovery key, itself the next', byRecovery(second, { next: recovery })],
    ['record_invalid', 'made more than an hour ahead', byIdentity(alpha.identity, second, { 6: now + 3601 })],
    ['cbor_unknown_critical', 'with a critical field that nobody knows', withField([-1, 0])],
  ];
  for (const [error, description, signed, over] of bad)
    cases.negative(nameOf('identity-change', description), error, {
      ...base,
      description,
      inputs: inputs(signed, over),
    });
  addPinnedAnswers(cases, spec);
}

function castWith(identity: Key): DomainCast {
  return { ...alpha, identity, fingerprint: fingerprintOf(identity) };
}

/** An answer with a record of an identity, and changes as its attachment. */
function answerOf(identity: Key, changes: readonly Uint8Array[], over: Fields = {}): Uint8Array {
  const record = domainRecordOf(alpha, { 3: mandateOf(castWith(identity), over) });
  const attachment = encode(recordNode({ 1: changes }));
  return encode(recordNode({ 1: record, 2: changes.length === 0 ? [] : [[3, attachment]] }));
}

function addPinnedAnswers(cases: Collection, spec: string): void {
  const base = { spec, operation: 'verify pinned answer' };
  const pin = (over: Inputs = {}): Inputs => ({
    fingerprint: alpha.fingerprint,
    recoveryHash: recoveryHashOf(recovery),
    left: [],
    ...over,
  });
  const inputs = (answer: Uint8Array, txt: readonly Key[], pinned: Inputs = pin()): Inputs => ({
    answer,
    domain,
    pinned,
    txt: txt.map(fingerprintOf),
    now,
  });
  const next = { 6: recoveryHashOf(nextRecovery) };
  const toSecond = byIdentity(alpha.identity, second);
  const stolen = byIdentity(alpha.identity, thief);
  const recovered = byRecovery(second);
  const unlinked = pin({ recoveryHash: recoveryHashOf(lastRecovery) });
  const stranded = pin({ fingerprint: fingerprintOf(thief), left: [alpha.fingerprint] });
  const secondPinned = pin({
    fingerprint: fingerprintOf(second),
    recoveryHash: recoveryHashOf(nextRecovery),
    left: [alpha.fingerprint],
  });
  const many = Array.from({ length: 15 }, (_, i) => identityKey(`many ${i}`));
  const long = [alpha.identity, ...many].map((from, i) => byIdentity(from, [...many, second][i] ?? second));

  const good: readonly (readonly [string, Inputs, readonly Key[], Key])[] = [
    ['the pinned identity', inputs(answerOf(alpha.identity, []), [alpha.identity]), [], alpha.identity],
    ['the pinned identity, not in TXT', inputs(answerOf(alpha.identity, []), [second]), [], alpha.identity],
    [
      'changed by the identity key',
      inputs(answerOf(second, [toSecond]), [alpha.identity, second]),
      [second],
      second,
    ],
    ['changed by the recovery key', inputs(answerOf(second, [recovered], next), [second]), [second], second],
    [
      'the recovery key alone was changed',
      inputs(answerOf(alpha.identity, [byRecovery(alpha.identity)], next), [alpha.identity]),
      [alpha.identity],
      alpha.identity,
    ],
    [
      'away for several changes',
      inputs(
        answerOf(
          third,
          [recovered, byRecovery(thief, { by: nextRecovery, next: lastRecovery }), byIdentity(thief, third)],
          { 6: recoveryHashOf(lastRecovery) },
        ),
        [third],
      ),
      [second, thief, third],
      third,
    ],
    ['sixteen changes', inputs(answerOf(second, long), [second]), [...many, second], second],
    [
      'from the middle of the changes',
      inputs(
        answerOf(third, [toSecond, byIdentity(second, third)]),
        [third],
        pin({ fingerprint: fingerprintOf(second) }),
      ),
      [third],
      third,
    ],
    [
      'from where a thief had led',
      inputs(answerOf(second, [recovered], next), [second], stranded),
      [second],
      second,
    ],
    [
      'changes that do not verify are passed over',
      inputs(answerOf(second, [flipped(toSecond), toSecond, seeded('noise')(40)]), [second]),
      [second],
      second,
    ],
    [
      'pinned without a recovery hash',
      inputs(answerOf(second, [toSecond]), [second], {
        fingerprint: alpha.fingerprint,
        left: [],
      }),
      [second],
      second,
    ],
  ];
  for (const [description, given, steps, identity] of good)
    cases.positive(nameOf('pinned-answer', description), {
      ...base,
      description,
      inputs: given,
      output: { fingerprint: fingerprintOf(identity), steps: steps.map(fingerprintOf) },
    });

  const bad: readonly (readonly [ErrorCode, string, Inputs])[] = [
    ['fingerprint_mismatch', 'another identity without a change', inputs(answerOf(second, []), [second])],
    [
      'fingerprint_mismatch',
      'a new identity that TXT does not name',
      inputs(answerOf(second, [toSecond]), [alpha.identity]),
    ],
    [
      'fingerprint_mismatch',
      'a change from an identity that is not pinned',
      inputs(answerOf(third, [byIdentity(second, third)]), [third]),
    ],
    [
      'fingerprint_mismatch',
      'changes out of order',
      inputs(answerOf(third, [byIdentity(second, third), toSecond]), [third]),
    ],
    [
      'fingerprint_mismatch',
      'a change by another recovery key',
      inputs(answerOf(second, [recovered], next), [second], unlinked),
    ],
    [
      'fingerprint_mismatch',
      'a change by the recovery key, pinned without its hash',
      inputs(answerOf(second, [recovered], next), [second], { fingerprint: alpha.fingerprint, left: [] }),
    ],
    [
      'fingerprint_mismatch',
      'a change to another identity than the record has',
      inputs(answerOf(third, [toSecond]), [third]),
    ],
    [
      'fingerprint_mismatch',
      'a thief of the identity key, after the recovery key decided',
      inputs(answerOf(thief, [stolen], next), [thief], secondPinned),
    ],
    [
      'fingerprint_mismatch',
      'a thief who shows what the recovery key signed, and goes on from there',
      inputs(answerOf(thief, [recovered, stolen], next), [thief]),
    ],
    [
      'record_rollback',
      'the identity that the domain has left',
      inputs(answerOf(alpha.identity, []), [alpha.identity, second], secondPinned),
    ],
    [
      'record_rollback',
      'what the recovery key signed before, once more',
      inputs(
        answerOf(second, [recovered], next),
        [second],
        pin({
          fingerprint: fingerprintOf(third),
          recoveryHash: recoveryHashOf(lastRecovery),
          left: [alpha.fingerprint, fingerprintOf(second)],
        }),
      ),
    ],
    [
      'trust_changed',
      'another recovery hash under the pinned identity',
      inputs(answerOf(alpha.identity, [], next), [alpha.identity]),
    ],
    [
      'trust_changed',
      'another recovery hash with a change by the identity key',
      inputs(answerOf(second, [toSecond], next), [second]),
    ],
    [
      'trust_changed',
      'the recovery hash from before, with a change by the recovery key',
      inputs(answerOf(second, [recovered]), [second]),
    ],
  ];
  for (const [error, description, given] of bad)
    cases.negative(nameOf('pinned-answer', description), error, { ...base, description, inputs: given });
}

function addParents(cases: Collection): void {
  const base = { spec: 'identity.md section 2', operation: 'verify parent signature' };
  const signedFor = (parent: string, over: Fields = {}, signing: Signing = {}): Uint8Array => {
    const key = keyFor(parent, 'domainIdentity');
    const payload = recordNode({
      1: domain,
      2: alpha.fingerprint,
      3: parent,
      4: key.publicKey,
      5: now - day,
      6: now + 30 * day,
      ...over,
    });
    return signedBy('parent signature', key, payload, signing).encoded;
  };
  const inputs = (signed: Uint8Array, over: Inputs = {}): Inputs => ({
    signed,
    domain,
    fingerprint: alpha.fingerprint,
    now,
    ...over,
  });
  const parent = keyFor('test', 'domainIdentity');
  const grandchild = keyFor('alpha.test', 'domainIdentity');
  cases.positive('parent-signature', {
    ...base,
    description: 'of a top-level domain',
    inputs: inputs(signedFor('test')),
    output: { parent: 'test', parentFingerprint: fingerprintOf(parent), expires: now + 30 * day },
  });
  cases.positive('parent-signature-of-a-domain-in-between', {
    ...base,
    description: 'of a domain in between',
    inputs: inputs(signedFor('alpha.test', { 1: 'a.b.alpha.test' }, { boundTo: 'a.b.alpha.test' }), {
      domain: 'a.b.alpha.test',
    }),
    output: { parent: 'alpha.test', parentFingerprint: fingerprintOf(grandchild), expires: now + 30 * day },
  });
  const bad: readonly Fault[] = [
    ['key_invalid', 'a key of small order', signedFor('test', { 4: smallOrderKey })],
    ['key_unknown', 'naming another key', signedFor('test', {}, { id: alpha.identity.id })],
    ['signature_invalid', 'changed', flipped(signedFor('test'))],
    ['signature_invalid', 'signed for another purpose', signedFor('test', {}, { purpose: 'mandate' })],
    ['signature_invalid', 'bound to the parent', signedFor('test', {}, { boundTo: 'test' })],
    [
      'signature_invalid',
      'signed with another key',
      signedFor('test', {}, { key: alpha.identity, id: parent.id }),
    ],
    ['record_mismatch', 'for another child', signedFor('test'), { domain: 'beta.test' }],
    ['record_mismatch', 'for another key of the child', signedFor('test'), { fingerprint: beta.fingerprint }],
    ['record_invalid', 'by a domain that is no parent', signedFor('beta.test')],
    ['record_invalid', 'by the domain itself', signedFor('alpha.test')],
    ['record_invalid', 'by half of a label', signedFor('a.test')],
    ['record_invalid', 'made more than an hour ahead', signedFor('test', { 5: now + 3601 })],
    ['record_invalid', 'valid for more than 400 days', signedFor('test', { 6: now + 399 * day + 1 })],
    ['record_invalid', 'expiring before it was made', signedFor('test', { 6: now - day - 1 })],
    ['record_expired', 'expired more than an hour ago', signedFor('test', { 6: now - 3601 })],
  ];
  for (const [error, description, signed, over] of bad)
    cases.negative(nameOf('parent-signature', description), error, {
      ...base,
      description,
      inputs: inputs(signed, over),
    });
}

function addGone(cases: Collection): void {
  const spec = 'identity.md section 3';
  const goneOf = (
    serial: number,
    { key = alpha.identity, of = domain, purpose = 'gone' } = {},
  ): Uint8Array => {
    const bytes = Buffer.alloc(5);
    bytes.writeUIntBE(serial, 0, 5);
    return joined(new Uint8Array(bytes), ed25519Sign(key.secret, ctx(purpose, of, serial)));
  };
  const plain = goneOf(now - day);
  cases.positive('sign-gone', {
    spec,
    description: 'what a domain that leaves puts into TXT',
    operation: 'sign gone',
    inputs: { domain, seed: alpha.identity.secret, serial: now - day },
    intermediate: { signed: ctx('gone', domain, now - day) },
    output: plain,
  });
  const base = { spec, operation: 'verify gone' };
  const inputs = (gone: Uint8Array, over: Inputs = {}): Inputs => ({
    gone,
    domain,
    identityKey: alpha.identity.publicKey,
    mandateSerial: now - 10 * day,
    now,
    ...over,
  });
  for (const [description, serial, over] of [
    ['plain', now - day],
    ['the serial of the mandate', now - 10 * day],
    ['a serial a day ahead', now + day],
  ] as readonly (readonly [string, number, Inputs?])[])
    cases.positive(nameOf('gone', description), {
      ...base,
      description,
      inputs: inputs(goneOf(serial), over),
      output: serial,
    });
  const bad: readonly Fault[] = [
    ['signature_invalid', 'changed', flipped(plain)],
    ['signature_invalid', 'another serial than was signed', flipped(plain, 4)],
    ['signature_invalid', 'of another key', goneOf(now - day, { key: second })],
    ['signature_invalid', 'of another domain', goneOf(now - day, { of: 'beta.test' })],
    ['signature_invalid', 'for another purpose', goneOf(now - day, { purpose: 'mandate' })],
    ['record_rollback', 'the domain came back since', plain, { mandateSerial: now - day + 1 }],
    ['record_invalid', 'a serial more than a day ahead', goneOf(now + day + 1)],
    ['record_invalid', 'of another length', plain.slice(1)],
  ];
  for (const [error, description, gone, over] of bad)
    cases.negative(nameOf('gone', description), error, {
      ...base,
      description,
      inputs: inputs(gone, over),
    });
}
