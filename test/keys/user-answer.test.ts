import test from 'ava';
import { addressHash, keyId } from '../../src/keys/fingerprints.ts';
import { createKeyPair, endOfTime } from '../../src/keys/key-pair.ts';
import { publishKey } from '../../src/keys/published-key.ts';
import {
  encodeUserAnswer,
  signByMail,
  signListing,
  verifyListing,
  verifyUserAnswer,
} from '../../src/keys/user-answer.ts';
import { keysToWriteTo, signUserRecord, verifyInnerRecord } from '../../src/keys/user-record.ts';
import { encode } from '../../src/wire/schema.ts';
import {
  byMail,
  userAnswer,
  userListing,
  userRecord,
  type UserListing,
  type UserRecord,
} from '../../src/wire/users.ts';
import {
  flipped,
  keyOf,
  makeDomain,
  makeUser,
  now,
  resign,
  seededRandom,
  thrown,
} from '../support/identities.ts';

const day = 86_400;
const home = makeDomain('a.test');
const signing = keyOf(home.keys, 'domainSigning');
const ann = makeUser(home, 'ann');
const hash = addressHash(ann.address);
const { identity } = ann.keys;
const listed = (changes: Partial<UserListing>, key = signing) =>
  resign(userListing, ann.listing, changes, { purpose: 'user listing', domain: 'a.test', key });
const inner = (changes: Partial<UserRecord>, key = identity, bytes = ann.inner) =>
  resign(userRecord, bytes, changes, { purpose: 'user record', domain: 'a.test', key });
const code = (listing: Uint8Array, at = now, seen?: Parameters<typeof verifyUserAnswer>[4]) =>
  thrown(() => verifyUserAnswer(encodeUserAnswer({ listing }), home.verified, ann.address, at, seen));

test('a listed user verifies', (t) => {
  const answer = verifyUserAnswer(
    encodeUserAnswer({ listing: ann.listing }),
    home.verified,
    ann.address,
    now,
  );
  if (answer.kind !== 'user') return t.fail();
  t.is(answer.address, 'ann@a.test');
  t.is(answer.status, 'active');
  t.deepEqual(answer.identityKey, identity.publicKey);
  t.deepEqual(answer.identityFingerprint, ann.keys.identityFingerprint);
  t.is(answer.listedUntil, now + 7 * day);
  t.is(answer.expires, now + 400 * day);
  const { addressing, sealing } = keysToWriteTo(answer, now);
  t.deepEqual(addressing.key, keyOf(ann.keys, 'addressing').publicKey);
  t.deepEqual(sealing.key, keyOf(ann.keys, 'sealing').publicKey);
});

test('optional fields of a user record arrive', (t) => {
  const bytes = signUserRecord({
    keys: ann.keys,
    address: ann.address,
    serial: now + 1,
    previous: ann.verified.recordFingerprint,
    dropsSince: now,
    bridged: true,
    capabilities: new Map([['x', Uint8Array.of(1)]]),
    now,
  });
  const record = verifyInnerRecord(bytes, { domain: 'a.test', addressHash: hash, now });
  t.deepEqual(record.previous, ann.verified.recordFingerprint);
  t.is(record.dropsSince, now);
  t.is(record.flags, 1);
  const listing = listed({ inner: bytes, status: 1, escrow: true });
  t.is(verifyListing(listing, home.verified, ann.address, now, ann.verified).status, 'suspended');
  t.true(verifyListing(listing, home.verified, ann.address, now).escrow);
  t.is(verifyListing(listed({ status: 99 }), home.verified, ann.address, now).status, 'unknown');
});

test('a listing is signed by an active signing key of the domain', (t) => {
  const stranger = createKeyPair('a.test', 'domainSigning', seededRandom('stranger'), signing);
  t.is(code(listed({}, stranger)), 'key_unknown');
  t.is(code(listed({}, { ...stranger, id: signing.id })), 'signature_invalid');
  t.is(code(flipped(ann.listing)), 'signature_invalid');
  const revoked = { ...home.verified, revoked: [signing.id] };
  const answer = encodeUserAnswer({ listing: ann.listing });
  t.is(
    thrown(() => verifyUserAnswer(answer, revoked, ann.address, now)),
    'key_not_active',
  );
});

test('another domain or address in either layer is record_mismatch', (t) => {
  t.is(code(listed({ domain: 'b.test' })), 'record_mismatch');
  t.is(code(listed({ addressHash: flipped(hash) })), 'record_mismatch');
  t.is(code(listed({ inner: inner({ domain: 'b.test' }) })), 'record_mismatch');
  t.is(code(listed({ inner: inner({ addressHash: flipped(hash) }) })), 'record_mismatch');
  const bob = makeUser(home, 'bob');
  t.is(code(bob.listing), 'record_mismatch');
  t.is(code(listed({ inner: bob.inner })), 'record_mismatch');
});

test('the inner record is signed by the identity key inside', (t) => {
  const other = createKeyPair('a.test', 'userIdentity', seededRandom('other'), {
    notBefore: 0,
    notAfter: endOfTime,
  });
  t.is(code(listed({ inner: inner({}, other) })), 'key_unknown');
  t.is(code(listed({ inner: inner({}, { ...other, id: identity.id }) })), 'signature_invalid');
  t.is(code(listed({ inner: flipped(ann.inner) })), 'signature_invalid');
  const small = new Uint8Array(32);
  const bad = { ...identity, id: keyId('a.test', 'userIdentity', small) };
  t.is(code(listed({ inner: inner({ identityKey: small }, bad) })), 'key_invalid');
});

test('neither layer may be of the future, too long or past', (t) => {
  t.is(code(listed({ created: now + 3601 })), 'record_invalid');
  t.is(code(listed({ expires: now + 7 * day + 1 })), 'record_invalid');
  t.is(code(listed({ inner: inner({ created: now + 3601 }) })), 'record_invalid');
  t.is(code(listed({ inner: inner({ created: now, expires: now - 1 }) })), 'record_invalid');
  t.is(code(listed({ inner: inner({ serial: now + day + 1 }) })), 'record_invalid');
  t.is(code(ann.listing, now + 7 * day + 3601), 'record_expired');
  t.is(code(listed({ inner: inner({ created: now - 9000, expires: now - 3601 }) })), 'record_expired');
});

test('an older user record than the one seen is refused', (t) => {
  t.is(code(ann.listing, now, ann.verified), 'no error');
  t.is(code(ann.listing, now, { ...ann.verified, serial: now + 1 }), 'record_rollback');
  t.is(code(listed({ inner: inner({ flags: 1 }) }), now, ann.verified), 'trust_changed');
  t.is(code(listed({ inner: inner({ flags: 1, serial: now + 1 }) }), now, ann.verified), 'no error');
});

test('who has no active addressing and sealing key cannot be written to', (t) => {
  const [addressing, sealing] = ann.keys.keys;
  for (const keys of [
    [],
    [addressing!],
    [sealing!],
    [addressing!, { ...sealing!, status: 'retired' as const }],
    [addressing!, { ...sealing!, notAfter: now - 3601 }],
  ]) {
    const record = verifyInnerRecord(inner({ keys: keys.map(publishKey) }), {
      domain: 'a.test',
      addressHash: hash,
      now,
    });
    t.is(
      thrown(() => keysToWriteTo(record, now)),
      'record_invalid',
    );
  }
});

test('"by mail" is believed for 7 days, unless a user record is newer', (t) => {
  const mail = signByMail({ keys: home.keys, addressHash: hash, now });
  const mailCode = (bytes: Uint8Array, at = now, seen?: Parameters<typeof verifyUserAnswer>[4]) =>
    thrown(() => verifyUserAnswer(encodeUserAnswer({ byMail: bytes }), home.verified, ann.address, at, seen));
  const changed = (changes: object) =>
    resign(byMail, mail, changes, { purpose: 'by mail', domain: 'a.test', key: signing });
  t.deepEqual(verifyUserAnswer(encodeUserAnswer({ byMail: mail }), home.verified, ann.address, now), {
    kind: 'by_mail',
    created: now,
    expires: now + 7 * day,
  });
  t.is(mailCode(mail, now, { ...ann.verified, created: now + 1 }), 'record_rollback');
  t.is(mailCode(mail, now, ann.verified), 'no error');
  t.is(mailCode(mail, now + 7 * day + 3601), 'record_expired');
  t.is(mailCode(changed({ expires: now + 7 * day + 1 })), 'record_invalid');
  t.is(mailCode(changed({ addressHash: flipped(hash) })), 'record_mismatch');
  t.is(mailCode(changed({ domain: 'b.test' })), 'record_mismatch');
  t.is(mailCode(flipped(mail)), 'signature_invalid');
  const listing = resign(byMail, mail, {}, { purpose: 'user listing', domain: 'a.test', key: signing });
  t.is(mailCode(listing), 'signature_invalid');
});

test('an answer is exactly one of listing and "by mail"', (t) => {
  const mail = signByMail({ keys: home.keys, addressHash: hash, now });
  const both = encode(userAnswer, { listing: ann.listing, byMail: mail, attachments: [] });
  for (const answer of [both, encode(userAnswer, { attachments: [] })])
    t.is(
      thrown(() => verifyUserAnswer(answer, home.verified, ann.address, now)),
      'record_invalid',
    );
});

test('a listing can be made for any status', (t) => {
  const gone = signListing({ keys: home.keys, addressHash: hash, inner: ann.inner, status: 'gone', now });
  t.is(verifyListing(gone, home.verified, ann.address, now).status, 'gone');
});
