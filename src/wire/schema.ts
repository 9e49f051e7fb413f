/**
 * Codecs as data, wire-spec/README.md section 3. A schema reads and writes one kind of item and knows its caps, so that
 * encoder, decoder and limits of a structure are one declaration; its labels are compared with the CDDL of the spec.
 */
import { BeckonError, codeOf } from '../errors.ts';
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
  maxMapEntries,
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
  writeRaw,
  writeText,
  writeUint,
  type Input,
  type Output,
} from './cbor.ts';

export interface Schema<T> {
  /** Reads one item. Throws BeckonError with a `cbor_*` code. */
  read(input: Input): T;
  /** Writes one item. Throws BeckonError with a `cbor_*` code where the value breaks the schema's own limits. */
  write(output: Output, value: T): void;
}

export type ValueOf<S> = S extends Schema<infer T> ? T : never;

/** The largest input that `decode` takes when the structure sets no smaller cap, in bytes. */
export const defaultMaxSize = 64 * 1024;

/**
 * Decodes exactly one item of at most `maxSize` bytes.
 * Throws BeckonError: `cbor_too_large` before anything is parsed, else the `cbor_*` code of the first fault.
 */
export function decode<T>(schema: Schema<T>, bytes: Uint8Array, maxSize = defaultMaxSize): T {
  if (bytes.length > maxSize) throw new BeckonError('cbor_too_large', 'the object is larger than its limit');
  const input = createInput(bytes);
  const value = schema.read(input);
  expectEnd(input);
  return value;
}

/** Encodes one value deterministically. */
export function encode<T>(schema: Schema<T>, value: T): Uint8Array {
  const output = createOutput();
  schema.write(output, value);
  return finish(output);
}

export function uint(max = Number.MAX_SAFE_INTEGER): Schema<number> {
  return {
    read: (input) => readUint(input, max),
    write(output, value) {
      if (value > max) throw new BeckonError('cbor_range', 'an integer is above its limit');
      writeUint(output, value);
    },
  };
}

export const bool: Schema<boolean> = { read: readBool, write: writeBool };

/** A byte string of exactly `size` bytes, or of `size` to `max`. */
export function bytes(size: number, max = size): Schema<Uint8Array> {
  return {
    read: (input) => readBytes(input, size, max),
    write(output, value) {
      if (value.length < size || value.length > max)
        throw new BeckonError('cbor_range', 'a byte string is not of the right length');
      writeBytes(output, value);
    },
  };
}

/** A text of 1 (or `min`) to `max` bytes of UTF-8; `check` refuses what is not of the right form. */
export function text(max: number, min = 1, check: (value: string) => void = () => {}): Schema<string> {
  return {
    read(input) {
      const value = readText(input, min, max);
      check(value);
      return value;
    },
    write(output, value) {
      check(value);
      if (writeText(output, value, max) < min)
        throw new BeckonError('cbor_range', 'a text is shorter than it must be');
    },
  };
}

/** One item of any type, kept as its encoded bytes, at most `max` of them. */
export function anything(max: number): Schema<Uint8Array> {
  return {
    read(input) {
      const start = input.at;
      skip(input);
      if (input.at - start > max) throw new BeckonError('cbor_too_large', 'an item is larger than its limit');
      return input.bytes.slice(start, input.at);
    },
    write: writeRaw,
  };
}

export interface ListLimits {
  readonly max: number;
  readonly min?: number;
  /** Leaves out items with an unknown critical field instead of refusing the whole list. */
  readonly tolerant?: boolean;
}

export function list<T>(item: Schema<T>, limits: ListLimits): Schema<readonly T[]> {
  const { max, min = 0, tolerant = false } = limits;
  const readItem = tolerant
    ? readTolerant
    : (input: Input, values: T[], from: Schema<T>) => values.push(from.read(input));
  return {
    read(input) {
      const count = enterArray(input, min, max);
      const values: T[] = [];
      for (let i = 0; i < count; i++) readItem(input, values, item);
      leave(input);
      return values;
    },
    write(output, values) {
      if (values.length > max || values.length < min)
        throw new BeckonError('cbor_range', 'an array is not of the right length');
      writeArrayHead(output, values.length);
      for (const value of values) item.write(output, value);
    },
  };
}

function readTolerant<T>(input: Input, values: T[], item: Schema<T>): void {
  const { at, depth } = input;
  try {
    values.push(item.read(input));
  } catch (error) {
    if (codeOf(error) !== 'cbor_unknown_critical') throw error;
    input.at = at;
    input.depth = depth;
    skip(input);
  }
}

type Elements<S extends readonly Schema<unknown>[]> = { readonly [I in keyof S]: ValueOf<S[I]> };

/** An array of fixed positions. */
export function tuple<const S extends readonly Schema<unknown>[]>(...items: S): Schema<Elements<S>> {
  return {
    read(input) {
      enterArray(input, items.length, items.length);
      const values = items.map((item) => item.read(input));
      leave(input);
      return values as Elements<S>;
    },
    write(output, values) {
      writeArrayHead(output, items.length);
      items.forEach((item, i) => item.write(output, values[i]));
    },
  };
}

/** A byte string that holds one encoded item of its own. */
export function embedded<T>(schema: Schema<T>, max: number): Schema<T> {
  return {
    read: (input) => decode(schema, readBytes(input, 1, max), max),
    write: (output, value) => writeBytes(output, encode(schema, value)),
  };
}

/** A map from text to items of one kind: names that the registry does not list are kept. */
export function namedMap<T>(
  value: Schema<T>,
  limits: { max: number; maxKey: number },
): Schema<ReadonlyMap<string, T>> {
  return {
    read(input) {
      const count = enterMap(input, limits.max);
      const values = new Map<string, T>();
      let keyStart = 0;
      let keyEnd = 0;
      for (let i = 0; i < count; i++) {
        const start = input.at;
        const key = readText(input, 1, limits.maxKey);
        expectAscending(input, keyStart, keyEnd, start, input.at);
        keyStart = start;
        keyEnd = input.at;
        values.set(key, value.read(input));
      }
      leave(input);
      return values;
    },
    write(output, values) {
      if (values.size > limits.max) throw new BeckonError('cbor_range', 'a map has too many entries');
      const keys = [...values.keys()].map((key) => [encode(text(limits.maxKey), key), key] as const);
      keys.sort(([a], [b]) => compareBytes(a, b));
      writeMapHead(output, keys.length);
      for (const [encoded, key] of keys) {
        writeRaw(output, encoded);
        value.write(output, values.get(key) as T);
      }
    },
  };
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export interface Field<T, Optional extends boolean = boolean> {
  readonly label: number;
  readonly schema: Schema<T>;
  readonly optional: Optional;
}

export function field<T>(label: number, schema: Schema<T>): Field<T, false> {
  return { label, schema, optional: false };
}

export function optional<T>(label: number, schema: Schema<T>): Field<T, true> {
  return { label, schema, optional: true };
}

type FieldValue<F> = F extends { schema: Schema<infer T> } ? T : never;

/** Fields of labels that the schema does not know: kept as encoded, passed on, ignored. */
export type Unknown = ReadonlyMap<number, Uint8Array>;

export type RecordValue<F> = {
  readonly [K in keyof F as F[K] extends { optional: false } ? K : never]: FieldValue<F[K]>;
} & {
  readonly [K in keyof F as F[K] extends { optional: false } ? never : K]?: FieldValue<F[K]>;
} & { readonly unknown?: Unknown };

export interface RecordSchema<F> extends Schema<RecordValue<F>> {
  readonly name: string;
  /** Label, field name and whether it may be absent, in the order of the encoding: what the spec's CDDL is held to. */
  readonly fields: readonly { readonly label: number; readonly name: string; readonly optional: boolean }[];
}

type AnyField = Field<unknown>;

/**
 * A map with integer labels. Unknown labels from zero up are kept in `unknown`; a negative one is critical and
 * refuses the object with `cbor_unknown_critical` (wire-spec/README.md section 4).
 */
export function record<const F extends Record<string, { label: number; optional: boolean }>>(
  name: string,
  fields: F,
): RecordSchema<F> {
  const known = (Object.entries(fields) as unknown as [string, AnyField][]).sort(([, a], [, b]) =>
    compareLabels(a.label, b.label),
  );
  const byLabel = new Map(known.map(([fieldName, entry]) => [entry.label, [fieldName, entry] as const]));
  const required = known.filter(([, entry]) => !entry.optional).map(([fieldName]) => fieldName);
  return {
    name,
    fields: known.map(([fieldName, entry]) => ({
      label: entry.label,
      name: fieldName,
      optional: entry.optional,
    })),
    read: (input) => readRecord(input, name, byLabel, required) as RecordValue<F>,
    write: (output, value) => writeRecord(output, known, value),
  };
}

function readRecord(
  input: Input,
  name: string,
  byLabel: ReadonlyMap<number, readonly [string, AnyField]>,
  required: readonly string[],
): object {
  const value: Record<string, unknown> = {};
  let unknown: Map<number, Uint8Array> | undefined;
  const count = enterMap(input, maxMapEntries);
  let keyStart = 0;
  let keyEnd = 0;
  for (let i = 0; i < count; i++) {
    const start = input.at;
    const label = readLabel(input);
    expectAscending(input, keyStart, keyEnd, start, input.at);
    keyStart = start;
    keyEnd = input.at;
    const entry = byLabel.get(label);
    if (entry !== undefined) value[entry[0]] = entry[1].schema.read(input);
    else if (label < 0)
      throw new BeckonError('cbor_unknown_critical', `${name} has an unknown critical field`);
    else (unknown ??= new Map()).set(label, readAnything(input));
  }
  leave(input);
  for (const fieldName of required)
    if (!(fieldName in value)) throw new BeckonError('cbor_missing_field', `${name} lacks its ${fieldName}`);
  if (unknown !== undefined) value['unknown'] = unknown;
  return value;
}

function readAnything(input: Input): Uint8Array {
  const start = input.at;
  skip(input);
  return input.bytes.slice(start, input.at);
}

function writeRecord(
  output: Output,
  known: readonly (readonly [string, AnyField])[],
  value: Readonly<Record<string, unknown>>,
): void {
  const unknown = value['unknown'] as Unknown | undefined;
  if (unknown !== undefined && unknown.size > 0) {
    writeMixedRecord(output, known, value, unknown);
    return;
  }
  let count = 0;
  for (const [fieldName] of known) if (value[fieldName] !== undefined) count++;
  writeMapHead(output, count);
  for (const [fieldName, entry] of known) {
    const present = value[fieldName];
    if (present === undefined) continue;
    writeLabel(output, entry.label);
    entry.schema.write(output, present);
  }
}

/** Known and unknown fields in the order of their labels. */
function writeMixedRecord(
  output: Output,
  known: readonly (readonly [string, AnyField])[],
  value: Readonly<Record<string, unknown>>,
  unknown: Unknown,
): void {
  const present = known.filter(([fieldName]) => value[fieldName] !== undefined);
  const entries = [
    ...present.map(([fieldName, entry]) => ({
      label: entry.label,
      write: () => entry.schema.write(output, value[fieldName]),
    })),
    ...[...unknown].map(([label, raw]) => ({ label, write: () => writeRaw(output, raw) })),
  ].sort((a, b) => compareLabels(a.label, b.label));
  writeMapHead(output, entries.length);
  for (const entry of entries) {
    writeLabel(output, entry.label);
    entry.write();
  }
}
