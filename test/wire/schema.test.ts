import test from 'ava';
import { codeOf, type ErrorCode } from '../../src/errors.ts';
import {
  anything,
  bool,
  bytes,
  decode,
  embedded,
  encode,
  field,
  list,
  namedMap,
  optional,
  record,
  text,
  tuple,
  uint,
  type Schema,
} from '../../src/wire/schema.ts';
import { fromHex, toHex } from '../crypto/bytes.ts';

const point = record('point', { x: field(1, uint(99)), y: optional(2, uint(99)), mark: optional(-1, bool) });
const points = record('points', { all: field(1, list(point, { max: 3, min: 1, tolerant: true })) });
const named = namedMap(uint(9), { max: 2, maxKey: 3 });

function codeOfRead(schema: Schema<unknown>, hex: string, maxSize?: number): ErrorCode | undefined {
  try {
    decode(schema, fromHex(hex), maxSize);
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

function codeOfWrite<T>(schema: Schema<T>, value: T): ErrorCode | undefined {
  try {
    encode(schema, value);
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

const refused: readonly (readonly [ErrorCode, string, Schema<unknown>, string])[] = [
  ['cbor_missing_field', 'a record without a required field', point, 'a0'],
  ['cbor_missing_field', 'a record with an optional one only', point, 'a10200'],
  ['cbor_unknown_critical', 'an unknown negative label', point, 'a201002100'],
  ['cbor_range', 'a field out of range', point, 'a1011864'],
  ['cbor_type', 'a field of another type', point, 'a1016161'],
  ['cbor_type', 'a label that is no integer', point, 'a1616100'],
  ['cbor_unsorted', 'known labels out of order', point, 'a202000100'],
  ['cbor_unsorted', 'an unknown label before a known one', point, 'a203000100'],
  ['cbor_duplicate_key', 'a known label twice', point, 'a201000100'],
  ['cbor_duplicate_key', 'an unknown label twice', point, 'a30100186400186400'],
  ['cbor_too_large', 'more than 64 entries', point, 'b841'],
  ['cbor_tag', 'a tag in an unknown field', point, 'a2010003c100'],
  ['cbor_not_shortest', 'a long integer in an unknown field', point, 'a20100031801'],
  ['cbor_trailing', 'bytes after the record', point, 'a1010000'],
  ['cbor_truncated', 'a record cut short', point, 'a101'],
  ['cbor_range', 'an empty list where one item must be', points, 'a10180'],
  ['cbor_too_large', 'too many items', points, 'a10184'],
  ['cbor_missing_field', 'a bad item in a tolerant list', points, 'a10181a0'],
  ['cbor_truncated', 'a list cut short', points, 'a10182a10100'],
  ['cbor_range', 'too short a tuple', tuple(uint(), uint()), '8100'],
  ['cbor_too_large', 'too long a tuple', tuple(uint(), uint()), '83000000'],
  ['cbor_duplicate_key', 'a name twice', named, 'a2616100616100'],
  ['cbor_unsorted', 'names out of order', named, 'a2616200616100'],
  ['cbor_too_large', 'too many names', named, 'a3'],
  ['cbor_too_large', 'too long a name', named, 'a1646161616100'],
  ['cbor_range', 'an empty name', named, 'a16000'],
  ['cbor_type', 'a name that is no text', named, 'a10000'],
  ['cbor_too_large', 'any item beyond its cap', anything(2), '820102'],
  ['cbor_type', 'bytes that hold another type', embedded(point, 9), '4100'],
  ['cbor_trailing', 'bytes that hold two items', embedded(uint(), 9), '420000'],
  ['cbor_too_large', 'bytes beyond the cap of what they hold', embedded(uint(), 1), '421818'],
  ['cbor_range', 'a byte string of another size', bytes(2), '4100'],
  ['cbor_range', 'an empty text', text(9), '60'],
];

for (const [code, what, schema, hex] of refused) {
  test(`${code}: ${what}`, (t) => {
    t.is(codeOfRead(schema, hex), code);
  });
}

test('cbor_too_large: input above the cap, before it is parsed', (t) => {
  t.is(codeOfRead(uint(), 'ffffff', 2), 'cbor_too_large');
});

test('more than 16 levels in an unknown field are cbor_too_deep, the record being one of them', (t) => {
  const unknown = (levels: number): string => `a2010003${'81'.repeat(levels)}00`;
  t.is(codeOfRead(point, unknown(15)), undefined);
  t.is(codeOfRead(point, unknown(16)), 'cbor_too_deep');
});

test('unknown labels are kept, sorted in among the known ones and written again', (t) => {
  const hex = 'a40105020618648161611901f4f5';
  const value = decode(point, fromHex(hex));
  t.deepEqual(
    value.unknown,
    new Map([
      [100, fromHex('816161')],
      [500, fromHex('f5')],
    ]),
  );
  t.is(toHex(encode(point, value)), hex);
  const between = decode(record('gap', { last: field(200, uint()) }), fromHex('a2010018c801'));
  t.is(toHex(encode(record('gap', { last: field(200, uint()) }), between)), 'a2010018c801');
});

test('a known negative label is an ordinary field', (t) => {
  t.deepEqual(decode(point, fromHex('a2010020f5')), { x: 0, mark: true });
  t.is(toHex(encode(point, { mark: true, x: 0 })), 'a2010020f5');
});

test('a tolerant list leaves out items with unknown critical fields, and those alone', (t) => {
  const hex = 'a10183a10101a201022100a10103';
  t.deepEqual(decode(points, fromHex(hex)), { all: [{ x: 1 }, { x: 3 }] });
  const strict = record('points', { all: field(1, list(point, { max: 3 })) });
  t.is(codeOfRead(strict, hex), 'cbor_unknown_critical');
});

test('an item left out is checked all the same', (t) => {
  t.is(codeOfRead(points, 'a10181a2010021c000'), 'cbor_tag');
});

test('names are written in the order of their encodings', (t) => {
  const value = new Map([
    ['bb', 1],
    ['c', 2],
  ]);
  t.is(toHex(encode(named, value)), 'a261630262626201');
});

test('values beyond the limits of their schema are not written', (t) => {
  t.is(codeOfWrite(uint(9), 10), 'cbor_range');
  t.is(codeOfWrite(uint(), -1), 'cbor_range');
  t.is(codeOfWrite(bytes(2), new Uint8Array(3)), 'cbor_range');
  t.is(codeOfWrite(bytes(2, 4), new Uint8Array(5)), 'cbor_range');
  t.is(codeOfWrite(text(9), ''), 'cbor_range');
  t.is(codeOfWrite(text(9, 3), '\u20ac'), undefined);
  t.is(codeOfWrite(text(300), 'a'.repeat(301)), 'cbor_range');
  t.is(codeOfWrite(text(9), 'a'.repeat(10)), 'cbor_range');
  t.is(codeOfWrite(list(uint(), { max: 1 }), [1, 2]), 'cbor_range');
  t.is(codeOfWrite(list(uint(), { max: 1, min: 1 }), []), 'cbor_range');
  t.is(
    codeOfWrite(
      named,
      new Map([
        ['a', 1],
        ['b', 1],
        ['c', 1],
      ]),
    ),
    'cbor_range',
  );
  t.is(codeOfWrite(named, new Map([['aaaa', 1]])), 'cbor_range');
});

test('what is decoded outlives its input, whatever kind of array that is', (t) => {
  const schema = tuple(bytes(2), anything(9), record('any', {}));
  const encoded = Buffer.from(fromHex('834201028101a118644107'));
  const value = decode(schema, encoded);
  encoded.fill(0xff);
  t.deepEqual(value, [fromHex('0102'), fromHex('8101'), { unknown: new Map([[100, fromHex('4107')]]) }]);
});
