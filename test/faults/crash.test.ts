/** The short run; `test/peers/crash.test.ts` is the long one. */
import test from 'ava';
import { crash } from './crash.ts';

test('kill -9 of both daemons under load loses nothing that was acknowledged', async (t) => {
  t.timeout(600_000);
  const seed = Math.floor(Math.random() * 2 ** 32);
  t.log(`seed ${seed}`);
  const { wrong, ...figures } = await crash({ kills: 3, seed, longestLife: 2500 });
  t.log(JSON.stringify(figures));
  // A comparison shows its first lines only.
  for (const line of wrong) t.log(line);
  t.is(wrong.length, 0);
  t.true(figures.acknowledged > 0);
});
