/**
 * The CBOR subset of Beckon, wire-spec/README.md section 3: unsigned and negative integers, byte and text strings,
 * arrays, maps, false and true, in core deterministic encoding (RFC 8949 section 4.2.1). Nothing else is read or
 * written: no tags, floats, null, undefined, indefinite lengths. `schema.ts` builds typed codecs on top of it.
 */
import { BeckonError } from '../errors.ts';

const UNSIGNED = 0;
const NEGATIVE = 1;
const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;
const TAG = 6;

const FALSE = 0xf4;
const TRUE = 0xf5;

/** Deepest nesting of arrays and maps that a decoder follows. */
export const maxDepth = 16;
/** Most entries of a map whose labels are not all known: room for extensions. */
export const maxMapEntries = 64;

/** A cursor over encoded bytes. */
export interface Input {
  readonly bytes: Uint8Array;
  at: number;
  depth: number;
}

/** A buffer that grows as it is written. */
export interface Output {
  bytes: Uint8Array;
  at: number;
}

/**
 * The bytes as a plain array, whatever subclass they come in: `slice` of Node's own copies nothing, and what was decoded must
 * not change with its input.
 */
export function createInput(bytes: Uint8Array): Input {
  const plain =
    bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  return { bytes: plain, at: 0, depth: 0 };
}

/** Buffers of finished outputs, to be written again: most encodings are short and none outlives its call. */
const spare: Uint8Array[] = [];
const maxSpare = 16;
const spareSize = 4096;

export function createOutput(sizeHint = 256): Output {
  const reused = sizeHint <= spareSize ? spare.pop() : undefined;
  return { bytes: reused ?? new Uint8Array(Math.max(sizeHint, spareSize)), at: 0 };
}

/** The bytes written so far, as a copy of their own; the output is over. */
export function finish(output: Output): Uint8Array {
  const { bytes, at } = output;
  if (bytes.length === spareSize && spare.length < maxSpare) spare.push(bytes);
  output.bytes = nothing;
  return bytes.slice(0, at);
}

const nothing = new Uint8Array(0);

/** Throws `cbor_trailing` unless the whole input was read. */
export function expectEnd(input: Input): void {
  if (input.at !== input.bytes.length)
    throw new BeckonError('cbor_trailing', 'bytes after the end of the item');
}

// --- reading ---------------------------------------------------------------------------------------------------

function truncated(): BeckonError {
  return new BeckonError('cbor_truncated', 'the item ends before its length');
}

function wrongType(initial: number): BeckonError {
  const major = initial >> 5;
  const info = initial & 31;
  if (info === 31 && major >= BYTES && major !== TAG)
    return new BeckonError('cbor_indefinite', 'indefinite lengths are not allowed');
  if (major === TAG) return new BeckonError('cbor_tag', 'tags are not allowed');
  if (major === 7 && info >= 25 && info <= 27) return new BeckonError('cbor_float', 'floats are not allowed');
  if (major === 7 && initial !== FALSE && initial !== TRUE)
    return new BeckonError('cbor_simple', 'of the simple values only false and true are allowed');
  return new BeckonError('cbor_type', 'an item of another type is expected here');
}

/** Reads the argument of a head whose initial byte was just consumed; integers above 2^53 - 1 are refused. */
function readArgument(input: Input, info: number): number {
  if (info < 24) return info;
  if (info > 27) throw new BeckonError('cbor_type', 'a reserved length');
  const { bytes, at } = input;
  const size = 1 << (info - 24);
  if (at + size > bytes.length) throw truncated();
  let value = 0;
  for (let i = 0; i < size; i++) value = value * 256 + (bytes[at + i] as number);
  input.at = at + size;
  const least = size === 1 ? 24 : 256 ** (size / 2);
  if (value < least)
    throw new BeckonError('cbor_not_shortest', 'an integer or length is not in its shortest form');
  if (value > Number.MAX_SAFE_INTEGER) throw new BeckonError('cbor_range', 'integers end at 2^53 - 1');
  return value;
}

function readHead(input: Input, major: number): number {
  const initial = input.bytes[input.at];
  if (initial === undefined) throw truncated();
  if (initial >> 5 !== major || (initial & 31) === 31) throw wrongType(initial);
  input.at++;
  return readArgument(input, initial & 31);
}

export function readUint(input: Input, max: number): number {
  const value = readHead(input, UNSIGNED);
  if (value > max) throw new BeckonError('cbor_range', 'an integer is above its limit');
  return value;
}

/** A map label: an unsigned or negative integer. */
export function readLabel(input: Input): number {
  const initial = input.bytes[input.at];
  if (initial === undefined) throw truncated();
  if (initial >> 5 !== NEGATIVE) return readHead(input, UNSIGNED);
  input.at++;
  const argument = readArgument(input, initial & 31);
  if (argument === Number.MAX_SAFE_INTEGER) throw new BeckonError('cbor_range', 'integers start at 1 - 2^53');
  return -1 - argument;
}

export function readBool(input: Input): boolean {
  const initial = input.bytes[input.at];
  if (initial === undefined) throw truncated();
  if (initial !== TRUE && initial !== FALSE) throw wrongType(initial);
  input.at++;
  return initial === TRUE;
}

function take(input: Input, length: number): Uint8Array {
  const end = input.at + length;
  if (end > input.bytes.length) throw truncated();
  const slice = input.bytes.subarray(input.at, end);
  input.at = end;
  return slice;
}

/** A byte string of `min` to `max` bytes, copied out of the input. */
export function readBytes(input: Input, min: number, max: number): Uint8Array {
  const length = readHead(input, BYTES);
  if (length > max) throw new BeckonError('cbor_too_large', 'a byte string is longer than its limit');
  if (length < min) throw new BeckonError('cbor_range', 'a byte string is shorter than it must be');
  return take(input, length).slice();
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const utf8Encoder = new TextEncoder();

/** A text string of `min` to `max` bytes of UTF-8. */
export function readText(input: Input, min: number, max: number): string {
  const length = readHead(input, TEXT);
  if (length > max) throw new BeckonError('cbor_too_large', 'a text is longer than its limit');
  if (length < min) throw new BeckonError('cbor_range', 'a text is shorter than it must be');
  const end = input.at + length;
  if (end > input.bytes.length) throw truncated();
  const value = shortAscii(input.bytes, input.at, end) ?? decodeUtf8(input.bytes.subarray(input.at, end));
  input.at = end;
  return value;
}

/** Texts up to this length are mostly ASCII, and calling a TextEncoder or TextDecoder costs more than they do. */
const shortText = 48;

function shortAscii(bytes: Uint8Array, from: number, to: number): string | undefined {
  if (to - from > shortText) return undefined;
  let value = '';
  for (let i = from; i < to; i++) {
    const byte = bytes[i] as number;
    if (byte > 0x7f) return undefined;
    value += String.fromCharCode(byte);
  }
  return value;
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new BeckonError('cbor_utf8', 'a text is not valid UTF-8');
  }
}

function enter(input: Input): void {
  if (++input.depth > maxDepth)
    throw new BeckonError('cbor_too_deep', 'arrays and maps are nested too deeply');
}

/** The count of an array of at most `max` items; pair it with `leave`. */
export function enterArray(input: Input, min: number, max: number): number {
  const count = readHead(input, ARRAY);
  if (count > max) throw new BeckonError('cbor_too_large', 'an array has more items than its limit');
  if (count < min) throw new BeckonError('cbor_range', 'an array has fewer items than it must have');
  enter(input);
  return count;
}

/** The count of a map of at most `max` entries; pair it with `leave`. */
export function enterMap(input: Input, max: number): number {
  const count = readHead(input, MAP);
  if (count > max) throw new BeckonError('cbor_too_large', 'a map has more entries than its limit');
  enter(input);
  return count;
}

export function leave(input: Input): void {
  input.depth--;
}

/**
 * Throws `cbor_duplicate_key` or `cbor_unsorted` unless the key from `start` to `end` sorts after the one before it, bytewise;
 * that one is empty for the first key.
 */
export function expectAscending(
  input: Input,
  previousStart: number,
  previousEnd: number,
  start: number,
  end: number,
): void {
  if (previousEnd === previousStart) return;
  const order = compareRanges(input.bytes, previousStart, previousEnd, start, end);
  if (order === 0) throw new BeckonError('cbor_duplicate_key', 'a map has the same key twice');
  if (order > 0) throw new BeckonError('cbor_unsorted', 'the keys of a map are not in bytewise order');
}

function compareRanges(bytes: Uint8Array, aFrom: number, aTo: number, bFrom: number, bTo: number): number {
  const shared = Math.min(aTo - aFrom, bTo - bFrom);
  for (let i = 0; i < shared; i++) {
    const difference = (bytes[aFrom + i] as number) - (bytes[bFrom + i] as number);
    if (difference !== 0) return difference;
  }
  return aTo - aFrom - (bTo - bFrom);
}

/** Checks and passes over one item of any type. */
export function skip(input: Input): void {
  const initial = input.bytes[input.at];
  if (initial === undefined) throw truncated();
  const major = initial >> 5;
  if (initial === TRUE || initial === FALSE) input.at++;
  else if (major === NEGATIVE || major === UNSIGNED) readLabel(input);
  else if (major === BYTES) take(input, readHead(input, BYTES));
  else if (major === TEXT) readText(input, 0, input.bytes.length);
  else if (major === ARRAY) skipArray(input);
  else if (major === MAP) skipMap(input);
  else throw wrongType(initial);
}

function skipArray(input: Input): void {
  const count = enterArray(input, 0, input.bytes.length - input.at);
  for (let i = 0; i < count; i++) skip(input);
  leave(input);
}

function skipMap(input: Input): void {
  const count = enterMap(input, input.bytes.length - input.at);
  let keyStart = 0;
  let keyEnd = 0;
  for (let i = 0; i < count; i++) {
    const start = input.at;
    skip(input);
    expectAscending(input, keyStart, keyEnd, start, input.at);
    keyStart = start;
    keyEnd = input.at;
    skip(input);
  }
  leave(input);
}

// --- writing ---------------------------------------------------------------------------------------------------

function reserve(output: Output, size: number): void {
  const needed = output.at + size;
  if (needed <= output.bytes.length) return;
  const grown = new Uint8Array(Math.max(needed, output.bytes.length * 2));
  grown.set(output.bytes.subarray(0, output.at));
  output.bytes = grown;
}

function writeHead(output: Output, major: number, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new BeckonError('cbor_range', 'not an unsigned integer');
  reserve(output, 9);
  const top = major << 5;
  if (value < 24) {
    output.bytes[output.at++] = top | value;
    return;
  }
  const width = value < 0x100 ? 0 : value < 0x10000 ? 1 : value < 0x100000000 ? 2 : 3;
  output.bytes[output.at++] = top | (24 + width);
  const size = 1 << width;
  let rest = value;
  for (let i = size - 1; i >= 0; i--) {
    output.bytes[output.at + i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  output.at += size;
}

/** Copies bytes that are an encoded item already. */
export function writeRaw(output: Output, bytes: Uint8Array): void {
  reserve(output, bytes.length);
  output.bytes.set(bytes, output.at);
  output.at += bytes.length;
}

export function writeUint(output: Output, value: number): void {
  writeHead(output, UNSIGNED, value);
}

export function writeLabel(output: Output, label: number): void {
  if (label >= 0) writeHead(output, UNSIGNED, label);
  else writeHead(output, NEGATIVE, -1 - label);
}

export function writeBool(output: Output, value: boolean): void {
  reserve(output, 1);
  output.bytes[output.at++] = value ? TRUE : FALSE;
}

export function writeBytes(output: Output, value: Uint8Array): void {
  writeHead(output, BYTES, value.length);
  writeRaw(output, value);
}

/** Gives the length in bytes. Throws `cbor_range` where that is above `max`. */
export function writeText(output: Output, value: string, max = Infinity): number {
  if (value.length <= Math.min(max, shortText) && writeShortAscii(output, value)) return value.length;
  if (!value.isWellFormed()) throw new BeckonError('cbor_utf8', 'a text has a lone surrogate');
  const encoded = utf8Encoder.encode(value);
  if (encoded.length > max) throw new BeckonError('cbor_range', 'a text is longer than its limit');
  writeHead(output, TEXT, encoded.length);
  writeRaw(output, encoded);
  return encoded.length;
}

/** Writes nothing and gives false where a character is not ASCII. */
function writeShortAscii(output: Output, value: string): boolean {
  const start = output.at;
  writeHead(output, TEXT, value.length);
  reserve(output, value.length);
  const { bytes, at } = output;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code > 0x7f) {
      output.at = start;
      return false;
    }
    bytes[at + i] = code;
  }
  output.at = at + value.length;
  return true;
}

export function writeArrayHead(output: Output, count: number): void {
  writeHead(output, ARRAY, count);
}

export function writeMapHead(output: Output, count: number): void {
  writeHead(output, MAP, count);
}

/** The order of labels in deterministic encoding: unsigned ones rising, then negative ones falling. */
export function compareLabels(a: number, b: number): number {
  if (a >= 0 !== b >= 0) return a >= 0 ? -1 : 1;
  return a >= 0 ? a - b : b - a;
}
