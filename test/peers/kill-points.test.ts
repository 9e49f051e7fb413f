/**
 * Daemons that die at each step of a conversation for certain. BECKON_EVERY_STEP=1: at each; else at one of eighty, others in each run.
 */
import test from 'ava';
import { usualEnds, usualWays } from '../faults/conversation.ts';
import { killPoints } from '../faults/kill-points.ts';

const stride = process.env['BECKON_EVERY_STEP'] === '1' ? 1 : 80;

for (const side of ['alpha', 'beta'] as const)
  test.serial(`a conversation goes on from every step at which the daemon of ${side} dies`, async (t) => {
    t.timeout(3_600_000);
    const first = 1 + Math.floor(Math.random() * stride);
    let points = 0;
    for await (const { step, died, ways, ends, texts } of killPoints({ side, first, stride })) {
      const where = `step ${step} of ${side}`;
      t.deepEqual(ways, usualWays, where);
      t.deepEqual(ends, usualEnds, where);
      t.deepEqual(texts.bob, ['first', 'second', 'after the theft', 'last'], where);
      t.deepEqual(texts.ann, ['answer', 'with new keys'], where);
      if (died) points++;
      else t.log(`${points} of fewer than ${step} steps`);
    }
    t.true(points > 0);
  });
