/** Contact cards between whole domains: real daemons, stores, DNS and TLS. */
import test from 'ava';
import type { Client, InboxEntry } from '../../src/client/api.ts';
import { eventually } from './eventually.ts';
import { memoryFile, openClient } from './person.ts';
import { startTown } from './town.ts';

/** Collects until something has this status. */
const comes = (client: Client, status: InboxEntry['status']): Promise<InboxEntry> =>
  eventually('message', async () => {
    await client.sync();
    return client.inbox().find((entry) => entry.status === status);
  });

test('a card by its link: nothing is introduced, it is used once, and what it vouched for waits when it changes', async (t) => {
  await using town = await startTown();
  const ann = await town.enroll('ann@alpha.test');
  const carl = await town.enroll('carl@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  const card = await bob.client().cards.make({ note: 'from the fair' });
  const { whole } = await carl.client().cards.read(card.link);
  const sent = await ann.send([card.link], 'over the card');
  t.like(sent.recipients, [{ to: bob.address, outcome: 'native', way: 'card' }]);
  t.true(sent.recipients[0]?.trust?.reasons.includes('card'));
  t.is(sent.recipients[0]?.trust?.level, 'dns');
  t.like(await bob.arrivals(), [{ number: 1, status: 'waiting', way: 'card', card: 'from the fair' }]);
  t.is(await bob.read(1), 'over the card');
  t.like(bob.client().entry(1), { from: ann.address, fromVerified: true });

  await t.throwsAsync(carl.client().cards.read(card.link), { code: 'not_found' });
  t.like(await carl.send([whole], 'second'), { recipients: [{ way: 'card' }] });
  await bob.arrivals();
  await bob.client().open(2);
  t.like(bob.client().entry(2), { status: 'refused', refusal: 'message_mismatch' });

  t.like((await bob.send([ann.address], 'answer')).recipients, [{ way: 'drop' }]);
  t.like(await ann.arrivals(), [{ status: 'opened', from: bob.address, way: 'drop' }]);
  t.like((await ann.send([bob.address], 'next')).recipients, [{ way: 'drop' }]);
  t.like(await bob.arrivals(), [{ status: 'opened', from: ann.address, way: 'drop' }]);
});

test('a card outlives restarts of everybody, and ends at its domain when it ends', async (t) => {
  await using town = await startTown();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  const card = await bob.client().cards.make({ lasts: 86_400 });
  const revoked = await bob.client().cards.make({ lasts: 86_400 });
  await bob.client().cards.revoke(revoked.id);
  await bob.restart();
  await town.hoster('beta').restart();
  t.like(await ann.client().cards.read(card.link), { address: bob.address, whole: card.whole });
  await t.throwsAsync(ann.client().cards.read(revoked.link), { code: 'not_found' });
  await ann.restart();
  await ann.send([card.whole], 'after all that');
  await bob.arrivals();
  t.is(await bob.read(1), 'after all that');
  town.clock.advance(86_401);
  await t.throwsAsync(ann.client().cards.read(card.link), { code: 'not_found' });
});

test('a card is every device’s: another one of its owner takes what comes, and one that was restored', async (t) => {
  await using town = await startTown();
  await using stack = new AsyncDisposableStack();
  const ann = await town.enroll('ann@alpha.test');
  const carl = await town.enroll('carl@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  const open = async () => {
    const files = { state: memoryFile(), secrets: memoryFile() };
    const client = await openClient(files, town.clock, town.surroundings);
    stack.defer(() => client.close());
    return client;
  };
  const phone = await open();
  await phone.pair((await bob.client().devices.add()).code, 'phone');
  const [first, second] = [await bob.client().cards.make(), await bob.client().cards.make()];
  await ann.send([first.link], 'to the phone');
  await bob.arrivals();
  await phone.sync();
  t.deepEqual(
    phone.cards
      .list()
      .map(({ id }) => id)
      .toSorted(),
    [first.id, second.id].toSorted(),
  );
  t.like(await phone.open(1), { status: 'opened', from: ann.address, way: 'card' });
  await carl.send([first.whole], 'too late');
  t.is((await comes(bob.client(), 'refused')).refusal, 'message_mismatch');

  const phrase = await bob.client().devices.phrase();
  await carl.send([second.link], 'to whoever is left');
  const later = await open();
  await later.restore(bob.address, phrase, 'new');
  const waiting = await comes(later, 'waiting');
  t.like(await later.open(waiting.number), { status: 'opened', from: carl.address, way: 'card' });
});
