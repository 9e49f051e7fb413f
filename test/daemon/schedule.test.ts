import test from 'ava';
import { startSchedule } from '../../src/daemon-schedule.ts';
import { silentLog } from '../../src/log.ts';

const everySecond = '* * * * * *';

test('the end waits for what runs, and nothing begins after it', async (t) => {
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const told: string[] = [];
  const run = async (): Promise<void> => {
    told.push('begun');
    begun.resolve();
    await goOn.promise;
    told.push('done');
  };
  const schedule = startSchedule([{ name: 'upkeep', at: everySecond, run }], silentLog);
  await begun.promise;
  const ended = schedule.end().then(() => told.push('ended'));
  await new Promise((resolve) => setImmediate(resolve));
  goOn.resolve();
  await ended;
  t.deepEqual(told, ['begun', 'done', 'ended']);
});

test('a task that fails is logged and comes again', async (t) => {
  const logged: string[] = [];
  const log = { ...silentLog, error: (event: string) => void logged.push(event) };
  let turns = 0;
  const twice = Promise.withResolvers<void>();
  const run = async (): Promise<void> => {
    if (++turns === 2) twice.resolve();
    throw new Error('no luck');
  };
  const schedule = startSchedule([{ name: 'renewal', at: everySecond, run }], log);
  await twice.promise;
  await schedule.end();
  t.deepEqual(logged.slice(0, 2), ['renewal failed', 'renewal failed']);
});
