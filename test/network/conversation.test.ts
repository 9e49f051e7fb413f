/** Two domains, whole and real: what two people do day by day. */
import test from 'ava';
import { startTown } from './town.ts';

test('introduction, inbox, open, payload, accept, answer over the drop, next over a new drop', async (t) => {
  await using town = await startTown();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');

  const first = await ann.send(['Bob+news@Beta.test'], 'hello', { subject: 'hi' });
  t.like(first.recipients, [{ address: bob.address, outcome: 'native', way: 'introduction' }]);

  t.like(await bob.arrivals(), [
    { number: 1, status: 'waiting', from: ann.address, fromVerified: false, way: 'introduction' },
  ]);
  t.like(await bob.client().open(1), {
    status: 'opened',
    from: ann.address,
    fromVerified: true,
    author: ann.address,
    tag: 'news',
    letterId: first.letterId,
  });
  t.is(await bob.read(1), 'hello');
  t.is(bob.client().entry(1).status, 'accepted');
  t.like(await ann.client().sent(), [{ number: 1, subject: 'hi', recipients: [{ state: 'accepted' }] }]);

  const { to, parents } = bob.client().reply(1);
  const answer = await bob.send([to], 'hello yourself', { parents });
  t.like(answer.recipients, [{ way: 'drop' }]);
  t.like(await ann.arrivals(), [
    { number: 2, status: 'opened', from: bob.address, way: 'drop', answers: { kind: 'sent', number: 1 } },
  ]);
  t.is(await ann.read(2), 'hello yourself');

  const next = await ann.send([bob.address], 'next');
  t.like(next.recipients, [{ way: 'drop' }]);
  t.like(await bob.arrivals(), [{ status: 'opened', from: ann.address, way: 'drop' }]);
  t.is(await bob.read(3), 'next');
  t.deepEqual(town.logged, []);
});
