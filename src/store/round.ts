/** Going round a table in small steps: removal by age without an index of ages, which would double every write. */
import type { Row, Table } from './engine.ts';
import { after } from './keys.ts';

/** Each call gives the next `limit` rows; after the last it begins again. */
export function createRound<V>(table: Table<V>): (limit: number) => readonly Row<V>[] {
  let from: Uint8Array | undefined;
  return (limit) => {
    const rows = table.range({ from, limit });
    const last = rows.at(-1);
    from = rows.length < limit || last === undefined ? undefined : after(last.key);
    return rows;
  };
}
