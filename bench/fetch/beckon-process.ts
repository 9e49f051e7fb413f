/**
 * The server of serving.ts, in a process of its own: `beckon-process.ts DIRECTORY SMALL LARGE FRESH`. The public listener with TLS over a real
 * store in DIRECTORY/store, which takes the bytes of the files in the directory SMALL and of the file LARGE as payloads, and FRESH messages more that
 * nobody fetched yet. Tells its port and paths by IPC, and ends
 * when the channel closes.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/clock.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { textOf } from '../../src/http/gather.ts';
import { openStore } from '../../src/store/store.ts';
import { publicPath } from '../../src/wire/registry.ts';
import { listenPublicly, serveAll } from '../public-listener.ts';
import { newOwner, storeEach, storeMessages } from '../stored-messages.ts';

export const domain = 'alpha.test';

/** What a client needs to fetch. */
export interface Served {
  readonly port: number;
  readonly small: readonly string[];
  readonly large: readonly string[];
  /** As small ones, each of its own. */
  readonly fresh: string[];
}

const [directory = '', small = '', large = '', fresh = ''] = process.argv.slice(2);
const store = await openStore({
  dir: join(directory, 'store'),
  clock: systemClock,
  onFailure: (error) => console.error(error),
});
const owner = newOwner(domain);
const payloads = readdirSync(small).map((name) => readFileSync(join(small, name)));
const smallIds = await storeEach(store, owner, payloads);
const freshIds = await storeFresh(Number(fresh), payloads[0]?.length ?? 0);
const largeIds = await storeMessages(store, owner, readFileSync(large), 1);
const port = await listenPublicly(domain, serveAll(store, systemClock), directory);
const pathOf = (id: Uint8Array): string => `${publicPath}m/${textOf(id)}/payload`;
const served: Served = {
  port,
  small: smallIds.map(pathOf),
  large: largeIds.map(pathOf),
  fresh: freshIds.map(pathOf),
};
process.on('disconnect', () => process.exit());
process.send?.(served);

async function storeFresh(count: number, size: number): Promise<readonly Uint8Array[]> {
  const ids: Uint8Array[] = [];
  while (ids.length < count) {
    const some = Array.from({ length: Math.min(512, count - ids.length) }, () => systemRandom(size));
    ids.push(...(await storeEach(store, owner, some)));
  }
  return ids;
}
