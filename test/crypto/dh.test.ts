import test from 'ava';
import fc from 'fast-check';
import { assertX25519Public, x25519, x25519Public } from '../../src/crypto/dh.ts';
import { fromHex, toHex } from './bytes.ts';

const scalar = fc.uint8Array({ minLength: 32, maxLength: 32 });

test('x25519 gives the values of RFC 7748 section 6.1', (t) => {
  const a = fromHex(ALICE);
  const b = fromHex(BOB);
  t.is(toHex(x25519Public(a)), '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a');
  t.is(toHex(x25519Public(b)), 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f');
  const shared = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742';
  t.is(toHex(x25519(a, x25519Public(b))), shared);
  t.is(toHex(x25519(b, x25519Public(a))), shared);
});

test('both sides derive the same secret', (t) => {
  fc.assert(
    fc.property(scalar, scalar, (a, b) => {
      assertX25519Public(x25519Public(a));
      return toHex(x25519(a, x25519Public(b))) === toHex(x25519(b, x25519Public(a)));
    }),
  );
  t.pass();
});

const refused: Record<string, string> = {
  'of small order (0)': '00'.repeat(32),
  'of small order (1)': `01${'00'.repeat(31)}`,
  'of small order (order 8, one)': 'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  'of small order (order 8, two)': '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'of small order (p - 1)': `ec${'ff'.repeat(30)}7f`,
  'not canonical (p)': `ed${'ff'.repeat(30)}7f`,
  'not canonical (p + 1)': `ee${'ff'.repeat(30)}7f`,
  'not canonical (2^255 - 1)': `${'ff'.repeat(31)}7f`,
  'not canonical (the base point with the top bit set)': `09${'00'.repeat(30)}80`,
  'too short': '09'.repeat(31),
  'too long': '09'.repeat(33),
};

for (const [what, hex] of Object.entries(refused)) {
  test(`a public key ${what} is refused`, (t) => {
    t.throws(() => assertX25519Public(fromHex(hex)), { code: 'key_invalid' });
    t.throws(() => x25519(fromHex(ALICE), fromHex(hex)), { code: 'key_invalid' });
  });
}

test('the largest canonical points that are not of small order are accepted', (t) => {
  for (const hex of [`eb${'ff'.repeat(30)}7f`, `fffe${'ff'.repeat(29)}7f`, `${'ff'.repeat(31)}7e`]) {
    t.notThrows(() => assertX25519Public(fromHex(hex)));
    t.is(x25519(fromHex(ALICE), fromHex(hex)).length, 32);
  }
});

test('a scalar of another length is refused', (t) => {
  t.throws(() => x25519Public(new Uint8Array(31)), { code: 'key_invalid' });
  t.throws(() => x25519(new Uint8Array(33), fromHex(`09${'00'.repeat(31)}`)), { code: 'key_invalid' });
});

const ALICE = '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a';
const BOB = '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb';
