/**
 * CBOR for the vectors, written independently of src/wire and able to write what it refuses: maps keep the order of
 * their pairs, and encoded items may be put in as they are.
 */
export type Node = number | boolean | string | Uint8Array | readonly Node[] | Pairs | Raw;

/** A map: its pairs in the order in which they are written. */
export interface Pairs {
  readonly pairs: readonly (readonly [Node, Node])[];
}

/** Bytes that are put in as they are, in hex. */
export interface Raw {
  readonly raw: string;
}

export const map = (...pairs: readonly (readonly [Node, Node])[]): Pairs => ({ pairs });
export const raw = (hex: string): Raw => ({ raw: hex });

/** The encoding, with shortest heads. */
export function encode(node: Node): Uint8Array {
  return new Uint8Array(bufferOf(node));
}

function bufferOf(node: Node): Buffer {
  if (typeof node === 'boolean') return Buffer.of(node ? 0xf5 : 0xf4);
  if (typeof node === 'number') return node >= 0 ? head(0, node) : head(1, -1 - node);
  if (typeof node === 'string') return Buffer.concat([head(3, Buffer.byteLength(node)), Buffer.from(node)]);
  if (node instanceof Uint8Array) return Buffer.concat([head(2, node.length), node]);
  if ('raw' in node) return Buffer.from(node.raw, 'hex');
  if ('pairs' in node)
    return Buffer.concat([head(5, node.pairs.length), ...node.pairs.flat().map((item) => bufferOf(item))]);
  return Buffer.concat([head(4, node.length), ...node.map((item) => bufferOf(item))]);
}

/** The head of an item of a major type with its argument. */
export function head(major: number, argument: number): Buffer {
  if (argument < 24) return Buffer.of((major << 5) | argument);
  const sizes = [0x100, 0x10000, 0x100000000];
  const width = sizes.findIndex((limit) => argument < limit);
  const bytes = Buffer.alloc(9);
  bytes.writeBigUInt64BE(BigInt(argument), 1);
  const length = width < 0 ? 8 : 1 << width;
  bytes[8 - length] = (major << 5) | (24 + (width < 0 ? 3 : width));
  return bytes.subarray(8 - length);
}
