/** Strict readers for JSON values: what is saved, and what the own domain answers. */
import { base64urlnopad } from '@scure/base';
import { bytesToJson } from '../keys/key-file.ts';

/** Gives the value as what it must be, or throws a plain Error: whoever reads knows which code that is. */
export type Reader<T> = (value: unknown) => T;
export type ReaderOf<R> = R extends Reader<infer T> ? T : never;

function expect(condition: boolean, wanted: string): asserts condition {
  if (!condition) throw new Error(`not ${wanted}`);
}

export const text: Reader<string> = (value) => {
  expect(typeof value === 'string' && value.isWellFormed(), 'a text');
  return value;
};

/** A text of at most `max` UTF-16 units. */
export function shortText(max: number): Reader<string> {
  return (value) => {
    const known = text(value);
    expect(known.length <= max, 'a short text');
    return known;
  };
}

export const flag: Reader<boolean> = (value) => {
  expect(typeof value === 'boolean', 'true or false');
  return value;
};

/** From zero up: times, sizes, counts. */
export const count: Reader<number> = (value) => {
  expect(typeof value === 'number' && Number.isSafeInteger(value) && value >= 0, 'a count');
  return value;
};

/** Bytes in base64url, of `length` where given. */
export function bytes64(length?: number): Reader<Uint8Array> {
  return (value) => {
    const decoded = base64urlnopad.decode(text(value));
    expect(length === undefined || decoded.length === length, 'of the right length');
    return decoded;
  };
}

/** As `bytes64`, but left as the text. */
export function text64(length?: number): Reader<string> {
  const read = bytes64(length);
  return (value) => bytesToJson(read(value));
}

export function oneOf<const T extends string | number>(...known: readonly T[]): Reader<T> {
  return (value) => {
    const found = known.find((candidate) => candidate === value);
    expect(found !== undefined, 'a known name');
    return found;
  };
}

export function arrayOf<T>(item: Reader<T>, max = Number.MAX_SAFE_INTEGER): Reader<readonly T[]> {
  return (value) => {
    expect(Array.isArray(value) && value.length <= max, 'an array');
    return value.map(item);
  };
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  expect(typeof value === 'object' && value !== null && !Array.isArray(value), 'an object');
  return value as Readonly<Record<string, unknown>>;
}

export function mapOf<T>(item: Reader<T>, key: Reader<string> = text): Reader<Readonly<Record<string, T>>> {
  return (value) =>
    Object.fromEntries(Object.entries(asObject(value)).map(([name, entry]) => [key(name), item(entry)]));
}

type Readers = Readonly<Record<string, Reader<unknown>>>;
type Fields<R> = { readonly [K in keyof R]: ReaderOf<R[K]> };
export type ObjectOf<R, O> = Fields<R> & Partial<Fields<O>>;

/** An object with all of `required` and any of `optional`; others are left out. */
export function objectOf<const R extends Readers>(required: R): Reader<Fields<R>>;
export function objectOf<const R extends Readers, const O extends Readers>(
  required: R,
  optional: O,
): Reader<ObjectOf<R, O>>;
export function objectOf(required: Readers, optional: Readers = {}): Reader<unknown> {
  return (value) => readFields(asObject(value), required, optional);
}

/** An object with all of `required`, any of `optional`, and nothing else. */
export function exactly<const R extends Readers>(required: R): Reader<Fields<R>>;
export function exactly<const R extends Readers, const O extends Readers>(
  required: R,
  optional: O,
): Reader<ObjectOf<R, O>>;
export function exactly(required: Readers, optional: Readers = {}): Reader<unknown> {
  return (value) => {
    const fields = asObject(value);
    const known = (name: string): boolean => Object.hasOwn(required, name) || Object.hasOwn(optional, name);
    expect(Object.keys(fields).every(known), 'without unknown fields');
    return readFields(fields, required, optional);
  };
}

/** An object with all of `required` and any of `optional`; others are kept as they are, for whoever knows them. */
export function keeping<const R extends Readers>(required: R): Reader<Fields<R>>;
export function keeping<const R extends Readers, const O extends Readers>(
  required: R,
  optional: O,
): Reader<ObjectOf<R, O>>;
export function keeping(required: Readers, optional: Readers = {}): Reader<unknown> {
  return (value) => ({ ...asObject(value), ...readFields(asObject(value), required, optional) });
}

function readFields(
  fields: Readonly<Record<string, unknown>>,
  required: Readers,
  optional: Readers,
): Readonly<Record<string, unknown>> {
  const present = Object.entries(optional).filter(([name]) => Object.hasOwn(fields, name));
  return Object.fromEntries(
    [...Object.entries(required), ...present].map(([name, reader]) => [name, reader(fields[name])]),
  );
}

/** One of several objects, told apart by their field `kind`. */
export function byKind<const K extends Readers>(kinds: K): Reader<ReaderOf<K[keyof K]>> {
  return (value) => {
    const kind = text(asObject(value)['kind']);
    const reader = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
    expect(reader !== undefined, 'a known kind');
    return reader(value) as ReaderOf<K[keyof K]>;
  };
}
