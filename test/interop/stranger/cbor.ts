/** Deterministic CBOR with integer labels, by a public library: what is read must be what would be written. */
import { decode as decodeItem, encode as encodeItem, rfc8949EncodeOptions } from 'cborg';

export type Bytes = Uint8Array<ArrayBuffer>;
export type Fields = Map<number, unknown>;

const options = {
  useMaps: true,
  allowIndefinite: false,
  allowUndefined: false,
  strict: true,
  rejectDuplicateMapKeys: true,
};

/** A copy that is a plain Uint8Array, never a Buffer. */
export const plain = (bytes: Uint8Array): Bytes => Uint8Array.from(bytes);
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const unhex = (text: string): Bytes => plain(Buffer.from(text, 'hex'));
export const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
export const unbase64url = (text: string): Bytes => plain(Buffer.from(text, 'base64url'));
export const concat = (...parts: readonly Uint8Array[]): Bytes => plain(Buffer.concat(parts));
export const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
export const utf8 = (text: string): Bytes => plain(new TextEncoder().encode(text));

/** README.md section 3. */
export function encode(item: unknown): Bytes {
  return plain(encodeItem(item, rfc8949EncodeOptions));
}

/** A map of labels; fields whose value is undefined are left out. */
export function encodeFields(fields: Readonly<Record<number, unknown>>): Bytes {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined);
  return encode(new Map(present.map(([label, value]) => [Number(label), value])));
}

export function decode(bytes: Uint8Array): unknown {
  const item: unknown = decodeItem(bytes, options);
  refuse(!same(encode(item), bytes), 'not deterministic');
  return item;
}

export function decodeFields(bytes: Uint8Array): Fields {
  return asFields(decode(bytes));
}

/** A map whose labels are integers, none of them an unknown critical one. */
export function asFields(item: unknown): Fields {
  if (!(item instanceof Map)) throw new Error('cbor_type');
  for (const label of item.keys()) {
    refuse(typeof label !== 'number', 'cbor_type');
    refuse((label as number) < 0, 'cbor_unknown_critical');
  }
  return item as Fields;
}

export function bytesAt(fields: Fields, label: number, length?: number): Bytes {
  const value = fields.get(label);
  if (!(value instanceof Uint8Array)) throw new Error(`field ${label} is no byte string`);
  refuse(length !== undefined && value.length !== length, `field ${label} has ${value.length} bytes`);
  return plain(value);
}

export function textAt(fields: Fields, label: number): string {
  const value = fields.get(label);
  if (typeof value !== 'string') throw new Error(`field ${label} is no text`);
  return value;
}

export function numberAt(fields: Fields, label: number): number {
  const value = fields.get(label);
  if (typeof value !== 'number') throw new Error(`field ${label} is no number`);
  return value;
}

export function listAt(fields: Fields, label: number): unknown[] {
  const value = fields.get(label);
  if (!Array.isArray(value)) throw new Error(`field ${label} is no list`);
  return value;
}

export function refuse(when: boolean, why: string): void {
  if (when) throw new Error(why);
}
