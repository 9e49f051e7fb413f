import test from 'ava';
import { createCredit } from '../../src/notify/credit.ts';
import { repeating } from '../../src/wire/registry.ts';
import { testClock } from '../support/clock.ts';

function spendAll(spend: () => boolean): number {
  let spent = 0;
  while (spent < 1000 && spend()) spent++;
  return spent;
}

test('a destination has a burst, then one datagram for each interval', (t) => {
  const clock = testClock();
  const credit = createCredit(clock);
  t.is(
    spendAll(() => credit.spend('a.test')),
    repeating.creditBurst,
  );
  clock.advance(repeating.creditInterval - 1);
  t.false(credit.spend('a.test'));
  clock.advance(1);
  t.true(credit.spend('a.test'));
  t.false(credit.spend('a.test'));
});

test('credit is per destination, a fetch earns one more, and it never exceeds the burst', (t) => {
  const clock = testClock();
  const credit = createCredit(clock);
  spendAll(() => credit.spend('a.test'));
  t.true(credit.spend('b.test'));
  credit.earn('a.test');
  t.is(
    spendAll(() => credit.spend('a.test')),
    1,
  );
  clock.advance(86_400);
  for (let i = 0; i < 100; i++) credit.earn('a.test');
  t.is(
    spendAll(() => credit.spend('a.test')),
    repeating.creditBurst,
  );
});
