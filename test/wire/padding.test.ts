import test from 'ava';
import fc from 'fast-check';
import { codeOf } from '../../src/errors.ts';
import { floorLog2, pad, paddedCapacity, padmeLength, sizeClass, unpad } from '../../src/wire/padding.ts';
import { sizes } from '../../src/wire/registry.ts';
import { sameBytes } from '../support/bytes.ts';

const maxLength = 2 ** 52;
const lengths = fc.oneof(
  fc.integer({ min: 0, max: 20_000 }),
  fc.integer({ min: 0, max: maxLength }),
  fc
    .tuple(fc.integer({ min: 0, max: 51 }), fc.integer({ min: -2, max: 2 }))
    .map(([exponent, off]) => Math.max(0, 2 ** exponent + off)),
);

/** Padmé as its authors write it, with bit masks, on integers of any size. */
function padmeOf(length: bigint): bigint {
  const bits = (n: bigint): bigint => BigInt(n.toString(2).length);
  const exponent = bits(length) - 1n;
  const significant = bits(exponent);
  const mask = (1n << (exponent - significant)) - 1n;
  return (length + mask) & ~mask;
}

test('padmeLength agrees with its definition on whole numbers of any size', (t) => {
  fc.assert(
    fc.property(lengths, (length) => {
      const expected = length <= sizes.payloadFloor ? sizes.payloadFloor : Number(padmeOf(BigInt(length)));
      t.is(padmeLength(length, sizes.payloadFloor), expected);
    }),
    { numRuns: 2000 },
  );
});

test('padmeLength at every length of the first steps', (t) => {
  for (let length = 0; length <= 70_000; length++) {
    const expected = length <= 4096 ? 4096 : Number(padmeOf(BigInt(length)));
    if (padmeLength(length, 4096) !== expected) t.is(padmeLength(length, 4096), expected, String(length));
  }
  t.is(padmeLength(4096, 4096), 4096);
  t.is(padmeLength(4097, 4096), 4352);
  t.is(padmeLength(9 * 2 ** 20 + 1, 4096), 9_699_328);
});

test('padmeLength grows, never shrinks anything, stays put on its own results and wastes at most 12 %', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: sizes.payloadFloor, max: maxLength }), (length) => {
      const padded = padmeLength(length, sizes.payloadFloor);
      t.true(padded >= length && padded <= length * 1.12);
      t.is(padmeLength(padded, sizes.payloadFloor), padded);
      t.true(padmeLength(length + 1, sizes.payloadFloor) >= padded);
    }),
  );
});

test('floorLog2 is exact beside every power of two', (t) => {
  for (let exponent = 2; exponent <= 52; exponent++) {
    t.is(floorLog2(2 ** exponent), exponent);
    t.is(floorLog2(2 ** exponent - 1), exponent - 1);
    t.is(floorLog2(2 ** exponent + 1), exponent);
  }
  t.is(floorLog2(1), 0);
});

test('sizeClass is the smallest c with size <= 2^c', (t) => {
  fc.assert(
    fc.property(lengths, (size) => {
      const c = sizeClass(size);
      t.true(BigInt(size) <= 1n << BigInt(c));
      t.true(c === 0 || BigInt(size) > 1n << BigInt(c - 1));
    }),
    { numRuns: 2000 },
  );
  t.deepEqual([0, 1, 2, 3, 4, 5, 4096, 4097].map(sizeClass), [0, 0, 1, 2, 2, 3, 12, 13]);
});

test('what was padded is found again, and the plaintext has the size asked for', (t) => {
  const sized = fc
    .uint8Array({ maxLength: 300 })
    .chain((content) => fc.tuple(fc.constant(content), fc.integer({ min: content.length + 2, max: 400 })));
  fc.assert(
    fc.property(sized, ([content, size]) => {
      const padded = pad(content, size);
      t.is(padded.length, size);
      t.deepEqual(unpad(padded), content);
    }),
  );
});

test('a padded plaintext holds what its two bytes of length can say', (t) => {
  t.is(paddedCapacity(100), 98);
  t.is(paddedCapacity(70_000), 65_535);
  const full = new Uint8Array(65_535).fill(7);
  sameBytes(t, unpad(pad(full, 70_000)), full);
});

function codeFrom(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

test('cbor_too_large: content beyond the plaintext', (t) => {
  t.is(
    codeFrom(() => pad(new Uint8Array(9), 10)),
    'cbor_too_large',
  );
  t.is(
    codeFrom(() => pad(new Uint8Array(65_536), 70_000)),
    'cbor_too_large',
  );
});

const badPadding: readonly (readonly [string, readonly number[]])[] = [
  ['nothing', []],
  ['one byte', [0]],
  ['a length beyond the end', [0, 2, 1]],
  ['the greatest length', [255, 255, 0]],
  ['a byte behind the content that is not zero', [0, 1, 5, 0, 1]],
  ['a byte behind no content that is not zero', [0, 0, 1]],
];

for (const [what, padded] of badPadding) {
  test(`padding_invalid: ${what}`, (t) => {
    t.is(
      codeFrom(() => unpad(Uint8Array.from(padded))),
      'padding_invalid',
    );
  });
}

test('any change behind the content is found', (t) => {
  const content = new Uint8Array(5).fill(1);
  fc.assert(
    fc.property(fc.integer({ min: 7, max: 63 }), fc.integer({ min: 1, max: 255 }), (at, value) => {
      const padded = pad(content, 64);
      padded[at] = value;
      t.is(
        codeFrom(() => unpad(padded)),
        'padding_invalid',
      );
    }),
  );
});
