/**
 * Two people's programs die at every step that they take, a write or a request, before or after it has happened; another process goes on over the same
 * files. Everything arrives, is accepted once, and nothing is left: first contact, drops that are handed over, keys that are revoked, what is taken back.
 * BECKON_EVERY_STEP=1: at each step; else at one of thirty, others in each run.
 */
import test from 'ava';
import type { Client } from '../../src/client/index.ts';
import { machineOf, type Machine } from './machine.ts';
import { mailPart, memorySink, textIn } from './sink.ts';
import { createWorld, type World } from './world.ts';

const partBytes = 20_000;
const stride = process.env['BECKON_EVERY_STEP'] === '1' ? 1 : 30;

interface Somebody {
  readonly address: string;
  /** Does it again in another process where this one dies; so each deed is one that can be done again. */
  act<T>(deed: (client: Client) => Promise<T>): Promise<T>;
  readonly machine: Machine;
  readonly texts: Set<string>;
  readonly deaths: () => number;
}

async function somebody(world: World, local: string, domain: string, steps: number): Promise<Somebody> {
  const user = await world.addUser(local, domain);
  const machine = machineOf(world, user, { partBytes, name: local });
  let client = await machine.start(steps);
  let deaths = 0;
  return {
    address: user.address,
    machine,
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
  };
}

/** Goes on with what was cut off, and begins only what was not begun. */
async function send(from: Somebody, to: Somebody, text: string): Promise<string> {
  await from.act(async (client) => {
    for (const { number } of await client.sending.unfinished())
      await client.sending.resume(number, async () => mailPart(text));
    if ((await client.sent()).some(({ subject }) => subject === text)) return;
    await client.send({ to: [to.address], parts: [mailPart(text)], subject: text });
  });
  return await from.act(async (client) => {
    const [entry] = await client.sent();
    return entry?.recipients[0]?.way ?? 'none';
  });
}

async function read(person: Somebody): Promise<void> {
  await person.act(async (client) => {
    await client.sync();
    for (const { number, status } of client.inbox()) if (status === 'waiting') await client.open(number);
    for (const { number, status } of client.inbox()) {
      if (status !== 'opened') continue;
      const sink = memorySink();
      await client.payload(number, sink).finally(() => {
        if (sink.committed > 0) person.texts.add(textIn(sink));
      });
    }
    // What is done with and owed is told.
    await client.sync();
  });
}

async function conversation(world: World, ann: Somebody, bob: Somebody): Promise<readonly string[]> {
  const ways: string[] = [];
  ways.push(await send(ann, bob, 'first'));
  await read(bob);
  ways.push(await send(bob, ann, 'answer'));
  await read(ann);
  ways.push(await send(ann, bob, 'second'));
  await send(ann, bob, 'taken back');
  await ann.act(async (client) => {
    const [entry] = await client.sent();
    await client.retract(entry?.number ?? 0);
  });
  await read(bob);
  world.clock.advance(1);
  await bob.act((client) => client.revokeKeys());
  world.clock.advance(4000);
  ways.push(await send(ann, bob, 'after the theft'));
  await read(bob);
  ways.push(await send(bob, ann, 'with new keys'));
  await read(ann);
  ways.push(await send(ann, bob, 'last'));
  await read(bob);
  return ways;
}

async function states(person: Somebody): Promise<readonly string[]> {
  return await person.act(async (client) =>
    (await client.sent())
      .map(({ subject, recipients }) => `${subject}: ${recipients[0]?.state}`)
      .toReversed(),
  );
}

for (const who of ['ann', 'bob'] as const)
  test(`a conversation goes on from every step at which the program of ${who} dies`, async (t) => {
    t.timeout(600_000);
    for (let steps = 1 + Math.floor(Math.random() * stride); ; steps += stride) {
      const world = createWorld('alpha.test', 'beta.test');
      const stepsOf = (name: string): number => (name === who ? steps : Number.POSITIVE_INFINITY);
      const ann = await somebody(world, 'ann', 'alpha.test', stepsOf('ann'));
      const bob = await somebody(world, 'bob', 'beta.test', stepsOf('bob'));
      const where = `step ${steps} of ${who}`;
      t.deepEqual(
        await conversation(world, ann, bob),
        ['introduction', 'drop', 'drop', 'introduction', 'drop', 'drop'],
        where,
      );
      t.deepEqual(
        await states(ann),
        [
          'first: accepted',
          'second: accepted',
          'taken back: withdrawn',
          'after the theft: accepted',
          'last: accepted',
        ],
        where,
      );
      t.deepEqual(await states(bob), ['answer: accepted', 'with new keys: accepted'], where);
      t.deepEqual([...bob.texts], ['first', 'second', 'after the theft', 'last'], where);
      t.deepEqual([...ann.texts], ['answer', 'with new keys'], where);
      if (ann.deaths() + bob.deaths() === 0) {
        t.log(`no more than ${steps - 1} steps`);
        t.true(steps > 100);
        return;
      }
    }
  });
