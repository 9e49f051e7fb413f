import test from 'ava';
import { Secret } from '../../src/crypto/secret.ts';
import {
  domainIdentityToJson,
  domainKeysFromJson,
  workingKeysToJson,
} from '../../src/keys/domain-key-file.ts';
import { createDomainKeys } from '../../src/keys/domain-keys.ts';
import { formatRecoveryKey, parseRecoveryKey } from '../../src/keys/recovery-key.ts';
import { recoveryHash } from '../../src/keys/fingerprints.ts';
import { ed25519Public } from '../../src/crypto/sign.ts';
import { userKeysFromJson, userKeysToJson } from '../../src/keys/user-key-file.ts';
import { createUserKeys } from '../../src/keys/user-keys.ts';
import fc from 'fast-check';
import { now, seededRandom, thrown } from '../support/identities.ts';

const { keys, recovery } = createDomainKeys('a.test', now, seededRandom('files'));
const through = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const working = workingKeysToJson(keys);
const identity = domainIdentityToJson(keys);

test('domain keys survive their files, with the identity key or without', (t) => {
  const whole = domainKeysFromJson(through(working), through(identity));
  t.deepEqual(workingKeysToJson(whole), working);
  t.deepEqual(domainIdentityToJson(whole), identity);
  t.deepEqual(
    whole.keys.map((key) => key.id),
    keys.keys.map((key) => key.id),
  );
  t.deepEqual(
    whole.keys.map((key) => key.publicKey),
    keys.keys.map((key) => key.publicKey),
  );
  const offline = domainKeysFromJson(through(working));
  t.is(offline.identity, undefined);
  t.false(JSON.stringify(working).includes(identity.key.secret));
  t.is(
    thrown(() => domainIdentityToJson(offline)),
    'state_invalid',
  );
});

test('what decoys come from lies with the keys; a file of version 0.1 has none', (t) => {
  const whole = domainKeysFromJson(through(working));
  t.is(whole.decoys?.start, now);
  t.true(whole.decoys?.secret.equals(keys.decoys!.secret));
  t.true(whole.keys.every(({ secret }) => !secret.equals(keys.decoys!.secret)));
  const { decoys: _, ...older } = working;
  t.is(domainKeysFromJson(through(older)).decoys, undefined);
});

test('a damaged key file is state_invalid', (t) => {
  const [key] = working.keys;
  const damaged: [string, unknown][] = [
    ['nothing', null],
    ['an array', []],
    ['another format', { ...working, format: 'beckon-domain-keys-2' }],
    ['no domain', { ...working, domain: 'A.test' }],
    ['a missing field', { ...working, mandate: undefined }],
    ['a field too many', { ...working, extra: 1 }],
    ['keys that are no list', { ...working, keys: {} }],
    ['a short secret', { ...working, keys: [{ ...key, secret: 'AAAA' }] }],
    ['no base64url', { ...working, keys: [{ ...key, secret: `${key!.secret.slice(1)}+` }] }],
    ['an unknown status', { ...working, keys: [{ ...key, status: 'lost' }] }],
    ['a use that does not belong here', { ...working, keys: [{ ...key, use: 'sealing' }] }],
    ['a time that is none', { ...working, keys: [{ ...key, notAfter: 1.5 }] }],
    ['a decoy secret too short', { ...working, decoys: { secret: 'AAAA', start: now } }],
    ['a root of decoys without a start', { ...working, decoys: { secret: working.decoys!.secret } }],
    ['a fingerprint too short', { ...working, fingerprint: 'AAAA' }],
  ];
  for (const [name, value] of damaged)
    t.is(
      thrown(() => domainKeysFromJson(value === null ? null : through(value))),
      'state_invalid',
      name,
    );
  const other = domainIdentityToJson(createDomainKeys('a.test', now, seededRandom('others')).keys);
  t.is(
    thrown(() => domainKeysFromJson(working, other)),
    'state_invalid',
  );
  t.is(
    thrown(() => domainKeysFromJson(working, { ...identity, domain: 'b.test' })),
    'state_invalid',
  );
});

test('user keys survive their file', (t) => {
  const user = createUserKeys('a.test', seededRandom('user'), now);
  const value = userKeysToJson(user);
  t.deepEqual(userKeysToJson(userKeysFromJson(through(value))), value);
  t.deepEqual(userKeysFromJson(value).identityFingerprint, user.identityFingerprint);
  t.is(
    thrown(() => userKeysFromJson({ ...value, domain: 'nothing' })),
    'state_invalid',
  );
  t.is(
    thrown(() => userKeysFromJson({ ...value, identity: value.keys[0] })),
    'state_invalid',
  );
});

test('a recovery key can be written down and typed in again', (t) => {
  const text = formatRecoveryKey(recovery);
  t.regex(text, /^BECKON-RECOVERY(-[0-9A-HJKMNP-TV-Z]{4}){14}$/);
  t.true(parseRecoveryKey(text).equals(recovery));
  t.true(parseRecoveryKey(` ${text.toLowerCase().replaceAll('-', ' ')}\n`).equals(recovery));
  t.true(
    parseRecoveryKey(text.slice(0, 16) + text.slice(16).replaceAll('0', 'o').replaceAll('1', 'l')).equals(
      recovery,
    ),
  );
  t.deepEqual(recoveryHash(ed25519Public(recovery.expose())), keys.recoveryHash);
});

test('a typing error in a recovery key is noticed and not quoted', (t) => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.integer({ min: 0, max: 55 }),
      (seed, at) => {
        const text = formatRecoveryKey(new Secret(seed));
        const position = 16 + at + Math.floor(at / 4);
        const wrong = text[position] === 'Z' ? 'Y' : 'Z';
        const typed = text.slice(0, position) + wrong + text.slice(position + 1);
        return thrown(() => parseRecoveryKey(typed)) === 'key_invalid';
      },
    ),
  );
  const text = formatRecoveryKey(recovery);
  for (const typed of ['', 'BECKON-RECOVERY-', text.slice(0, -1), text.slice(16), `${text}0`, `${text}u`]) {
    const error = t.throws(() => parseRecoveryKey(typed), { code: 'key_invalid' });
    t.false(error.message.includes(text.slice(20, 30)));
    t.is(error.cause, undefined);
  }
});
