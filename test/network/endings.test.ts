/** How messages end: taken back, expired, ignored. */
import test from 'ava';
import { rejected } from '../support/identities.ts';
import { startTown, type Town } from './town.ts';

const day = 86_400;

async function annAndBob(town: Town) {
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  return { ann, bob };
}

test('taken back before anybody asked: gone, and the recipient learns that it is', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await annAndBob(town);
  await ann.send([bob.address], 'a mistake');
  t.like(await bob.arrivals(), [{ number: 1, status: 'waiting' }]);
  const retracted = await ann.client().retract(1);
  t.like(retracted.recipients, [{ outcome: 'withdrawn', asked: false }]);
  t.like(await bob.arrivals(), [{ number: 1, status: 'withdrawn' }]);
  t.is(await rejected(bob.read(1)), 'message_gone');
  t.is((await town.hoster('alpha').admin.status()).waiting.messages, 0);
  t.like(await ann.client().sent(), [{ recipients: [{ state: 'withdrawn' }] }]);
  t.like((await ann.client().retract(1)).recipients, [{ outcome: 'withdrawn' }], 'again is the same again');
});

test('taken back before the recipient looked: only that there was something is seen', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await annAndBob(town);
  await ann.send([bob.address], 'a mistake');
  await town.hoster('alpha').catchUp();
  await ann.client().retract(1);
  await town.hoster('alpha').catchUp();
  const entries = await bob.arrivals();
  t.is(entries.length, 1);
  // Whichever of the two notifications was there when bob looked.
  if (entries[0]?.status === 'waiting') t.like(await bob.arrivals(), [{ status: 'withdrawn' }]);
  t.is(await rejected(bob.read(1)), 'message_gone');
});

test('taken back after its header was read: the payload is gone, it may have been read', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await annAndBob(town);
  await ann.send([bob.address], 'half read');
  await bob.arrivals();
  t.is((await bob.client().open(1)).status, 'opened');
  t.like((await ann.client().retract(1)).recipients, [{ outcome: 'withdrawn_maybe_read', asked: false }]);
  t.is(await rejected(bob.read(1)), 'message_gone');
});

test('taken back after it was accepted: the recipient is asked to forget it', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await annAndBob(town);
  await ann.send([bob.address], 'too late', { subject: 'late' });
  await bob.arrivals();
  t.is(await bob.read(1), 'too late');
  t.like((await ann.client().retract(1)).recipients, [{ outcome: 'already_accepted', asked: true }]);
  t.like(await bob.arrivals(), [{ number: 2, status: 'opened', retracts: 1 }]);
  t.is(bob.client().entry(1).retractedBy, 2);
  t.is(bob.client().entry(1).status, 'accepted', 'what one has is theirs');
});

test('what nobody fetches expires at both domains, and its sender is told', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await annAndBob(town);
  const expires = town.clock.seconds() + 2 * day;
  const { recipients } = await ann.send([bob.address], 'until the day after tomorrow', { expires });
  await bob.arrivals();
  town.clock.advance(3 * day);
  for (const hoster of town.hosters()) await hoster.catchUp();
  t.like(await ann.client().sent(), [{ recipients: [{ state: 'expired' }] }]);
  const status = await town.hoster('alpha').admin.status();
  t.is(status.waiting.messages, 0);
  // Less than any message: what is left is the state of the user.
  t.true(status.waiting.bytes < 8000, `${status.waiting.bytes}`);
  await bob.client().sync();
  t.is(bob.client().entry(1).status, 'expired');
  const trace = await town.hoster('alpha').admin.trace(recipients[0]?.handles?.[0] ?? '');
  t.deepEqual(
    trace.map(({ event }) => event),
    ['stored', 'expired'],
  );
  t.is((await town.hoster('beta').admin.status()).received.introductions, 0, 'the feed forgot it too');
});

test('half a year: records are renewed, drops grow old, people still reach each other', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await annAndBob(town);
  await ann.send([bob.address], 'first');
  await bob.arrivals();
  await bob.read(1);
  for (const [from, to] of [
    [bob, ann],
    [ann, bob],
    [bob, ann],
  ] as const) {
    town.clock.advance(60 * day);
    for (const hoster of town.hosters()) await hoster.catchUp();
    await to.client().sync();
    await from.send([to.address], 'still there?');
    const [entry] = await to.arrivals();
    t.is(await to.read(entry?.number ?? 0), 'still there?');
  }
});

test('what was ignored is done with: nobody fetches it and it does not come again', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await annAndBob(town);
  await ann.send([bob.address], 'buy this');
  await bob.arrivals();
  t.is((await bob.client().ignore(1)).status, 'ignored');
  await bob.client().sync();
  for (const seconds of [4, 12, 48, 64, 128]) {
    town.clock.advance(seconds);
    await town.hoster('alpha').catchUp();
    await town.hoster('beta').catchUp();
  }
  t.deepEqual((await bob.client().sync()).entries, []);
  t.is(bob.client().inbox().length, 1);
  t.like(await ann.client().sent(), [{ recipients: [{ state: 'stored' }] }]);
});

test('taken down by the hoster: nobody gets it any more, the sender sees why, the report of one who has it ends the rest', async (t) => {
  await using town = await startTown();
  const { ann, bob } = await annAndBob(town);
  const eve = await town.enroll('eve@beta.test');
  await ann.send([bob.address, eve.address], 'buy now');
  await ann.send([eve.address], 'something else');
  await bob.arrivals();
  t.is(await bob.read(1), 'buy now');
  const handle = bob.client().entry(1).handle;
  const { admin } = town.hoster('alpha');
  t.deepEqual(await admin.takedown(handle, 'spam'), {
    outcome: 'taken_down',
    domain: 'alpha.test',
    ended: 1,
  });
  t.is((await admin.takedown(handle, 'law')).outcome, 'gone', 'nothing more waits with it');
  t.is((await admin.status()).waiting.messages, 1, 'of other messages nothing ends');
  const [, first] = await ann.client().sent();
  t.like(first, { recipients: [{ state: 'accepted' }, { state: 'withdrawn' }] });
  const taken = first!.recipients[1]!.messages[0]!;
  t.is(taken.takedown, 'spam');
  t.deepEqual(
    (await admin.trace(taken.handle))
      .filter(({ event }) => event === 'taken_down')
      .map(({ detail }) => detail),
    ['spam'],
  );
  t.is((await admin.takedown(taken.handle, 'law')).ended, 0, 'again it is done, with the first reason');
  t.is((await ann.client().sent())[1]!.recipients[1]!.messages[0]!.takedown, 'spam');
  await town.hoster('alpha').catchUp();
  const entries = await eve.arrivals();
  t.true(entries.every(({ status }) => status === 'waiting' || status === 'withdrawn'));
  const outcomes = await Promise.all(entries.map(({ number }) => rejected(eve.read(number))));
  t.deepEqual(outcomes.filter((outcome) => outcome !== 'no error').length, entries.length - 1);
  t.is(await rejected(admin.takedown('a'.repeat(16), 'law')), 'not_found');
  t.is(await rejected(admin.takedown('x', 'law')), 'request_invalid');
});
