/** kill -9 under load: what was acknowledged is there, and nothing is there by half. More with BECKON_CRASH_ROUNDS. */
import test from 'ava';
import { figures, killGroup, losses, work, type Said } from './acknowledged.ts';
import { temporaryDir } from './fixture.ts';

const rounds = Number(process.env['BECKON_CRASH_ROUNDS'] ?? 5);

test('kill -9 under load loses nothing that was acknowledged and leaves nothing by half', async (t) => {
  t.timeout(60_000 + rounds * 20_000);
  const dir = temporaryDir(t);
  const said: Said = new Map();
  for (let round = 0; round < rounds; round++) {
    const { signal } = await work({
      dir,
      said,
      ready: (child) => setTimeout(() => killGroup(child), 300 + ((round * 389) % 700)),
    });
    t.is(signal, 'SIGKILL');
    t.deepEqual(await losses(dir, said), []);
  }
  t.log(`${rounds} rounds`, figures(said));
  for (const word of ['stored', 'accepted', 'withdrawn', 'done', 'state', 'kept'])
    t.true((said.get(word)?.size ?? 0) > 0, word);
});
