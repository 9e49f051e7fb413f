import test from 'ava';
import { createWaiting, defaultWaitingLimits } from '../../src/notify/waiting.ts';
import { testClock } from '../support/clock.ts';

const turnOver = () => new Promise((resolve) => setImmediate(resolve));

function waiting(lookUp: (sender: string) => Promise<boolean>, limits = defaultWaitingLimits) {
  const resumed: string[] = [];
  const clock = testClock();
  const queue = createWaiting<string>({ lookUp, resume: (item) => resumed.push(item), limits, clock });
  return { queue, resumed };
}

test('items of one sender share one look-up and are taken up in order', async (t) => {
  let lookUps = 0;
  const { queue, resumed } = waiting(async () => ++lookUps > 0);
  t.true(queue.offer('a.test', 'one'));
  t.true(queue.offer('a.test', 'two'));
  await turnOver();
  t.deepEqual(resumed, ['one', 'two']);
  t.is(lookUps, 1);
});

test('one look-up at a time for each registrable domain; others go on meanwhile', async (t) => {
  const open = new Map<string, () => void>();
  const { queue, resumed } = waiting(
    (sender) => new Promise((resolve) => open.set(sender, () => resolve(true))),
  );
  queue.offer('x.a.test', '1');
  queue.offer('y.a.test', '2');
  queue.offer('b.test', '3');
  await turnOver();
  t.deepEqual([...open.keys()], ['x.a.test', 'b.test']);
  open.get('x.a.test')?.();
  await turnOver();
  t.deepEqual([...open.keys()], ['x.a.test', 'b.test', 'y.a.test']);
  open.get('y.a.test')?.();
  await turnOver();
  t.deepEqual(resumed, ['1', '2']);
});

test('the queue is bounded in all and per registrable domain, and empties again', async (t) => {
  const limits = { ...defaultWaitingLimits, total: 5, perRegistrable: 3 };
  const { queue } = waiting(async () => false, limits);
  t.deepEqual(
    ['a', 'b', 'c', 'd'].map((name) => queue.offer(`${name}.flood.test`, name)),
    [true, true, true, false],
  );
  t.deepEqual(
    [queue.offer('one.test', ''), queue.offer('two.test', ''), queue.offer('three.test', '')],
    [true, true, false],
  );
  await turnOver();
  t.true(queue.offer('a.flood.test', 'again'));
});

test('without budget nobody is asked, and what waited is dropped', async (t) => {
  let lookUps = 0;
  const limits = { ...defaultWaitingLimits, lookups: { perSecond: 0, burst: 1 } };
  const { queue, resumed } = waiting(async () => ++lookUps > 0, limits);
  queue.offer('a.test', '1');
  await turnOver();
  queue.offer('b.test', '2');
  await turnOver();
  t.deepEqual(resumed, ['1']);
  t.is(lookUps, 1);
});
