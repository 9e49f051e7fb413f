/**
 * A program dies at every step that it takes in a conversation, a write or a request, before or after it has happened; another process goes on over the
 * same files. Everything arrives, and nothing is left. BECKON_EVERY_STEP=1: at each step; else at one of thirty, others in each run.
 */
import test from 'ava';
import { converse, endsOf, usualEnds, usualWays, type Speaker } from '../faults/conversation.ts';
import { machineOf } from './machine.ts';
import { createWorld, type World } from './world.ts';

const partBytes = 20_000;
const stride = process.env['BECKON_EVERY_STEP'] === '1' ? 1 : 30;

interface Mortal extends Speaker {
  readonly deaths: () => number;
}

async function mortal(world: World, local: string, domain: string, steps: number): Promise<Mortal> {
  const user = await world.addUser(local, domain);
  const machine = machineOf(world, user, { partBytes, name: local });
  let client = await machine.start(steps);
  let deaths = 0;
  return {
    address: user.address,
    texts: new Set(),
    deaths: () => deaths,
    async act(deed) {
      for (;;) {
        try {
          const result = await deed(client);
          // What dies quietly, in what nothing depends on, is dead all the same.
          if (!machine.isDead()) return result;
        } catch (error) {
          if (!machine.isDead()) throw error;
        }
        deaths++;
        client = await machine.start();
      }
    },
    async forgetRecords() {
      world.clock.advance(4000);
    },
  };
}

for (const who of ['ann', 'bob'] as const)
  test(`a conversation goes on from every step at which the program of ${who} dies`, async (t) => {
    t.timeout(600_000);
    for (let steps = 1 + Math.floor(Math.random() * stride); ; steps += stride) {
      const world = createWorld('alpha.test', 'beta.test');
      const stepsOf = (name: string): number => (name === who ? steps : Number.POSITIVE_INFINITY);
      const ann = await mortal(world, 'ann', 'alpha.test', stepsOf('ann'));
      const bob = await mortal(world, 'bob', 'beta.test', stepsOf('bob'));
      const where = `step ${steps} of ${who}`;
      let seconds = 0;
      const pass = async (): Promise<void> => {
        if (++seconds > 10) throw new Error(`something never comes: ${where}`);
        world.clock.advance(1);
      };
      t.deepEqual(await converse(ann, bob, pass), usualWays, where);
      t.deepEqual(await endsOf(ann), usualEnds.ann, where);
      t.deepEqual(await endsOf(bob), usualEnds.bob, where);
      t.deepEqual([...bob.texts], ['first', 'second', 'after the theft', 'last'], where);
      t.deepEqual([...ann.texts], ['answer', 'with new keys'], where);
      if (ann.deaths() + bob.deaths() === 0) {
        t.log(`no more than ${steps - 1} steps`);
        t.true(steps > 100);
        return;
      }
    }
  });
