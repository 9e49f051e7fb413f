/** Netstrings, as Postfix frames its questions to tables: `LENGTH:BYTES,`. */

export interface NetstringReader {
  /** The texts that are complete by now, in order; undefined where what came is no netstring, or too long. */
  push(bytes: Uint8Array): readonly string[] | undefined;
  /** Whether something came that is not complete. */
  isAmid(): boolean;
}

const colon = 0x3a;
const comma = 0x2c;

/** `maxLength`: the most bytes of one text. */
export function createNetstringReader(maxLength: number): NetstringReader {
  const digits = String(maxLength).length;
  let left: Uint8Array = new Uint8Array(0);

  /** Where the first netstring ends, 0 where it is not complete; undefined where there is none. */
  function first(): { readonly from: number; readonly to: number } | 'incomplete' | undefined {
    const end = left.indexOf(colon);
    const head = left.subarray(0, end < 0 ? left.length : end);
    if (head.length > digits || (end === 0 && head.length === 0) || !head.every(isDigit)) return undefined;
    if (end < 0) return 'incomplete';
    // No leading zeros: one length, one spelling.
    const text = Buffer.from(head).toString('latin1');
    const length = Number(text);
    if (length > maxLength || text !== String(length)) return undefined;
    const to = end + 1 + length;
    if (left.length <= to) return 'incomplete';
    return left[to] === comma ? { from: end + 1, to } : undefined;
  }

  return {
    push(bytes) {
      left = left.length === 0 ? bytes : Buffer.concat([left, bytes]);
      const texts: string[] = [];
      while (left.length > 0) {
        const found = first();
        if (found === undefined) return undefined;
        if (found === 'incomplete') break;
        texts.push(Buffer.from(left.subarray(found.from, found.to)).toString('utf8'));
        left = left.subarray(found.to + 1);
      }
      return texts;
    },
    isAmid: () => left.length > 0,
  };
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

export function netstring(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from(`${bytes.length}:`), bytes, Buffer.from(',')]);
}
