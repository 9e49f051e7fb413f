/** The fields of a case, read as what an operation needs; binary values are hex. */
import { Secret } from '../../src/crypto/secret.ts';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

export interface Inputs {
  has(name: string): boolean;
  text(name: string): string;
  number(name: string): number;
  boolean(name: string): boolean;
  bytes(name: string): Uint8Array;
  secret(name: string): Secret;
  texts(name: string): readonly string[];
  bytesList(name: string): readonly Uint8Array[];
  flags(name: string): readonly boolean[];
  /** A nested object. */
  fields(name: string): Inputs;
  list(name: string): readonly Inputs[];
}

/** What a case asks for: gives its output, or throws. */
export type Operation = (inputs: Inputs) => unknown;

export function inputsOf(value: Json | undefined): Inputs {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error('an object is expected');
  const fields = value as Readonly<Record<string, Json>>;
  const get = <T extends Json>(name: string, is: (found: Json) => found is T): T => {
    const found = fields[name];
    if (found === undefined || !is(found)) throw new Error(`the input ${name} is missing or of another type`);
    return found;
  };
  const text = (name: string): string => get(name, isText);
  const items = (name: string): readonly Json[] => get(name, isList);
  return {
    has: (name) => name in fields,
    text,
    number: (name) => get(name, (found) => typeof found === 'number'),
    boolean: (name) => get(name, (found) => typeof found === 'boolean'),
    bytes: (name) => bytesOf(text(name)),
    secret: (name) => new Secret(bytesOf(text(name))),
    texts: (name) => items(name) as readonly string[],
    flags: (name) => items(name) as readonly boolean[],
    bytesList: (name) => items(name).map((item) => bytesOf(item as string)),
    fields: (name) => inputsOf(fields[name]),
    list: (name) => items(name).map((item) => inputsOf(item)),
  };
}

const isText = (value: Json): value is string => typeof value === 'string';
const isList = (value: Json): value is readonly Json[] => Array.isArray(value);

function bytesOf(hex: string): Uint8Array {
  if (!/^(?:[0-9a-f]{2})*$/.test(hex)) throw new Error('hex is expected');
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

/** A result as it stands in a case: bytes in hex, maps as objects, nothing for absent fields. */
export function outputOf(value: unknown): Json {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (value instanceof Map) return objectOf([...value] as [string | number, unknown][]);
  if (Array.isArray(value)) return value.map((item) => outputOf(item));
  if (typeof value === 'object' && value !== null) return objectOf(Object.entries(value));
  return value as Json;
}

function objectOf(entries: readonly (readonly [string | number, unknown])[]): Json {
  return Object.fromEntries(
    entries.filter(([, each]) => each !== undefined).map(([name, each]) => [String(name), outputOf(each)]),
  );
}
