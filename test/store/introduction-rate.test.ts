import test from 'ava';
import { createIntroductionRate } from '../../src/store/introduction-rate.ts';

const now = 1_800_000_000;

test('two domains that send all they may do not keep others out', (t) => {
  const rate = createIntroductionRate();
  const admitted = (sender: string, count: number) =>
    Array.from({ length: count }, () => rate.admit('beta.test', sender, 100, now)).filter(Boolean).length;
  t.is(admitted('evil-one.test', 200), 50);
  t.is(admitted('evil-two.test', 200), 8, 'its first four, and what is left of the half for further ones');
  for (let i = 0; i < 10; i++) t.is(admitted(`friend-${i}.test`, 4), 4);
  t.is(admitted('evil-one.test', 1), 0);
  t.is(admitted('friend-11.test', 4), 2, 'the cap of all stands');
});

test('each domain and each hour has a cap of its own; none is none', (t) => {
  const rate = createIntroductionRate();
  t.true(rate.admit('beta.test', 'alpha.test', 1, now));
  t.false(rate.admit('beta.test', 'gamma.test', 1, now));
  t.true(rate.admit('delta.test', 'gamma.test', 1, now));
  t.true(rate.admit('beta.test', 'gamma.test', 1, now + 3600));
  t.false(rate.admit('beta.test', 'gamma.test', 0, now));
});
