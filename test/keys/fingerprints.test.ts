import { createHash } from 'node:crypto';
import test from 'ava';
import {
  acceptTokenHash,
  addressHash,
  domainFingerprint,
  identityFingerprint,
  keyId,
  recordFingerprint,
  recoveryHash,
  traceHandle,
} from '../../src/keys/fingerprints.ts';
import { keyUses, type KeyUse } from '../../src/wire/registry.ts';

const key = new Uint8Array(32).fill(7);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const sha = (...parts: (string | Uint8Array)[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};
const bstr32 = Uint8Array.of(0x58, 32);

test('hashes are over the contexts of the specification, spelled out byte by byte', (t) => {
  t.is(
    hex(addressHash('ann@a.test')),
    sha(Uint8Array.of(0x82, 0x70), 'beckon/1 address', Uint8Array.of(0x6a), 'ann@a.test'),
  );
  t.is(hex(identityFingerprint(key)), sha(Uint8Array.of(0x82, 0x71), 'beckon/1 identity', bstr32, key));
  t.is(hex(recoveryHash(key)), sha(Uint8Array.of(0x82, 0x71), 'beckon/1 recovery', bstr32, key));
  t.is(
    hex(keyId('a.test', 'sealing', key)),
    sha(
      Uint8Array.of(0x84, 0x6f),
      'beckon/1 key id',
      Uint8Array.of(0x66),
      'a.test',
      Uint8Array.of(18),
      bstr32,
      key,
    ).slice(0, 16),
  );
  t.is(hex(domainFingerprint(key)), sha(key));
  t.is(hex(recordFingerprint(key)), sha(key));
  t.is(hex(acceptTokenHash(key)), sha(key));
});

test('a key has another id for each domain and use', (t) => {
  const ids = (Object.keys(keyUses) as KeyUse[]).flatMap((use) =>
    ['a.test', 'b.test'].map((domain) => hex(keyId(domain, use, key))),
  );
  t.is(new Set(ids).size, ids.length);
});

test('a trace handle is 16 letters of lower-case base32', (t) => {
  t.regex(traceHandle(key), /^[a-z2-7]{16}$/);
  t.not(traceHandle(key), traceHandle(new Uint8Array(32)));
});
