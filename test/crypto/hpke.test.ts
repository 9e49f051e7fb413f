import { createCipheriv, createDecipheriv } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import type { AeadInterface } from '@hpke/core';
import { XWing } from '@hpke/hybridkem-x-wing';
import { x25519Public } from '../../src/crypto/dh.ts';
import { dhkemDecapsulate, dhkemEncapsulate } from '../../src/crypto/dhkem.ts';
import {
  hpkeEncLength,
  hpkeKeySchedule,
  hpkeOpen,
  hpkeOverhead,
  hpkeSeal,
  hpkeSealPrepared,
} from '../../src/crypto/hpke.ts';
import type { Suite } from '../../src/crypto/hpke.ts';
import { chachaOpen } from '../../src/crypto/primitives-node.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { encapsulateWith, xwingPublic } from '../../src/crypto/xwing.ts';
import { fromHex, toHex } from './bytes.ts';
import { readExternal } from './external.ts';

const SUITES: readonly Suite[] = ['x25519', 'xwing'];
const NONE = new Uint8Array(0);
const publicOf = (suite: Suite, key: Uint8Array) =>
  suite === 'x25519' ? x25519Public(key) : xwingPublic(key);

type Field = 'info' | 'skEm' | 'pkRm' | 'skRm' | 'enc' | 'shared_secret' | 'key' | 'base_nonce';
type Vector = Record<Field, string> & {
  mode: number;
  encryptions: { seq: number; pt: string; aad: string; nonce: string; ct: string }[];
};

test('RFC 9180 A.2, base mode: the KEM, the key schedule and every encryption', (t) => {
  const vectors = (readExternal('hpke.json') as { vectors: Vector[] }).vectors.filter((v) => v.mode === 0);
  t.is(vectors.length, 1);
  const vector = vectors[0]!;
  const get = (name: Field): Uint8Array => fromHex(vector[name]);
  const publicKey = get('pkRm');
  t.is(toHex(x25519Public(get('skRm'))), toHex(publicKey));

  const kem = dhkemEncapsulate(publicKey, () => get('skEm'));
  t.is(toHex(kem.enc), vector.enc);
  t.is(toHex(kem.sharedSecret), vector.shared_secret);
  t.is(toHex(dhkemDecapsulate(get('skRm'), publicKey, get('enc'))), vector.shared_secret);

  const { key, nonce } = hpkeKeySchedule('x25519', get('shared_secret'), get('info'));
  t.is(toHex(key), vector.key);
  t.is(toHex(nonce), vector.base_nonce);

  t.is(vector.encryptions.length, 6);
  for (const { pt, aad, nonce, ct } of vector.encryptions) {
    t.is(toHex(chachaOpen(key, fromHex(nonce), fromHex(aad), fromHex(ct)) ?? NONE), pt);
  }
  const first = vector.encryptions.find(({ seq }) => seq === 0)!;
  const [aad, plaintext] = [fromHex(first.aad), fromHex(first.pt)];
  const sealed = hpkeSeal('x25519', publicKey, get('info'), aad, plaintext, () => get('skEm'));
  t.is(toHex(sealed), `${vector.enc}${first.ct}`);
  t.is(toHex(hpkeOpen('x25519', get('skRm'), get('info'), aad, sealed)), first.pt);
});

for (const suite of SUITES) {
  test(`${suite}: what is sealed opens, here and in another implementation, and the other way round`, async (t) => {
    const oracle = createOracle(suite);
    const small = fc.uint8Array({ maxLength: 200 });
    const property = fc.asyncProperty(small, small, small, async (info, aad, plaintext) => {
      const privateKey = systemRandom(32);
      const publicKey = publicOf(suite, privateKey);
      const ours = hpkeSeal(suite, publicKey, info, aad, plaintext, systemRandom);
      t.is(ours.length, plaintext.length + hpkeOverhead(suite));
      t.is(toHex(await oracle.open(privateKey, info, aad, ours)), toHex(plaintext));
      const theirs = await oracle.seal(publicKey, info, aad, plaintext);
      t.is(toHex(hpkeOpen(suite, privateKey, info, aad, theirs)), toHex(plaintext));
      t.is(toHex(hpkeOpen(suite, privateKey, info, aad, theirs, publicKey)), toHex(plaintext));
    });
    await fc.assert(property, { numRuns: 25 });
  });

  test(`${suite}: injected randomness makes sealing deterministic and asks once for the stated length`, (t) => {
    const asked: number[] = [];
    const random = (length: number): Uint8Array => {
      asked.push(length);
      return new Uint8Array(length).fill(9);
    };
    const publicKey = publicOf(suite, systemRandom(32));
    const seal = () => toHex(hpkeSeal(suite, publicKey, INFO, AAD, PLAINTEXT, random));
    t.is(seal(), seal());
    t.deepEqual(asked, suite === 'x25519' ? [32, 32] : [64, 64]);
    const fresh = () => toHex(hpkeSeal(suite, publicKey, INFO, AAD, PLAINTEXT, systemRandom));
    t.not(fresh(), fresh());
  });

  test(`${suite}: every failure to open is open_failed`, (t) => {
    const privateKey = systemRandom(32);
    const publicKey = publicOf(suite, privateKey);
    const sealed = hpkeSeal(suite, publicKey, INFO, AAD, PLAINTEXT, systemRandom);
    const changed = (change: (copy: Uint8Array) => void): Uint8Array => {
      const copy = sealed.slice();
      change(copy);
      return copy;
    };
    const enc = hpkeEncLength(suite);
    const attempts: Record<string, () => unknown> = {
      'another key': () => hpkeOpen(suite, systemRandom(32), INFO, AAD, sealed),
      'another info': () => hpkeOpen(suite, privateKey, AAD, AAD, sealed),
      'another aad': () => hpkeOpen(suite, privateKey, INFO, INFO, sealed),
      'a changed KEM ciphertext': () =>
        hpkeOpen(
          suite,
          privateKey,
          INFO,
          AAD,
          changed((c) => void (c[0]! ^= 1)),
        ),
      'an enc of small order': () =>
        hpkeOpen(
          suite,
          privateKey,
          INFO,
          AAD,
          changed((c) => c.fill(0, enc - 32, enc)),
        ),
      'an enc that is not canonical': () =>
        hpkeOpen(
          suite,
          privateKey,
          INFO,
          AAD,
          changed((c) => void (c[enc - 1]! |= 0x80)),
        ),
      'a changed ciphertext': () =>
        hpkeOpen(
          suite,
          privateKey,
          INFO,
          AAD,
          changed((c) => void (c[enc]! ^= 1)),
        ),
      'a changed tag': () =>
        hpkeOpen(
          suite,
          privateKey,
          INFO,
          AAD,
          changed((c) => void (c[c.length - 1]! ^= 1)),
        ),
      'a byte too few': () => hpkeOpen(suite, privateKey, INFO, AAD, sealed.subarray(0, -1)),
      'a byte too many': () => hpkeOpen(suite, privateKey, INFO, AAD, Uint8Array.of(...sealed, 0)),
      'less than the overhead': () =>
        hpkeOpen(suite, privateKey, INFO, AAD, sealed.subarray(0, hpkeOverhead(suite) - 1)),
      nothing: () => hpkeOpen(suite, privateKey, INFO, AAD, NONE),
      'the other suite': () =>
        hpkeOpen(suite === 'x25519' ? 'xwing' : 'x25519', privateKey, INFO, AAD, sealed),
      'a private key of another length': () => hpkeOpen(suite, systemRandom(31), INFO, AAD, sealed),
    };
    for (const [what, attempt] of Object.entries(attempts)) t.throws(attempt, { code: 'open_failed' }, what);
    t.is(toHex(hpkeOpen(suite, privateKey, INFO, AAD, sealed)), toHex(PLAINTEXT));
  });

  test(`${suite}: a public key that is refused on entry is not sealed to`, (t) => {
    const publicKey = publicOf(suite, systemRandom(32));
    publicKey.fill(0, -32);
    const seal = (key: Uint8Array) => hpkeSeal(suite, key, INFO, AAD, PLAINTEXT, systemRandom);
    t.throws(() => seal(publicKey), { code: 'key_invalid' });
    t.throws(() => seal(publicKey.subarray(1)), { code: 'key_invalid' });
  });
}

test('another public key beside the scalar does not open', (t) => {
  const scalar = systemRandom(32);
  const sealed = hpkeSeal('x25519', x25519Public(scalar), INFO, AAD, PLAINTEXT, systemRandom);
  for (const wrong of [x25519Public(systemRandom(32)), new Uint8Array(31)]) {
    t.throws(() => hpkeOpen('x25519', scalar, INFO, AAD, sealed, wrong), { code: 'open_failed' });
  }
});

const INFO = new TextEncoder().encode('info');
const AAD = new TextEncoder().encode('associated data');
const PLAINTEXT = new TextEncoder().encode('a notification');

interface Oracle {
  seal(publicKey: Uint8Array, info: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Promise<Uint8Array>;
  open(privateKey: Uint8Array, info: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Promise<Uint8Array>;
}

/** The same suite from another implementation, its AEAD from OpenSSL. */
function createOracle(suite: Suite): Oracle {
  const kem = suite === 'x25519' ? new DhkemX25519HkdfSha256() : new XWing();
  const hpke = new CipherSuite({ kem, kdf: new HkdfSha256(), aead: opensslChacha });
  return {
    async seal(publicKey, info, aad, plaintext) {
      const recipientPublicKey = await hpke.kem.deserializePublicKey(publicKey);
      const { enc, ct } = await hpke.seal({ recipientPublicKey, info }, plaintext, aad);
      return Buffer.concat([new Uint8Array(enc), new Uint8Array(ct)]);
    },
    async open(privateKey, info, aad, sealed) {
      const recipientKey = await hpke.kem.deserializePrivateKey(privateKey);
      const [enc, ct] = [sealed.slice(0, hpke.kem.encSize), sealed.slice(hpke.kem.encSize)];
      return new Uint8Array(await hpke.open({ recipientKey, enc, info }, ct, aad));
    },
  };
}

const opensslChacha: AeadInterface = {
  id: 3,
  keySize: 32,
  nonceSize: 12,
  tagSize: 16,
  createEncryptionContext(key) {
    return {
      async seal(iv, data, aad) {
        const cipher = createCipheriv('chacha20-poly1305', view(key), view(iv), { authTagLength: 16 });
        cipher.setAAD(view(aad), { plaintextLength: data.byteLength });
        return arrayBuffer(Buffer.concat([cipher.update(view(data)), cipher.final(), cipher.getAuthTag()]));
      },
      async open(iv, data, aad) {
        const sealed = view(data);
        const decipher = createDecipheriv('chacha20-poly1305', view(key), view(iv), { authTagLength: 16 });
        decipher.setAAD(view(aad), { plaintextLength: sealed.length - 16 });
        decipher.setAuthTag(sealed.subarray(-16));
        return arrayBuffer(Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]));
      },
    };
  },
};

function view(data: ArrayBufferLike | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

function arrayBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

test('a shared secret that was made before serves one seal, which opens as any other', (t) => {
  const seed = systemRandom(32);
  const prepared = encapsulateWith(systemRandom)(xwingPublic(seed));
  const sealed = hpkeSealPrepared(prepared, INFO, AAD, PLAINTEXT);
  t.deepEqual(hpkeOpen('xwing', seed, INFO, AAD, sealed), PLAINTEXT);
  t.throws(() => hpkeSealPrepared(prepared, INFO, AAD, PLAINTEXT), { code: 'internal' });
});
