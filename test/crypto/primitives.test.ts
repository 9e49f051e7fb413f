import test from 'ava';
import fc from 'fast-check';
import * as browser from '../../src/crypto/primitives-browser.ts';
import * as node from '../../src/crypto/primitives-node.ts';
import type { Primitives } from '../../src/crypto/primitives.ts';
import { fromHex, toHex } from './bytes.ts';

type Name = keyof Primitives;
// Checked by the compiler: both modules are complete.
const both: readonly [Primitives, Primitives] = [node, browser];
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const any = fc.uint8Array({ maxLength: 600 });

/** What each function is compared by; the compiler sees that none is missing. */
const agreements: Record<Name, () => void | Promise<void>> = {
  randomBytes: () => {
    for (const { randomBytes } of both) {
      for (const length of [0, 1, 32, 70_000]) if (randomBytes(length).length !== length) throw new Error();
      if (toHex(randomBytes(32)) === toHex(randomBytes(32))) throw new Error('not random');
    }
  },
  uninitialised: () => {
    for (const { uninitialised } of both) if (uninitialised(100_000).length !== 100_000) throw new Error();
  },
  equalBytes: () =>
    check(fc.tuple(bytes(8), bytes(8), fc.boolean()), (p, [a, b, same]) =>
      p.equalBytes(a, same ? a.slice() : b),
    ),
  sha256: () => check(any, (p, data) => p.sha256(data)),
  sha256Into: () =>
    check(any, (p, data) => {
      const out = new Uint8Array(40);
      p.sha256Into(data, out, 5);
      return out;
    }),
  createSha256: () =>
    check(fc.array(any, { maxLength: 5 }), (p, parts) => {
      const state = p.createSha256();
      let before = state.soFar();
      for (const part of parts) {
        state.update(before);
        state.update(part);
        before = state.soFar();
      }
      return state.digest();
    }),
  hmacSha512: () => check(fc.tuple(any, any), (p, [key, data]) => p.hmacSha512(key, data)),
  shake256: () =>
    check(fc.tuple(any, fc.integer({ min: 1, max: 300 })), (p, [data, length]) => p.shake256(data, length)),
  sha3: () => check(any, (p, data) => p.sha3(data)),
  x25519: () => check(fc.tuple(bytes(32), bytes(32)), (p, [scalar, point]) => p.x25519(scalar, point)),
  x25519Base: () => check(bytes(32), (p, scalar) => p.x25519Base(scalar)),
  ed25519Public: () => check(bytes(32), (p, seed) => p.ed25519Public(seed)),
  ed25519Sign: () => check(fc.tuple(bytes(32), any), (p, [seed, message]) => p.ed25519Sign(seed, message)),
  ed25519Verify: () =>
    check(fc.tuple(bytes(32), any, fc.integer({ min: 0, max: 96 * 8 })), (p, [seed, message, flip]) => {
      const keyAndSignature = new Uint8Array(97);
      keyAndSignature.set(node.ed25519Public(seed));
      keyAndSignature.set(node.ed25519Sign(seed, message), 32);
      keyAndSignature[flip >> 3]! ^= 1 << (flip & 7);
      return p.ed25519Verify(keyAndSignature.subarray(0, 32), message, keyAndSignature.subarray(32, 96));
    }),
  ed25519IsPublic: () => check(bytes(32), (p, key) => p.ed25519IsPublic(key)),
  chachaSeal: () => checkAead('chachaSeal', 'chachaOpen', 12),
  chachaOpen: () => checkAead('chachaSeal', 'chachaOpen', 12),
  xchachaSeal: () => checkAead('xchachaSeal', 'xchachaOpen', 24),
  xchachaOpen: () => checkAead('xchachaSeal', 'xchachaOpen', 24),
  createAes256Gcm: () =>
    check(fc.tuple(bytes(32), bytes(12), any, fc.nat()), (p, [key, nonce, plaintext, at]) => {
      const out = new Uint8Array(plaintext.length + 16 + 3);
      p.createAes256Gcm(key).sealInto(nonce, plaintext, out, 3);
      const opened = new Uint8Array(plaintext.length + 2);
      const ok = p.createAes256Gcm(key).openInto(nonce, out.subarray(3), opened, 2);
      const forged = out.slice(3);
      forged[at % forged.length]! ^= 0x40;
      const untouched = new Uint8Array(plaintext.length);
      const bad = p.createAes256Gcm(key).openInto(nonce, forged, untouched, 0);
      const short = p.createAes256Gcm(key).openInto(nonce, out.subarray(3, 18), untouched, 0);
      if (!ok || bad || short || untouched.some((byte) => byte !== 0)) throw new Error();
      if (toHex(opened.subarray(2)) !== toHex(plaintext)) throw new Error();
      return out;
    }),
  argon2id: async () => {
    const given = [
      Uint8Array.of(1, 2, 3),
      new Uint8Array(16).fill(4),
      { memory: 64, passes: 3 },
      32,
    ] as const;
    const [first, second] = await Promise.all(both.map(({ argon2id }) => argon2id(...given)));
    same(first, second);
    same(first?.length, 32);
  },
  mlkemPublic: () => check(bytes(64), (p, seed) => p.mlkemPublic(seed), 20),
  mlkemEncapsulate: () => {
    const seed = node.randomBytes(64);
    for (const sender of both) {
      const { sharedSecret, ciphertext } = sender.mlkemEncapsulate(node.mlkemPublic(seed));
      for (const receiver of both) same(receiver.mlkemDecapsulate(seed, ciphertext), sharedSecret);
    }
  },
  mlkemEncapsulateWith: () =>
    check(
      fc.tuple(bytes(64), bytes(32)),
      (p, [seed, m]) => {
        const { sharedSecret, ciphertext } = p.mlkemEncapsulateWith(node.mlkemPublic(seed), m);
        return Buffer.concat([sharedSecret, ciphertext]);
      },
      20,
    ),
  // Random ciphertexts: the implicit rejection must agree as well.
  mlkemDecapsulate: () =>
    check(fc.tuple(bytes(64), bytes(1088)), (p, [seed, sealed]) => p.mlkemDecapsulate(seed, sealed), 20),
};

for (const name of Object.keys(agreements) as Name[]) {
  test(`both sets of primitives agree on ${name}`, async (t) => {
    await t.notThrowsAsync(async () => await agreements[name]());
  });
}

test('libsodium and the browser agree on signatures and keys with components of small order', (t) => {
  // Each line: key, R and S were made so that the equation holds up to a point of small order.
  t.is(tampered.length, 6);
  for (const [key, signature, accepted, isPublic] of tampered) {
    for (const { ed25519Verify, ed25519IsPublic } of both) {
      t.is(ed25519Verify(fromHex(key), MESSAGE, fromHex(signature)), accepted);
      t.is(ed25519IsPublic(fromHex(key)), isPublic);
    }
  }
});

test('both give no X25519 secret for a point of small order', (t) => {
  for (const point of ['00'.repeat(32), `01${'00'.repeat(31)}`, `ec${'ff'.repeat(30)}7f`]) {
    for (const { x25519 } of both) t.is(x25519(new Uint8Array(32).fill(7), fromHex(point)), undefined);
  }
});

/** Runs `f` on both sets of primitives over the same inputs and compares. */
function check<T>(input: fc.Arbitrary<T>, f: (p: Primitives, value: T) => unknown, runs = 60): void {
  const property = fc.property(input, (value) => {
    same(f(node, value), f(browser, value));
  });
  fc.assert(property, { numRuns: runs });
}

function checkAead(
  seal: 'chachaSeal' | 'xchachaSeal',
  open: 'chachaOpen' | 'xchachaOpen',
  nonceLength: number,
): void {
  const input = fc.tuple(bytes(32), bytes(nonceLength), any, any, fc.nat());
  check(input, (p, [key, nonce, aad, plaintext, at]) => {
    const sealed = p[seal](key, nonce, aad, plaintext);
    same(p[open](key, nonce, aad, sealed), plaintext);
    const forged = sealed.slice();
    forged[at % forged.length]! ^= 1;
    same(p[open](key, nonce, aad, forged), undefined);
    same(p[open](key, nonce, aad, sealed.subarray(0, 15)), undefined);
    return sealed;
  });
}

function same(a: unknown, b: unknown): void {
  const [left, right] = [a, b].map((x) => (x instanceof Uint8Array ? toHex(x) : String(x)));
  if (left !== right) throw new Error(`differ: ${left} and ${right}`);
}

const MESSAGE = new TextEncoder().encode('components of small order');

/** Key, signature, whether it is accepted, whether the key is. */
const tampered: readonly (readonly [string, string, boolean, boolean])[] = [
  // an ordinary signature
  [
    '1337036ac32d8f30d4589c3c1c595812ce0fff40e37c6f5a97ab213f318290ad',
    '801f40eaaee1ef8723279a28b2cf4037b889dad222604678748b53ed0db0db9231ce6b63fc7f58f7ce0811cd66109f623466aad65ffb7c073a01503190fa5a0c',
    true,
    true,
  ],
  // the key has a component of order 8, which the challenge happens to cancel
  [
    'ef29dac985bb0c8d7f4882156689d18e85896d1c40274e4922714b4a60a9f4fd',
    '245f97b8446a5aa8e5ce5d536665cecdb3d2e0523fc04a7c4296de2c47c9bf0613fe0a0b658e8205e4763b8169d4e46705f807642af78500d9bb4b3ea9698f08',
    true,
    false,
  ],
  // the same, not cancelled: a verifier that multiplies by the cofactor would accept it
  [
    'c891dd2fc0ca87a7460193895e046a914c11b66fdffa8e6b7c3ba83138499c70',
    '801f40eaaee1ef8723279a28b2cf4037b889dad222604678748b53ed0db0db92b7f917cbed4d556c357256715ccc071d16fef90a57a55ad8bd4e04695247c404',
    false,
    false,
  ],
  // R has a component of order 8
  [
    '1337036ac32d8f30d4589c3c1c595812ce0fff40e37c6f5a97ab213f318290ad',
    'e8a51d283faf217fe3721ba4d0ee3596cdfeec80a34f0d3007c07fd2fe85a3d322a2ebb53791ceb93924c2fa902090475c9d94a4cc3ec786660e733c4b82e50e',
    false,
    true,
  ],
  // R is of order 8
  [
    'edc876d6831fd2105d0b4389ca2e283166469289146e2ce06faefe98b22548df',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a230b777546d2c319b5212153d4d37bcf9e400a4817dfec1e103c1db4d47b640a',
    false,
    true,
  ],
  // the key is the identity: the equation holds for every message
  [
    '0100000000000000000000000000000000000000000000000000000000000000',
    '801f40eaaee1ef8723279a28b2cf4037b889dad222604678748b53ed0db0db920d00000000000000000000000000000000000000000000000000000000000000',
    false,
    false,
  ],
];
