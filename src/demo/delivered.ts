/** Whether what arrived is what was sent: hashes and lengths of the bytes on disk. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** A file as it was given, and where the recipient saved it. */
export interface Delivery {
  readonly sent: string;
  readonly received: string;
}

export interface Comparison {
  /** For each file `sent <sha256> <bytes>` and `received <sha256> <bytes>`. */
  readonly lines: readonly string[];
  readonly agree: boolean;
}

/** Reads all files again. False also where there is nothing to compare. Throws where a file cannot be read. */
export async function compare(deliveries: readonly Delivery[]): Promise<Comparison> {
  const lines: string[] = [];
  let agree = deliveries.length > 0;
  for (const { sent, received } of deliveries) {
    const [before, after] = await Promise.all([describe(sent), describe(received)]);
    lines.push(`sent ${before}`, `received ${after}`);
    agree &&= before === after;
  }
  return { lines, agree };
}

async function describe(path: string): Promise<string> {
  const hash = createHash('sha256');
  let length = 0;
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) {
    const bytes = piece as Uint8Array;
    hash.update(bytes);
    length += bytes.length;
  }
  return `${hash.digest('hex')} ${length}`;
}
