/** Ways to spoil bytes, for fuzz tests. */
import fc, { type Arbitrary } from 'fast-check';

type Mutation = (bytes: Uint8Array) => Uint8Array;

const at = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const some = fc.uint8Array({ minLength: 1, maxLength: 12 });
/** Heads of items, the huge ones among them. */
const head = fc
  .constantFrom(
    '5a7fffffff',
    '7a7fffffff',
    '9a7fffffff',
    'ba7fffffff',
    '9b001fffffffffffff',
    '20',
    'f6',
    'c0',
    '5f',
    'ff',
  )
  .map((hex) => new Uint8Array(Buffer.from(hex, 'hex')));

const mutation: Arbitrary<Mutation> = fc.oneof(
  fc.tuple(at, fc.integer({ min: 0, max: 7 })).map(([where, bit]): Mutation => (bytes) => {
    const flipped = bytes.slice();
    const index = Math.floor(where * bytes.length);
    if (index < flipped.length) flipped[index] = (flipped[index] ?? 0) ^ (1 << bit);
    return flipped;
  }),
  at.map(
    (where): Mutation =>
      (bytes) =>
        bytes.slice(0, Math.floor(where * bytes.length)),
  ),
  fc.tuple(at, fc.oneof(some, head)).map(([where, inserted]): Mutation => (bytes) => {
    const index = Math.floor(where * (bytes.length + 1));
    return splice(bytes, index, index, inserted);
  }),
  fc.tuple(at, fc.oneof(some, head)).map(([where, written]): Mutation => (bytes) => {
    const index = Math.floor(where * bytes.length);
    return splice(bytes, index, index + written.length, written);
  }),
  fc.tuple(at, fc.integer({ min: 1, max: 9 })).map(([where, count]): Mutation => (bytes) => {
    const index = Math.floor(where * bytes.length);
    return splice(bytes, index, index + count, new Uint8Array(0));
  }),
);

function splice(bytes: Uint8Array, from: number, to: number, inserted: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat([bytes.subarray(0, from), inserted, bytes.subarray(to)]));
}

/** One to three mutations of the bytes. */
export const mutated = (bytes: Arbitrary<Uint8Array>): Arbitrary<Uint8Array> =>
  fc
    .tuple(bytes, fc.array(mutation, { minLength: 1, maxLength: 3 }))
    .map(([valid, mutations]) => mutations.reduce((spoilt, mutate) => mutate(spoilt), valid));
