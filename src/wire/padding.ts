/** Padded plaintexts: `u16 length, CBOR, zeros`, wire-spec/README.md section 3. */
import { BeckonError } from '../errors.ts';

const lengthBytes = 2;

/** The most bytes that fit into a padded plaintext of `size` bytes. */
export function paddedCapacity(size: number): number {
  return Math.min(size - lengthBytes, 0xffff);
}

/** `content` in a plaintext of exactly `size` bytes. Throws `cbor_too_large` where it does not fit. */
export function pad(content: Uint8Array, size: number): Uint8Array {
  if (content.length > paddedCapacity(size))
    throw new BeckonError('cbor_too_large', 'the content does not fit into its padding');
  const padded = new Uint8Array(size);
  padded[0] = content.length >> 8;
  padded[1] = content.length & 0xff;
  padded.set(content, lengthBytes);
  return padded;
}

/** The content of a padded plaintext. Throws `padding_invalid` unless the length fits and all padding is zero. */
export function unpad(padded: Uint8Array): Uint8Array {
  const end = lengthBytes + ((padded[0] ?? 0) << 8) + (padded[1] ?? 0);
  if (padded.length < lengthBytes || end > padded.length)
    throw new BeckonError('padding_invalid', 'the padded length is longer than the plaintext');
  let rest = 0;
  for (let i = end; i < padded.length; i++) rest |= padded[i] as number;
  if (rest !== 0) throw new BeckonError('padding_invalid', 'the padding is not zero');
  return padded.subarray(lengthBytes, end);
}

/** The Padme size of a payload of `length` bytes: at most 12 % more, with a floor of 4 KiB (wire-spec/message.md section 2). */
export function padmeLength(length: number, floor: number): number {
  if (length <= floor) return floor;
  const exponent = floorLog2(length);
  const significant = floorLog2(exponent) + 1;
  const step = 2 ** (exponent - significant);
  return Math.ceil(length / step) * step;
}

/** The largest e with 2^e <= n, exact up to 2^53 (Math.log2 rounds up just below large powers). */
export function floorLog2(n: number): number {
  let exponent = 0;
  for (let rest = n; rest >= 2; rest /= 2) exponent++;
  return exponent;
}

/** The size class of a ref: the smallest c with `size` <= 2^c (wire-spec/notification.md section 3). */
export function sizeClass(size: number): number {
  const floor = floorLog2(Math.max(size, 1));
  return 2 ** floor >= size ? floor : floor + 1;
}
