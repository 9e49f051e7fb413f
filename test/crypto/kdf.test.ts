import { createHash, createHmac, hkdfSync } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import {
  concat,
  createSha256,
  hkdf,
  hkdfExpand,
  hkdfExtract,
  hmacSha256,
  sha256,
} from '../../src/crypto/kdf.ts';
import { fromHex, toHex } from './bytes.ts';

// Long enough to reach every path: the small hash, the joined parts, the incremental hash.
const parts = fc.array(
  fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ minLength: 3000, maxLength: 6000 })),
  { maxLength: 4 },
);

test('sha256 and createSha256 hash the parts one after another', (t) => {
  fc.assert(
    fc.property(parts, (list) => {
      const expected = createHash('sha256').update(Buffer.concat(list)).digest('hex');
      const state = createSha256();
      for (const part of list) state.update(part);
      return toHex(sha256(...list)) === expected && toHex(state.digest()) === expected;
    }),
  );
  t.is(toHex(sha256()), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
});

test('hmacSha256 agrees with another implementation for keys below, at and above the block', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 140 }), parts, (key, list) => {
      const expected = createHmac('sha256', key).update(Buffer.concat(list)).digest('hex');
      return toHex(hmacSha256(key, ...list)) === expected;
    }),
    {
      examples: [
        [new Uint8Array(64), []],
        [new Uint8Array(65), []],
      ],
    },
  );
  // RFC 4231 test case 2
  const mac = hmacSha256(bytes('Jefe'), bytes('what do ya want '), bytes('for nothing?'));
  t.is(toHex(mac), '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843');
});

test('hkdf is HKDF-SHA256 with an empty salt, at every length', (t) => {
  const input = fc.tuple(fc.uint8Array({ maxLength: 80 }), fc.uint8Array({ maxLength: 200 }));
  fc.assert(
    fc.property(input, fc.integer({ min: 1, max: 200 }), ([ikm, info], length) => {
      const expected = toHex(new Uint8Array(hkdfSync('sha256', ikm, new Uint8Array(0), info, length)));
      return toHex(hkdf(ikm, info, length)) === expected;
    }),
  );
  t.is(hkdf(bytes('ikm'), bytes('info')).length, 32);
});

test('the halves of hkdf compose, with a salt as well', (t) => {
  // RFC 5869 test case 1
  const prk = hkdfExtract(fromHex('000102030405060708090a0b0c'), fromHex('0b'.repeat(22)));
  t.is(toHex(prk), '077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5');
  t.is(
    toHex(hkdfExpand(prk, fromHex('f0f1f2f3f4f5f6f7f8f9'), 42)),
    '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  );
});

test('more output than HKDF can give is refused', (t) => {
  t.is(hkdf(bytes('ikm'), bytes('info'), 255 * 32).length, 8160);
  t.throws(() => hkdf(bytes('ikm'), bytes('info'), 255 * 32 + 1), { code: 'internal' });
});

test('concat joins, and the arguments stay as they were', (t) => {
  const a = Uint8Array.of(1, 2);
  t.deepEqual(concat(a, new Uint8Array(0), Uint8Array.of(3)), Uint8Array.of(1, 2, 3));
  hmacSha256(a, a);
  t.deepEqual(a, Uint8Array.of(1, 2));
});

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
