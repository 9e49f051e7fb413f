import test from 'ava';
import {
  signDomainRecord,
  encodeDomainAnswer,
  verifyDomainAnswer,
  verifyDomainRecord,
} from '../../src/keys/domain-record.ts';
import { createDomainKeys, type DomainKeys } from '../../src/keys/domain-keys.ts';
import { keyId } from '../../src/keys/fingerprints.ts';
import { createKeyPair, endOfTime, keyPairOf, type KeyPair } from '../../src/keys/key-pair.ts';
import { signMandate } from '../../src/keys/mandate.ts';
import { publishKey, usableKey } from '../../src/keys/published-key.ts';
import { nextSerial } from '../../src/keys/serial.ts';
import { domainRecord, mandate, type DomainRecord, type Mandate } from '../../src/wire/keys.ts';
import { flipped, keyOf, makeDomain, now, resign, seededRandom, thrown } from '../support/identities.ts';

const day = 86_400;
const { keys, record, verified } = makeDomain('a.test');
const signing = keyOf(keys, 'domainSigning');
const identity = keys.identity!;
const expected = { domain: 'a.test', fingerprints: [keys.fingerprint], now };
const code = (bytes: Uint8Array, changes: Partial<Parameters<typeof verifyDomainRecord>[1]> = {}) =>
  thrown(() => verifyDomainRecord(bytes, { ...expected, ...changes }));
const changed = (changes: Partial<DomainRecord>, key = signing) =>
  resign(domainRecord, record, changes, { purpose: 'domain record', domain: 'a.test', key });
const mandated = (changes: Partial<Mandate>, key = identity) =>
  resign(mandate, keys.mandate, changes, { purpose: 'mandate', domain: 'a.test', key });

test('a domain record verifies and gives keys and limits', (t) => {
  const bytes = signDomainRecord({
    keys,
    serial: now,
    contact: 'mailto:abuse@a.test',
    limits: { introductionsPerHour: 60, payload: 2 ** 31 },
    bucketBits: 3,
    capabilities: new Map([['later', Uint8Array.of(0xf5)]]),
    now,
  });
  const domain = verifyDomainAnswer(encodeDomainAnswer(bytes, [[9, Uint8Array.of(1)]]), expected);
  t.is(domain.domain, 'a.test');
  t.deepEqual(domain.fingerprint, keys.fingerprint);
  t.is(domain.serial, now);
  t.is(domain.mandateSerial, now);
  t.is(domain.expires, now + 7 * day);
  t.is(domain.limits.payload, 2 ** 31);
  t.is(domain.bucketBits, 3);
  t.deepEqual(domain.capabilities.get('later'), Uint8Array.of(0xf5));
  t.deepEqual(domain.attachments, [[9, Uint8Array.of(1)]]);
  t.false(domain.escrow);
  t.deepEqual(domain.bytes, bytes);
  for (const use of ['notification', 'envelope', 'poll'] as const)
    t.deepEqual(usableKey(domain, use, now).key, keyOf(keys, use).publicKey);
});

test('an identity key that is neither published nor pinned is fingerprint_mismatch', (t) => {
  t.is(code(record, { fingerprints: [] }), 'fingerprint_mismatch');
  t.is(code(record, { fingerprints: [flipped(keys.fingerprint)] }), 'fingerprint_mismatch');
  t.is(code(record, { fingerprints: [flipped(keys.fingerprint), keys.fingerprint] }), 'no error');
});

test('a mandate that the identity key did not sign is refused', (t) => {
  const other = createKeyPair('a.test', 'domainIdentity', seededRandom('other'), {
    notBefore: 0,
    notAfter: endOfTime,
  });
  t.is(code(changed({ mandate: mandated({}, other) })), 'key_unknown');
  t.is(code(changed({ mandate: mandated({}, { ...other, id: identity.id }) })), 'signature_invalid');
  t.is(code(changed({ mandate: flipped(keys.mandate) })), 'signature_invalid');
  const bad = { ...identity, id: keyId('a.test', 'domainIdentity', new Uint8Array(32)) };
  t.is(code(changed({ mandate: mandated({ identityKey: new Uint8Array(32) }, bad) })), 'key_invalid');
});

test('a record or mandate for another domain is record_mismatch', (t) => {
  t.is(code(changed({ domain: 'b.test' })), 'record_mismatch');
  const twin = createDomainKeys('b.test', now, seededRandom('a.test'));
  const elsewhere = signDomainRecord({ keys: twin.keys, serial: now, contact: 'x', now });
  t.deepEqual(twin.keys.fingerprint, keys.fingerprint);
  t.is(code(elsewhere), 'record_mismatch');
});

test('the record is signed by a key of the mandate that is active now', (t) => {
  const stranger = createKeyPair('a.test', 'domainSigning', seededRandom('stranger'), signing);
  t.is(code(changed({}, stranger)), 'key_unknown');
  t.is(code(changed({}, { ...stranger, id: signing.id })), 'signature_invalid');
  t.is(code(flipped(record)), 'signature_invalid');
  const entries = (changes: Partial<KeyPair>) => ({
    mandate: mandated({ signingKeys: [publishKey({ ...signing, ...changes })] }),
  });
  t.is(code(changed(entries({ status: 'retired' }))), 'key_not_active');
  t.is(code(changed(entries({ status: 'pending' }))), 'key_not_active');
  t.is(code(changed(entries({ notAfter: now - 3601 }))), 'key_not_active');
  t.is(code(changed(entries({ notBefore: now + 3601 }))), 'key_not_active');
  t.is(code(changed({ mandate: mandated({ revoked: [signing.id] }) })), 'key_not_active');
  const notification = keyOf(keys, 'notification');
  t.is(code(changed({}, { ...signing, id: notification.id })), 'key_unknown');
});

test('no signing key outlives 400 days from its mandate', (t) => {
  const long = mandated({ signingKeys: [publishKey({ ...signing, notAfter: endOfTime })] });
  const later = now + 400 * day + 3601;
  const times = { created: later, expires: later + day, serial: later };
  t.is(code(changed({ mandate: long, ...times }), { now: later }), 'key_not_active');
  t.is(code(changed({ mandate: long, ...times }), { now: later - 1 }), 'no error');
});

test('times of a record are held to the clock', (t) => {
  t.is(code(changed({ created: now + 3601 })), 'record_invalid');
  t.is(code(changed({ created: now + 3600 })), 'no error');
  t.is(code(changed({ created: now, expires: now - 1 })), 'record_invalid');
  t.is(code(changed({ expires: now + 7 * day + 1 })), 'record_invalid');
  t.is(code(record, { now: now + 7 * day + 3600 }), 'no error');
  t.is(code(record, { now: now + 7 * day + 3601 }), 'record_expired');
  t.is(code(changed({ mandate: mandated({ created: now + 3601 }) })), 'record_invalid');
});

test('serials run at most a day ahead and never back', (t) => {
  t.is(code(changed({ serial: now + day })), 'no error');
  t.is(code(changed({ serial: now + day + 1 })), 'record_invalid');
  t.is(code(changed({ mandate: mandated({ serial: now + day + 1 }) })), 'record_invalid');
  t.is(code(record, { previous: verified }), 'no error');
  t.is(code(record, { previous: { ...verified, serial: now + 1 } }), 'record_rollback');
  t.is(code(record, { previous: { ...verified, mandateSerial: now + 1 } }), 'record_rollback');
  t.is(code(changed({ contact: 'other' }), { previous: verified }), 'trust_changed');
  t.is(code(changed({ serial: now + 1, contact: 'other' }), { previous: verified }), 'no error');
  const remade = changed({ serial: now + 1, mandate: mandated({ escrow: 1 }) });
  t.is(code(remade, { previous: verified }), 'trust_changed');
  t.is(nextSerial(undefined, now), now);
  t.is(nextSerial(now + 5, now), now + 6);
  t.is(
    thrown(() => nextSerial(now + day, now)),
    'record_invalid',
  );
  t.is(
    thrown(() => signDomainRecord({ keys, serial: now + day + 1, contact: 'x', now })),
    'record_invalid',
  );
});

test('signing needs an active signing key', (t) => {
  const retired: DomainKeys = { ...keys, keys: keys.keys.map((key) => ({ ...key, status: 'retired' })) };
  t.is(
    thrown(() => signDomainRecord({ keys: retired, serial: now, contact: 'x', now })),
    'key_not_active',
  );
});

test('a second mandate follows the first one', (t) => {
  const next = keyPairOf('a.test', 'domainSigning', signing.secret, { ...signing, status: 'active' });
  const second = signMandate({
    domain: 'a.test',
    identity,
    signingKeys: [next],
    recoveryHash: keys.recoveryHash,
    escrow: true,
    previousSerial: now,
    now,
  });
  const domain = verifyDomainRecord(changed({ mandate: second, serial: now + 1 }), {
    ...expected,
    previous: verified,
  });
  t.is(domain.mandateSerial, now + 1);
  t.true(domain.escrow);
});
