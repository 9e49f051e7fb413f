import { readFileSync } from 'node:fs';
import test from 'ava';
import { Decoder, Encoder } from 'cbor-x';
import { decode as cborgDecode, encode as cborgEncode } from 'cborg';
import fc from 'fast-check';
import { codeOf, type ErrorCode } from '../../src/errors.ts';
import {
  compareLabels,
  createInput,
  createOutput,
  enterArray,
  enterMap,
  expectAscending,
  expectEnd,
  finish,
  leave,
  readBool,
  readBytes,
  readLabel,
  readText,
  readUint,
  skip,
  writeArrayHead,
  writeBool,
  writeBytes,
  writeLabel,
  writeMapHead,
  writeText,
  writeUint,
  type Input,
  type Output,
} from '../../src/wire/cbor.ts';
import { fromHex, toHex } from '../crypto/bytes.ts';

/** Any value of the subset; maps are Maps, because keys may be of any type. */
type Item = number | boolean | string | Uint8Array | readonly Item[] | ReadonlyMap<Item, Item>;

function read(input: Input): Item {
  const initial = input.bytes[input.at] ?? 0;
  const length = Number.MAX_SAFE_INTEGER;
  if (initial >> 5 <= 1) return readLabel(input);
  if (initial >> 5 === 2) return readBytes(input, 0, length);
  if (initial >> 5 === 3) return readText(input, 0, length);
  if (initial >> 5 === 4) {
    const items: Item[] = [];
    for (let rest = enterArray(input, 0, length); rest > 0; rest--) items.push(read(input));
    leave(input);
    return items;
  }
  if (initial >> 5 === 5) return readMap(input);
  return readBool(input);
}

function readMap(input: Input): ReadonlyMap<Item, Item> {
  const map = new Map<Item, Item>();
  let [keyStart, keyEnd] = [0, 0];
  for (let rest = enterMap(input, Number.MAX_SAFE_INTEGER); rest > 0; rest--) {
    const start = input.at;
    const key = read(input);
    expectAscending(input, keyStart, keyEnd, start, input.at);
    [keyStart, keyEnd] = [start, input.at];
    map.set(key, read(input));
  }
  leave(input);
  return map;
}

function decodeItem(bytes: Uint8Array): Item {
  const input = createInput(bytes);
  const item = read(input);
  expectEnd(input);
  return item;
}

function write(output: Output, item: Item): void {
  if (typeof item === 'number') writeLabel(output, item);
  else if (typeof item === 'boolean') writeBool(output, item);
  else if (typeof item === 'string') writeText(output, item);
  else if (item instanceof Uint8Array) writeBytes(output, item);
  else if (item instanceof Map) {
    writeMapHead(output, item.size);
    for (const [key, value] of sorted(item)) {
      write(output, key);
      write(output, value);
    }
  } else {
    const items = item as readonly Item[];
    writeArrayHead(output, items.length);
    for (const each of items) write(output, each);
  }
}

function sorted(map: ReadonlyMap<Item, Item>): readonly (readonly [Item, Item])[] {
  return [...map].sort(([a], [b]) => Buffer.compare(encodeItem(a), encodeItem(b)));
}

function encodeItem(item: Item): Uint8Array {
  const output = createOutput(1);
  write(output, item);
  return finish(output);
}

function refusal(action: () => unknown): ErrorCode | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

/** The codes of reading and of skipping: an unknown field is checked as strictly as a known one. */
function refusals(bytes: Uint8Array): readonly (ErrorCode | undefined)[] {
  const skipping = (): void => {
    const input = createInput(bytes);
    skip(input);
    expectEnd(input);
  };
  return [refusal(() => decodeItem(bytes)), refusal(skipping)];
}

const nested = (levels: number): string => '81'.repeat(levels) + '00';

const rejections: readonly (readonly [ErrorCode, string, string])[] = [
  ['cbor_truncated', 'nothing at all', ''],
  ['cbor_truncated', 'a length without its bytes', '18'],
  ['cbor_truncated', 'a length of eight bytes cut short', '1b00000000000000'],
  ['cbor_truncated', 'a byte string that ends early', '4401'],
  ['cbor_truncated', 'a text that ends early', '6261'],
  ['cbor_truncated', 'an array that ends early', '8201'],
  ['cbor_truncated', 'a map without its last value', 'a101'],
  ['cbor_trailing', 'a second item', '0000'],
  ['cbor_not_shortest', 'an integer below 24 in two bytes', '1817'],
  ['cbor_not_shortest', 'an integer below 256 in three', '1900ff'],
  ['cbor_not_shortest', 'an integer below 65536 in five', '1a0000ffff'],
  ['cbor_not_shortest', 'an integer below 2^32 in nine', '1b00000000ffffffff'],
  ['cbor_not_shortest', 'a negative integer', '3800'],
  ['cbor_not_shortest', 'the length of a byte string', '580100'],
  ['cbor_not_shortest', 'the length of a text', '780161'],
  ['cbor_not_shortest', 'the count of an array', '980100'],
  ['cbor_not_shortest', 'the count of a map', 'b8010000'],
  ['cbor_unsorted', 'integer keys falling', 'a202000100'],
  ['cbor_unsorted', 'a negative key before a positive one', 'a220000100'],
  ['cbor_unsorted', 'text keys: the shorter comes first', 'a262616100616200'],
  ['cbor_duplicate_key', 'the same key twice', 'a201000101'],
  ['cbor_indefinite', 'a byte string', '5f4100ff'],
  ['cbor_indefinite', 'a text', '7f6161ff'],
  ['cbor_indefinite', 'an array', '9fff'],
  ['cbor_indefinite', 'a map', 'bfff'],
  ['cbor_indefinite', 'a break alone', 'ff'],
  ['cbor_tag', 'a tag', 'c000'],
  ['cbor_tag', 'a bignum', 'c249010000000000000000'],
  ['cbor_float', 'half', 'f90000'],
  ['cbor_float', 'single', 'fa00000000'],
  ['cbor_float', 'double', 'fb0000000000000000'],
  ['cbor_simple', 'null', 'f6'],
  ['cbor_simple', 'undefined', 'f7'],
  ['cbor_simple', 'simple(16)', 'f0'],
  ['cbor_simple', 'false in two bytes', 'f814'],
  ['cbor_utf8', 'a byte that never occurs', '61ff'],
  ['cbor_utf8', 'an overlong form', '62c080'],
  ['cbor_utf8', 'a surrogate', '63eda080'],
  ['cbor_utf8', 'a character cut short', '61c3'],
  ['cbor_type', 'a reserved length of an integer', '1c'],
  ['cbor_type', 'a reserved length of a negative integer', '3d'],
  ['cbor_type', 'an integer of indefinite length', '1f'],
  ['cbor_type', 'a negative integer of indefinite length', '3f'],
  ['cbor_range', '2^53', '1b0020000000000000'],
  ['cbor_range', '2^64 - 1', '1bffffffffffffffff'],
  ['cbor_range', '-2^53', '3b001fffffffffffff'],
  ['cbor_range', 'a length beyond 2^53', '5bffffffffffffffff'],
  ['cbor_too_deep', '17 levels', nested(17)],
];

for (const [code, what, hex] of rejections) {
  test(`${code}: ${what}`, (t) => {
    t.deepEqual(refusals(fromHex(hex)), [code, code]);
  });
}

test('16 levels are read', (t) => {
  t.deepEqual(refusals(fromHex(nested(16))), [undefined, undefined]);
});

const typed: readonly (readonly [ErrorCode, string, (input: Input) => unknown, string])[] = [
  ['cbor_type', 'a text where an integer is expected', (input) => readUint(input, 9), '6161'],
  ['cbor_type', 'a negative integer where an unsigned one is', (input) => readUint(input, 9), '20'],
  ['cbor_type', 'bytes where a label is', readLabel, '4100'],
  ['cbor_type', 'an integer where a boolean is', readBool, '01'],
  ['cbor_type', 'a text where bytes are', (input) => readBytes(input, 0, 9), '6161'],
  ['cbor_type', 'bytes where a text is', (input) => readText(input, 0, 9), '4161'],
  ['cbor_type', 'a map where an array is', (input) => enterArray(input, 0, 9), 'a0'],
  ['cbor_type', 'an array where a map is', (input) => enterMap(input, 9), '80'],
  ['cbor_simple', 'null where a boolean is', readBool, 'f6'],
  ['cbor_float', 'a float where an integer is', (input) => readUint(input, 9), 'f90000'],
  ['cbor_tag', 'a tag where bytes are', (input) => readBytes(input, 0, 9), 'c24100'],
  ['cbor_indefinite', 'an endless array where a text is', (input) => readText(input, 0, 9), '9fff'],
  ['cbor_range', 'an integer above its limit', (input) => readUint(input, 9), '0a'],
  ['cbor_range', 'too few bytes', (input) => readBytes(input, 2, 2), '4100'],
  ['cbor_range', 'too short a text', (input) => readText(input, 1, 2), '60'],
  ['cbor_range', 'too few items', (input) => enterArray(input, 2, 2), '8100'],
  ['cbor_too_large', 'too many bytes', (input) => readBytes(input, 0, 1), '420000'],
  ['cbor_too_large', 'too long a text', (input) => readText(input, 0, 1), '626161'],
  ['cbor_too_large', 'too many items', (input) => enterArray(input, 0, 1), '820000'],
  ['cbor_too_large', 'too many entries', (input) => enterMap(input, 1), 'a200000100'],
  ['cbor_too_large', 'a claimed length before its missing bytes', (i) => readBytes(i, 0, 9), '5a7fffffff'],
];

for (const [code, what, action, hex] of typed) {
  test(`where a type is expected, ${code}: ${what}`, (t) => {
    t.is(
      refusal(() => action(createInput(fromHex(hex)))),
      code,
    );
  });
}

test('huge claimed lengths are refused before anything is allocated', (t) => {
  const before = process.memoryUsage().arrayBuffers;
  for (const head of ['5a7fffffff', '7a7fffffff', '9a7fffffff', 'ba7fffffff']) {
    for (const code of refusals(fromHex(head + '00'))) {
      t.true(code === 'cbor_truncated' || code === 'cbor_too_large', `${head}: ${code}`);
    }
  }
  t.true(process.memoryUsage().arrayBuffers - before < 2 ** 24);
});

test('encoders refuse what decoders would', (t) => {
  const output = createOutput();
  t.is(
    refusal(() => writeUint(output, -1)),
    'cbor_range',
  );
  t.is(
    refusal(() => writeUint(output, 1.5)),
    'cbor_range',
  );
  t.is(
    refusal(() => writeUint(output, 2 ** 53)),
    'cbor_range',
  );
  t.is(
    refusal(() => writeText(output, '\ud800')),
    'cbor_utf8',
  );
  t.is(
    refusal(() => writeText(output, 'ää', 3)),
    'cbor_range',
  );
});

// --- RFC 8949 appendix A ---------------------------------------------------------------------------------------

interface AppendixCase {
  readonly hex: string;
  readonly decoded?: unknown;
  readonly diagnostic?: string;
}

const appendix = JSON.parse(
  readFileSync(new URL('../../vectors/external/cbor-appendix_a-pr5.json', import.meta.url), 'utf8'),
) as readonly AppendixCase[];

/** Where a case of the appendix is outside the subset, and why. */
function expectedRefusal(hex: string): ErrorCode | undefined {
  if (/^[13]b[0-9a-f]/.test(hex) && BigInt(`0x${hex.slice(2)}`) >= 2n ** 53n - (hex[0] === '3' ? 1n : 0n))
    return 'cbor_range';
  if (/^[cd]/.test(hex)) return 'cbor_tag';
  if (/^f[9ab]/.test(hex)) return 'cbor_float';
  if (hex.startsWith('f') && hex !== 'f4' && hex !== 'f5') return 'cbor_simple';
  if (/^[579b]f/.test(hex)) return 'cbor_indefinite';
  // Definite outside, indefinite inside: ["a", {_ "b": "c"}] and [1, [2, 3], [_ 4, 5]].
  if (/9f|bf/.test(hex)) return 'cbor_indefinite';
  return undefined;
}

test('RFC 8949 appendix A: the subset is read and written, all else refused', (t) => {
  let accepted = 0;
  for (const { hex } of appendix) {
    const bytes = fromHex(hex);
    const code = expectedRefusal(hex);
    t.deepEqual(refusals(bytes), [code, code], hex);
    if (code !== undefined) continue;
    accepted++;
    const item = decodeItem(bytes);
    t.deepEqual(item, cborgDecode(bytes, { useMaps: true }) as Item, hex);
    t.is(toHex(encodeItem(item)), hex);
  }
  t.is(appendix.length, 82);
  t.is(accepted, 34);
});

// --- Other implementations as oracles --------------------------------------------------------------------------

const { item: anyItem } = fc.letrec<{ item: Item }>((tie) => ({
  item: fc.oneof(
    { depthSize: 'small', withCrossShrink: true, maxDepth: 6 },
    fc.oneof(
      fc.integer({ min: -24, max: 24 }),
      fc.maxSafeNat(),
      fc.maxSafeNat().map((n) => 1 - n),
      fc.boolean(),
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.uint8Array({ maxLength: 300 }),
    ),
    fc.array(tie('item'), { maxLength: 6 }),
    fc
      .uniqueArray(
        fc.tuple(
          fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -300, max: 300 }), fc.string({ unit: 'binary' })),
          tie('item'),
        ),
        { maxLength: 6, selector: ([key]) => key },
      )
      .map((entries) => new Map<Item, Item>(entries)),
  ),
}));

/** Number keys of cborg's Map decoding and of ours compare alike; -0 does not exist. */
test('values agree with cborg, both ways', (t) => {
  fc.assert(
    fc.property(anyItem, (item) => {
      const bytes = encodeItem(item);
      t.deepEqual(decodeItem(bytes), cborgDecode(bytes, { useMaps: true, strict: true }) as Item);
      t.deepEqual(refusals(bytes), [undefined, undefined]);
    }),
  );
});

test('integers, text, bytes and arrays are encoded as cborg and cbor-x do', (t) => {
  const flat = fc.oneof(
    fc.maxSafeNat(),
    fc.maxSafeNat().map((n) => 1 - n),
    fc.boolean(),
    fc.string({ unit: 'binary' }),
    fc.uint8Array({ maxLength: 70_000 }),
    fc.array(fc.nat(), { maxLength: 300 }),
  );
  const cborx = new Encoder({ useRecords: false, tagUint8Array: false });
  fc.assert(
    fc.property(flat, (item) => {
      t.is(toHex(encodeItem(item)), toHex(cborgEncode(item)));
      // cbor-x writes integers beyond 32 bits as floats.
      if (typeof item !== 'number' || Math.abs(item) < 2 ** 31)
        t.is(toHex(encodeItem(item)), toHex(cborx.encode(item)));
    }),
  );
});

test('whatever is accepted, cbor-x reads alike and cborg accepts in its strict mode', (t) => {
  // Long integers as bigints: its option to give numbers misreads negative ones.
  const cborx = new Decoder({ mapsAsObjects: false, useRecords: false });
  let accepted = 0;
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 12 }), anyItem.map(encodeItem)), (bytes) => {
      if (refusals(bytes)[0] !== undefined) return;
      accepted++;
      const item = decodeItem(bytes);
      t.is(toHex(encodeItem(item)), toHex(bytes));
      t.deepEqual(cborgDecode(bytes, { useMaps: true, strict: true }), item);
      t.deepEqual(plain(cborx.decode(Buffer.from(bytes))), item);
    }),
    { numRuns: 500 },
  );
  t.true(accepted > 50);
});

/** cbor-x gives byte strings as Buffers and long integers as bigints. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return new Map([...value].map(([key, each]) => [plain(key), plain(each)]));
  return value;
}

test('labels sort as their encodings do', (t) => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), fc.maxSafeInteger(), (a, b) =>
      t.is(Math.sign(compareLabels(a, b)), Buffer.compare(encodeItem(a), encodeItem(b))),
    ),
  );
});
