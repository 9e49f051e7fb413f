/**
 * The server of serving.ts, in a process of its own: `beckon-process.ts DIRECTORY SMALL LARGE`. The public listener with TLS over a real
 * store in DIRECTORY/store, which takes the bytes of the files in the directory SMALL and of the file LARGE as payloads. Tells its port and paths by IPC, and ends
 * when the channel closes.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/clock.ts';
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
}

const [directory = '', small = '', large = ''] = process.argv.slice(2);
const store = await openStore({
  dir: join(directory, 'store'),
  clock: systemClock,
  onFailure: (error) => console.error(error),
});
const owner = newOwner(domain);
const payloads = readdirSync(small).map((name) => readFileSync(join(small, name)));
const smallIds = await storeEach(store, owner, payloads);
const largeIds = await storeMessages(store, owner, readFileSync(large), 1);
const port = await listenPublicly(domain, serveAll(store, systemClock), directory);
const pathOf = (id: Uint8Array): string => `${publicPath}m/${textOf(id)}/payload`;
const served: Served = { port, small: smallIds.map(pathOf), large: largeIds.map(pathOf) };
process.on('disconnect', () => process.exit());
process.send?.(served);
