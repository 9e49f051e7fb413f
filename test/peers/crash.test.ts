/**
 * kill -9 of whole daemons, the long run. BECKON_CRASH_KILLS: how many, 200 unless told; BECKON_CRASH_SEED: what an earlier run
 * printed. Each 200 have two hosters of their own: the schedule of what one of them repeats must not reach further than the end of a run looks.
 */
import test from 'ava';
import { crash } from '../faults/crash.ts';

const most = 200;
const all = Number(process.env['BECKON_CRASH_KILLS'] ?? most);
const given = process.env['BECKON_CRASH_SEED'];

for (let before = 0; before < all; before += most) {
  const kills = Math.min(most, all - before);
  const from = before === 0 ? '' : `, from the ${before}th on`;
  test.serial(`${kills} times kill -9 under load loses nothing that was acknowledged${from}`, async (t) => {
    t.timeout(Math.max(590_000, kills * 4000));
    const seed = given === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(given);
    t.log(`seed ${seed}`);
    const { wrong, ...figures } = await crash({ kills: Math.ceil(kills / 2), seed, longestLife: 2500 });
    t.log(JSON.stringify(figures));
    // A comparison shows its first lines only.
    for (const line of wrong) t.log(line);
    t.is(wrong.length, 0);
    t.true(figures.acknowledged > 0);
  });
}
