/** kill -9 under load: what was acknowledged is there, and nothing is there by half. More with BECKON_CRASH_ROUNDS. */
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { figures, killGroup, losses, work, type Said } from './acknowledged.ts';
import { temporaryDir } from './fixture.ts';

const words = ['stored', 'accepted', 'withdrawn', 'done', 'state', 'kept'];
const rounds = Number(process.env['BECKON_CRASH_ROUNDS'] ?? 5);

test('kill -9 under load loses nothing that was acknowledged and leaves nothing by half', async (t) => {
  t.timeout(400_000 + rounds * 20_000);
  const dir = temporaryDir(t);
  const said: Said = new Map();
  for (let round = 0; round < rounds; round++) {
    const { signal } = await work({
      dir,
      said,
      ready: async (child) => {
        await sleep(300 + ((round * 389) % 700));
        // However slow the machine is, everything was done once.
        const isEnough = () => round < rounds - 1 || words.every((word) => said.has(word));
        while (!isEnough() && child.exitCode === null) await sleep(10);
        killGroup(child);
      },
    });
    t.is(signal, 'SIGKILL');
    t.deepEqual(await losses(dir, said), []);
  }
  t.log(`${rounds} rounds`, figures(said));
  for (const word of words) t.true((said.get(word)?.size ?? 0) > 0, word);
});
