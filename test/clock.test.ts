import test from 'ava';
import { createSteadyClock, earlierOf } from '../src/clock.ts';
import { testClock } from './support/clock.ts';

const hour = 3600;
const day = 24 * hour;
const year = 365 * day;

for (const jump of [hour, -hour, year, -year])
  test(`a jump of ${jump} s is not believed before a day has passed without another`, (t) => {
    const clock = testClock();
    const steady = createSteadyClock(clock);
    const start = clock.seconds();
    clock.jump(jump);
    t.is(steady.seconds(), start);
    for (let hours = 1; hours < 24; hours++) {
      clock.advance(hour);
      t.is(steady.seconds(), start + hours * hour);
    }
    clock.advance(hour);
    t.is(steady.seconds(), clock.seconds());
  });

test('a jump that is taken back leaves nothing, and another begins the day anew', (t) => {
  const clock = testClock();
  const steady = createSteadyClock(clock);
  const start = clock.seconds();
  clock.jump(year);
  steady.seconds();
  clock.advance(23 * hour);
  steady.seconds();
  clock.jump(hour);
  steady.seconds();
  clock.advance(2 * hour);
  t.is(steady.seconds(), start + 25 * hour);
  clock.jump(-year - hour);
  t.is(steady.seconds(), clock.seconds());
  clock.advance(day);
  t.is(steady.seconds(), clock.seconds());
});

test('drift and small steps are followed at once', (t) => {
  const clock = testClock();
  const steady = createSteadyClock(clock);
  for (const step of [50, -50, 60, -60]) {
    clock.jump(step);
    t.is(steady.seconds(), clock.seconds());
  }
});

test('what ends by both does so when the later one to say so does', (t) => {
  const clock = testClock();
  const both = earlierOf(clock, createSteadyClock(clock));
  const start = clock.seconds();
  clock.jump(year);
  t.is(both.seconds(), start);
  clock.jump(-2 * year);
  t.is(both.seconds(), start - year);
});
