import test from 'ava';
import fc from 'fast-check';
import { channelOf, gapAfter } from '../../src/notify/schedule.ts';
import { repeating } from '../../src/wire/registry.ts';

test('the opening turns fall at 0, 4, 16 and 64 seconds: three by UDP, then the door', (t) => {
  const times = [0];
  for (let turn = 0; turn < 3; turn++)
    times.push((times.at(-1) as number) + gapAfter(turn, false, () => 0.99));
  t.deepEqual(times, [0, 4, 16, 64]);
  t.deepEqual([0, 1, 2, 3, 4, 50].map(channelOf), ['udp', 'udp', 'udp', 'door', 'door', 'door']);
});

test('later gaps double from 128 seconds without jitter in the middle of its range', (t) => {
  t.deepEqual(
    [3, 4, 5].map((turn) => gapAfter(turn, false, () => 0.5)),
    [128, 256, 512],
  );
});

test('no gap is longer than twelve hours or strays further than the jitter', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 3, max: 10_000 }),
      fc.double({ min: 0, max: 0.999999, noNaN: true }),
      (turn, draw) => {
        const plain = Math.min(repeating.door * 2 ** Math.min(turn - 2, 40), repeating.longestGap);
        const gap = gapAfter(turn, false, () => draw);
        return gap <= repeating.longestGap && gap >= Math.floor(plain * (1 - repeating.jitter));
      },
    ),
  );
  t.pass();
});

test('a complete fetch slows repeating to daily', (t) => {
  t.is(
    gapAfter(0, true, () => 0),
    repeating.afterFetch,
  );
  t.is(
    gapAfter(30, true, () => 0),
    repeating.afterFetch,
  );
});
