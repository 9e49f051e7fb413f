/** How much of what users take waits for nobody: their states, and what is kept of what they read. Counted in the same write as what it counts. */
import { field, record, uint } from '../wire/schema.ts';
import { createFindings, rowsOf } from './check-rows.ts';
import { schemaCodec, type Engine } from './engine.ts';
import { name } from './keys.ts';

export const asideRow = record('aside', { bytes: field(1, uint()) });
export const asideKey = name('');
/** Of the tables that are counted here, what is counted. */
const sizedRow = record('sized', { size: field(2, uint()) });

export interface Aside {
  /** Inside a write. */
  change(bytes: number): void;
  bytes(): number;
}

export function createAside(engine: Engine): Aside {
  const table = engine.table('aside', schemaCodec(asideRow));
  const bytes = (): number => table.get(asideKey)?.bytes ?? 0;
  return {
    bytes,
    change: (by) => table.put(asideKey, { bytes: bytes() + by }),
  };
}

/** What there is of it. What cannot be read is not counted: to find that is the check's business. */
export async function countAside(engine: Engine): Promise<number> {
  let bytes = 0;
  for (const table of ['states', 'kept'])
    for await (const { value } of rowsOf(engine, table, schemaCodec(sizedRow), createFindings()))
      bytes += value.size;
  return bytes;
}

/** Format 1 did not count it. */
export async function recountAside(engine: Engine): Promise<() => void> {
  const table = engine.table('aside', schemaCodec(asideRow));
  const bytes = await countAside(engine);
  return () => table.put(asideKey, { bytes });
}
