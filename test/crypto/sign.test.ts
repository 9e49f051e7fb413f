import test from 'ava';
import fc from 'fast-check';
import { ed25519 } from '@noble/curves/ed25519.js';
import { assertEd25519Public, ed25519Public, ed25519Sign, ed25519Verify } from '../../src/crypto/sign.ts';
import { fromHex, toHex } from './bytes.ts';

const seed32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

test('ed25519 gives the values of RFC 8032 section 7.1, test 2', (t) => {
  const seed = fromHex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb');
  t.is(toHex(ed25519Public(seed)), '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c');
  t.is(
    toHex(ed25519Sign(seed, Uint8Array.of(0x72))),
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  );
});

test('signatures hold in both directions with another implementation; a changed bit breaks them', (t) => {
  fc.assert(
    fc.property(seed32, fc.uint8Array({ maxLength: 300 }), fc.nat(511), (seed, message, flip) => {
      const publicKey = ed25519Public(seed);
      const signature = ed25519Sign(seed, message);
      assertEd25519Public(publicKey);
      const forged = signature.slice();
      forged[flip >> 3]! ^= 1 << (flip & 7);
      return (
        ed25519.verify(signature, message, publicKey) &&
        ed25519Verify(publicKey, message, ed25519.sign(message, seed)) &&
        !ed25519Verify(publicKey, message, forged)
      );
    }),
    { numRuns: 40 },
  );
  t.pass();
});

test('keys and signatures of another length do not verify', (t) => {
  const seed = new Uint8Array(32).fill(1);
  const [key, signature] = [ed25519Public(seed), ed25519Sign(seed, MESSAGE)];
  t.true(ed25519Verify(key, MESSAGE, signature));
  t.false(ed25519Verify(key.subarray(1), MESSAGE, signature));
  t.false(ed25519Verify(key, MESSAGE, signature.subarray(1)));
  t.false(ed25519Verify(key, MESSAGE, Uint8Array.of(...signature, 0)));
  t.throws(() => ed25519Sign(new Uint8Array(64), MESSAGE), { code: 'key_invalid' });
  t.throws(() => ed25519Public(new Uint8Array(31)), { code: 'key_invalid' });
});

const refused: Record<string, string> = {
  'the identity': `01${'00'.repeat(31)}`,
  'of order 2': `ec${'ff'.repeat(30)}7f`,
  'of order 4': '00'.repeat(32),
  'of order 4, with the other sign': `${'00'.repeat(31)}80`,
  'of order 8': '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'not canonical (y = p)': `ed${'ff'.repeat(30)}7f`,
  'not canonical (y = p + 3)': `f0${'ff'.repeat(30)}7f`,
  'not canonical (the identity with a sign)': `01${'00'.repeat(30)}80`,
  'not on the curve': `02${'00'.repeat(31)}`,
  'with a component of order 8': 'c891dd2fc0ca87a7460193895e046a914c11b66fdffa8e6b7c3ba83138499c70',
  'too short': '3d'.repeat(31),
};

for (const [what, hex] of Object.entries(refused)) {
  test(`a public key ${what} is refused`, (t) => {
    t.throws(() => assertEd25519Public(fromHex(hex)), { code: 'key_invalid' });
  });
}

const MESSAGE = new TextEncoder().encode('message');
