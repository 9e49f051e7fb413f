/**
 * Rotates and revokes the keys below the directory given, a day in each turn, until it is killed. For each change that its operator
 * would have been told of it prints the ids of all keys, in hex.
 */
import { writeSync } from 'node:fs';
import { loadDomainKeys } from '../../src/admin/key-files.ts';
import { createKeyKeeper } from '../../src/admin/key-keeper.ts';
import { systemRandom as random } from '../../src/crypto/random.ts';
import { selectKey } from '../../src/keys/key-pair.ts';
import { revokeDomainKey } from '../../src/keys/key-changes.ts';
import { createKeyRing } from '../../src/keys/key-ring.ts';
import { silentLog as log } from '../../src/log.ts';
import { testClock } from '../support/clock.ts';

const day = 86_400;
const [dataDir = ''] = process.argv.slice(2);

const keyRing = createKeyRing();
for (const keys of await loadDomainKeys(dataDir)) keyRing.set(keys);
const [domain = ''] = keyRing.domains();
const clock = testClock(keyRing.keysOf(domain)?.progress.counted);
const keeper = createKeyKeeper({
  dataDir,
  keyRing,
  publish: async () => {},
  rotation: () => 14 * day,
  clock,
  random,
  log,
});
for (let turn = 0; ; turn++) {
  clock.advance(day);
  await keeper.run();
  if (turn % 5 === 4)
    await keeper.change(domain, (keys) => {
      const now = clock.seconds();
      return revokeDomainKey(keys, selectKey(keys.keys, 'poll', now).id, { now, random });
    });
  const ids = keyRing.keysOf(domain)?.keys.map(({ id }) => Buffer.from(id).toString('hex'));
  writeSync(1, `${ids?.join(' ')}\n`);
}
