/**
 * kill -9 of whole daemons, the long run. BECKON_CRASH_KILLS: how many, 200 unless told; BECKON_CRASH_SEED: what an earlier run
 * printed.
 */
import test from 'ava';
import { crash } from '../faults/crash.ts';

const kills = Number(process.env['BECKON_CRASH_KILLS'] ?? 200);
const seed = Number(process.env['BECKON_CRASH_SEED'] ?? Math.floor(Math.random() * 2 ** 32));

test(`${kills} times kill -9 under load loses nothing that was acknowledged`, async (t) => {
  t.timeout(Math.max(590_000, kills * 4000));
  t.log(`seed ${seed}`);
  const { wrong, ...figures } = await crash({ kills: Math.ceil(kills / 2), seed, longestLife: 2500 });
  t.log(JSON.stringify(figures));
  t.deepEqual(wrong, []);
  t.true(figures.acknowledged > 0);
});
