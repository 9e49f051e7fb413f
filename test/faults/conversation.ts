/** A conversation of which each deed can be done again, so that whoever takes part may die at any moment. */
import type { Client } from '../../src/client/index.ts';
import { BeckonError } from '../../src/errors.ts';
import { mailPart, memorySink, textIn } from '../client/sink.ts';

export interface Speaker {
  readonly address: string;
  /** What was read so far. */
  readonly texts: Set<string>;
  /** Does it, again where somebody died meanwhile. */
  act<T>(deed: (client: Client) => Promise<T>): Promise<T>;
  /** Forgets what it read of others, all but its pins: what they publish since is read with the next message. */
  forgetRecords(): Promise<void>;
}

/**
 * First contact, drops handed over, a message taken back, keys revoked and drops void with them; and all of it read as it comes. `pass`: time passes, a
 * second at least; called while something is waited for, and throws after long. Gives the ways that the messages took.
 */
export async function converse(
  ann: Speaker,
  bob: Speaker,
  pass: () => Promise<void>,
): Promise<readonly string[]> {
  const ways: string[] = [];
  const say = async (from: Speaker, to: Speaker, text: string): Promise<void> => {
    ways.push(await send(from, to, text));
    while (!to.texts.has(text)) {
      await read(to);
      if (!to.texts.has(text)) await pass();
    }
  };
  await say(ann, bob, 'first');
  await say(bob, ann, 'answer');
  await say(ann, bob, 'second');
  await send(ann, bob, 'taken back');
  await ann.act(async (client) => {
    const [entry] = await client.sent();
    await client.retract(entry?.number ?? 0);
  });
  // A drop of the second in which keys are revoked is none of those before.
  await pass();
  await bob.act((client) => client.revokeKeys());
  await ann.forgetRecords();
  await say(ann, bob, 'after the theft');
  await say(bob, ann, 'with new keys');
  await say(ann, bob, 'last');
  // An accept that could not be told stays owed, and is told with the next look.
  const isOwed = (end: string): boolean => end.endsWith(': stored');
  while ([...(await endsOf(ann)), ...(await endsOf(bob))].some(isOwed)) {
    await pass();
    await read(ann);
    await read(bob);
  }
  return ways;
}

export const usualWays = ['introduction', 'drop', 'drop', 'introduction', 'drop', 'drop'];

/** What must have become of everything, by the sender's list. */
export const usualEnds = {
  ann: [
    'first: accepted',
    'second: accepted',
    'taken back: withdrawn',
    'after the theft: accepted',
    'last: accepted',
  ],
  bob: ['answer: accepted', 'with new keys: accepted'],
};

/** Goes on with what was cut off, and begins only what was not begun. */
async function send(from: Speaker, to: Speaker, text: string): Promise<string> {
  await from.act(async (client) => {
    for (const { number } of await client.sending.unfinished())
      await client.sending.resume(number, async () => mailPart(text));
    if ((await client.sent()).some(({ subject }) => subject === text)) return;
    const result = await client.send({ to: [to.address], parts: [mailPart(text)], subject: text });
    if (result.number === undefined)
      throw new BeckonError('discovery_later', 'the recipient cannot be looked up now');
  });
  return await from.act(async (client) => {
    const entry = (await client.sent()).find(({ subject }) => subject === text);
    return entry?.recipients[0]?.way ?? 'none';
  });
}

async function read({ act, texts }: Speaker): Promise<void> {
  await act(async (client) => {
    await client.sync();
    for (const { number, status } of client.inbox()) if (status === 'waiting') await client.open(number);
    for (const { number, status } of client.inbox()) {
      if (status !== 'opened') continue;
      const sink = memorySink();
      await client.payload(number, sink).finally(() => {
        if (sink.committed > 0) texts.add(textIn(sink));
      });
    }
    // What is done with and owed is told.
    await client.sync();
  });
}

/** What became of what somebody sent, the oldest first. */
export async function endsOf({ act }: Speaker): Promise<readonly string[]> {
  return await act(async (client) =>
    (await client.sent())
      .map(({ subject, recipients }) => `${subject}: ${recipients.map(({ state }) => state).join()}`)
      .toReversed(),
  );
}
