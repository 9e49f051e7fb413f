import test from 'ava';
import fc from 'fast-check';
import { XWing } from '@hpke/hybridkem-x-wing';
import { systemRandom } from '../../src/crypto/random.ts';
import {
  assertXwingPublic,
  xwingDecapsulate,
  xwingEncapsulate,
  xwingPublic,
} from '../../src/crypto/xwing.ts';
import { fromHex, toHex } from './bytes.ts';
import { readExternal } from './external.ts';

interface Vector {
  seed: string;
  eseed: string;
  ss: string;
  sk: string;
  pk: string;
  ct: string;
}

const vectors = readExternal('xwing.json') as Vector[];

test('the draft’s vectors, all three', (t) => {
  t.is(vectors.length, 3);
  for (const { seed, eseed, ss, sk, pk, ct } of vectors) {
    t.is(sk, seed);
    t.is(toHex(xwingPublic(fromHex(seed))), pk);
    const { sharedSecret, enc } = xwingEncapsulate(fromHex(pk), () => fromHex(eseed));
    t.is(toHex(sharedSecret), ss);
    t.is(toHex(enc), ct);
    t.is(toHex(xwingDecapsulate(fromHex(seed), fromHex(ct))), ss);
  }
});

test('another implementation agrees in both directions, with both sources of randomness', async (t) => {
  const oracle = new XWing();
  const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const eseeds = fc.uint8Array({ minLength: 64, maxLength: 64 });
  const property = fc.asyncProperty(seeds, eseeds, async (seed, eseed) => {
    const publicKey = xwingPublic(seed);
    const recipientPublicKey = await oracle.deserializePublicKey(publicKey);
    const recipientKey = await oracle.deserializePrivateKey(seed);
    for (const random of [systemRandom, () => eseed]) {
      const { sharedSecret, enc } = xwingEncapsulate(publicKey, random);
      const theirs = await oracle.decap({ recipientKey, enc });
      t.is(toHex(new Uint8Array(theirs)), toHex(sharedSecret));
      t.is(toHex(xwingDecapsulate(seed, enc)), toHex(sharedSecret));
    }
    const theirs = await oracle.encap({ recipientPublicKey });
    const ours = xwingDecapsulate(seed, new Uint8Array(theirs.enc));
    t.is(toHex(ours), toHex(new Uint8Array(theirs.sharedSecret)));
  });
  await fc.assert(property, { numRuns: 10 });
});

test('a changed ML-KEM ciphertext gives another secret, without an error', (t) => {
  const seed = systemRandom(32);
  const { sharedSecret, enc } = xwingEncapsulate(xwingPublic(seed), systemRandom);
  enc[5]! ^= 1;
  t.not(toHex(xwingDecapsulate(seed, enc)), toHex(sharedSecret));
});

test('public keys that are not canonical are refused', (t) => {
  const publicKey = xwingPublic(systemRandom(32));
  t.notThrows(() => assertXwingPublic(publicKey));
  const refused: Record<string, Uint8Array> = {
    'the first coefficient is 3329': withCoefficient(publicKey, 0, 3329),
    'the second coefficient is 3329': withCoefficient(publicKey, 1, 3329),
    'the last coefficient is 4095': withCoefficient(publicKey, 767, 4095),
    'the X25519 part is of small order': publicKey.slice().fill(0, 1184),
    'the X25519 part is not canonical': publicKey.slice().fill(0xff, 1184),
    'a byte too few': publicKey.subarray(1),
    'a byte too many': Uint8Array.of(...publicKey, 0),
  };
  for (const [what, key] of Object.entries(refused)) {
    t.throws(() => assertXwingPublic(key), { code: 'key_invalid' }, what);
    for (const random of [systemRandom, (length: number) => new Uint8Array(length)]) {
      t.throws(() => xwingEncapsulate(key, random), { code: 'key_invalid' }, what);
    }
  }
  for (const index of [0, 1, 767]) {
    t.notThrows(() => xwingEncapsulate(withCoefficient(publicKey, index, 3328), systemRandom));
  }
});

test('seeds and encapsulations of another length, and X25519 parts of small order, are refused', (t) => {
  const seed = systemRandom(32);
  const { enc } = xwingEncapsulate(xwingPublic(seed), systemRandom);
  t.throws(() => xwingPublic(new Uint8Array(31)), { code: 'key_invalid' });
  t.throws(() => xwingDecapsulate(new Uint8Array(33), enc), { code: 'key_invalid' });
  t.throws(() => xwingDecapsulate(seed, enc.subarray(1)), { code: 'key_invalid' });
  t.throws(() => xwingDecapsulate(seed, enc.slice().fill(0, 1088)), { code: 'key_invalid' });
});

/** The key with one of its 768 coefficients of 12 bits replaced. */
function withCoefficient(key: Uint8Array, index: number, value: number): Uint8Array {
  const copy = key.slice();
  const at = Math.floor(index / 2) * 3;
  if (index % 2 === 0) {
    copy[at] = value & 0xff;
    copy[at + 1] = (copy[at + 1]! & 0xf0) | (value >> 8);
  } else {
    copy[at + 1] = (copy[at + 1]! & 0x0f) | ((value & 0x0f) << 4);
    copy[at + 2] = value >> 4;
  }
  return copy;
}
