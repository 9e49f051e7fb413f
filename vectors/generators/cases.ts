/** What a case is, and how it is written. */
import type { ErrorCode } from '../../src/errors.ts';
import { seeded } from './random.ts';

/** Byte strings are written in hex. */
export type Json =
  string | number | boolean | null | Uint8Array | readonly Json[] | { readonly [name: string]: Json };
export type Fields = Readonly<Record<string, Json>>;

export interface Case {
  /** File name without `.json`. */
  readonly name: string;
  /** File and section, such as `keys.md section 3`. */
  readonly spec: string;
  readonly description: string;
  /** What is done with the inputs: vectors/README.md lists the operations. */
  readonly operation: string;
  readonly inputs: Fields;
  readonly intermediate?: Fields;
  readonly output?: Json;
  readonly error?: ErrorCode;
}

/** A case without its name, which tells how its randomness is seeded. */
export type Draft = Omit<Case, 'name'>;

/** The text of the file. */
export function fileText(one: Case): string {
  const { name: _, spec, ...rest } = one;
  return `${JSON.stringify(toHexText({ spec: `wire-spec/${spec}`, ...rest }), null, 2)}\n`;
}

function toHexText(value: Json): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(toHexText);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, toHexText(each)]));
}

/** Collects the cases of one folder. */
export interface Collection {
  readonly cases: readonly Case[];
  positive(name: string, draft: Omit<Draft, 'error'>): void;
  negative(name: string, error: ErrorCode, draft: Omit<Draft, 'error' | 'output'>): void;
}

export function collection(): Collection {
  const cases: Case[] = [];
  const add = (one: Case): void => {
    if (cases.some(({ name }) => name === one.name)) throw new Error(`two cases are called ${one.name}`);
    cases.push(one);
  };
  return {
    cases,
    positive: (name, draft) => add({ name, ...draft }),
    negative: (name, error, draft) => add({ name, ...draft, error }),
  };
}

export { seeded };

/** 2027-01-15T08:00:00Z: the present of all cases. */
export const now = 1_800_000_000;

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
export const utf8 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

/** A copy with one bit of one byte changed; `at` may count from the end. */
export function flipped(bytes: Uint8Array, at = -1): Uint8Array {
  const copy = bytes.slice();
  const index = at < 0 ? copy.length + at : at;
  copy[index] = (copy[index] ?? 0) ^ 1;
  return copy;
}

export const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
