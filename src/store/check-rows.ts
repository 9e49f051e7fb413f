/** Reading a store row by row, to check it: what cannot be read is a finding, not an error. */
import { setImmediate } from 'node:timers/promises';
import { rawCodec, type Codec, type Engine, type Row, type Table } from './engine.ts';
import { after } from './keys.ts';

/** Something that contradicts itself. */
export interface Finding {
  readonly table: string;
  readonly problem: string;
  /** The row's key, hexadecimal, cut after 24 bytes: hashes and names, never an id. */
  readonly row: string;
}

export type Report = (table: string, key: Uint8Array, problem: string) => void;

/** Most findings that are kept; all are counted. */
const maxFindings = 1000;
const keyShown = 24;

export interface Findings {
  readonly report: Report;
  /** Counts a row that was read. */
  readonly seen: () => void;
  result(): { readonly rows: number; readonly total: number; readonly findings: readonly Finding[] };
}

export function createFindings(): Findings {
  const findings: Finding[] = [];
  let total = 0;
  let rows = 0;
  return {
    report(table, key, problem) {
      total++;
      if (findings.length < maxFindings)
        findings.push({ table, problem, row: Buffer.from(key.subarray(0, keyShown)).toString('hex') });
    },
    seen: () => void rows++,
    result: () => ({ rows, total, findings }),
  };
}

const step = 1000;

/** All rows of a table that can be read; others have a turn in between. */
export async function* rowsOf<V>(
  engine: Engine,
  table: string,
  codec: Codec<V>,
  { report, seen }: Pick<Findings, 'report' | 'seen'>,
): AsyncGenerator<Row<V>> {
  const raw = engine.table(table, rawCodec);
  let from: Uint8Array | undefined;
  for (;;) {
    const part = raw.range({ from, limit: step });
    for (const { key, value } of part) {
      seen();
      const row = decoded(codec, value);
      if (row === undefined) report(table, key, 'cannot be read');
      else yield { key, value: row.value };
    }
    const last = part.at(-1);
    if (last === undefined || part.length < step) return;
    from = after(last.key);
    await setImmediate();
  }
}

/** A row that is there and can be read; reading the table as a whole reports one that cannot. */
export function readable<V>(table: Pick<Table<V>, 'get'>, key: Uint8Array): V | undefined {
  try {
    return table.get(key);
  } catch {
    return undefined;
  }
}

function decoded<V>(codec: Codec<V>, bytes: Uint8Array): { readonly value: V } | undefined {
  try {
    return { value: codec.decode(bytes) };
  } catch {
    return undefined;
  }
}
