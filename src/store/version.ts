/** The version of what is on disk, what brings an older one to it, and the address space that it is mapped into. */
import { BeckonError } from '../errors.ts';
import { field, record, uint } from '../wire/schema.ts';
import { recountAside } from './aside.ts';
import { schemaCodec, type Engine } from './engine.ts';
import { name } from './keys.ts';

/**
 * Fields may be added to rows, and tables beside the others, without a new version where an older program does right without them; anything
 * else needs one, so that such a program refuses the store.
 *
 *  1  payloads in chunks alone; all that users have counts as waiting
 *  2  small payloads lie in a table, what waits for nobody is counted apart, and of what is pulled only what came counts
 */
export const schemaVersion = 2;

/** Looks at a store of a version, and gives the change that makes it one of the next: it runs in one write with the new number. */
type Migration = (tables: Engine) => Promise<() => void>;

const migrations: Readonly<Record<number, Migration>> = { 1: recountAside };

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

/**
 * Throws as `expectVersion`; gives an empty store this version, and brings an older one to it, version by version: one that is cut off goes on
 * at the next start.
 */
export async function settleVersion(tables: Engine): Promise<void> {
  const meta = tables.table('meta', schemaCodec(metaRow));
  const found = expectVersion(tables);
  if (found === undefined) return await tables.write(() => meta.put(key, { version: schemaVersion }));
  for (let version = found; version < schemaVersion; version++) {
    const change = await migrations[version]?.(tables);
    if (change === undefined)
      throw new BeckonError('state_invalid', `the store has format ${version}, which no program wrote`);
    await tables.write(() => {
      change();
      meta.put(key, { version: version + 1 });
    });
  }
}
