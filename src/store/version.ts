/** The version of what is on disk, and the address space that it is mapped into. */
import { BeckonError } from '../errors.ts';
import { field, record, uint } from '../wire/schema.ts';
import { schemaCodec, type Engine } from './engine.ts';
import { name } from './keys.ts';

/** Fields may be added to rows, and tables beside the others, without a new version; anything else needs one. */
export const schemaVersion = 1;

/** Upper bounds, no quotas: nothing is allocated. */
export const tablesSpace = 64 * 2 ** 30;
export const blobsSpace = 2 ** 40;

const metaRow = record('meta', { version: field(1, uint()) });
const key = name('meta');

/** The version of a store, undefined for an empty one. Throws `state_invalid` for one of a newer program. */
export function expectVersion(tables: Engine): number | undefined {
  const version = tables.table('meta', schemaCodec(metaRow)).get(key)?.version;
  if (version !== undefined && version > schemaVersion)
    throw new BeckonError(
      'state_invalid',
      `the store has format ${version}, this program reads up to ${schemaVersion}: use a newer program`,
    );
  return version;
}

/** Throws as `expectVersion`; gives an empty store this version. */
export async function settleVersion(tables: Engine): Promise<void> {
  const meta = tables.table('meta', schemaCodec(metaRow));
  if (expectVersion(tables) === undefined)
    await tables.write(() => meta.put(key, { version: schemaVersion }));
}
