/** The clocks of running domains jump: nothing that waits ends early. */
import test from 'ava';
import { eventually } from './eventually.ts';
import { startTown } from './town.ts';

const hour = 3600;
const day = 24 * hour;
const year = 365 * day;

for (const jump of [hour, -hour, year, -year])
  test(`the clock jumps by ${jump} s and is set right: what waited waits, and is read`, async (t) => {
    await using town = await startTown();
    const ann = await town.enroll('ann@alpha.test');
    const bob = await town.enroll('bob@beta.test');
    await ann.send([bob.address], 'still here', { expires: town.clock.seconds() + 4 * day });
    for (const hoster of town.hosters()) await hoster.catchUp();
    // A datagram that is on its way while the clock jumps is one of another year.
    await eventually('ref', async () => {
      const { received } = await town.hoster('beta').admin.status();
      return received.stored > 0 || undefined;
    });
    const before = await town.hoster('alpha').admin.status();
    town.clock.jump(jump);
    for (let hours = 0; hours < 2; hours++) {
      for (const hoster of town.hosters()) await hoster.catchUp();
      town.clock.advance(hour);
    }
    for (const hoster of town.hosters()) await hoster.catchUp();
    t.is((await town.hoster('alpha').admin.status()).waiting.messages, before.waiting.messages);
    town.clock.jump(-jump);
    // What was signed while it was wrong is signed again once the clock is believed: wire-spec/timing.md section 1.
    for (let hours = 0; hours < 54; hours += 6) {
      for (const hoster of town.hosters()) await hoster.catchUp();
      town.clock.advance(6 * hour);
    }
    for (const hoster of town.hosters()) await hoster.catchUp();
    // All domains of a town jump together and believe each other's records of the year to come: nobody else would, and later ones are older.
    const more = jump === year ? [] : ['and after it'];
    for (const text of more) await ann.send([bob.address], text);
    for (const hoster of town.hosters()) await hoster.catchUp();
    const entries = await bob.arrivals();
    const texts = await Promise.all(entries.map(({ number }) => bob.read(number)));
    t.deepEqual(texts.toSorted(), [...more, 'still here'].toSorted());
    for (const { recipients } of await ann.client().sent()) t.like(recipients, [{ state: 'accepted' }]);
  });

test('a clock that stays where it jumped to is believed after a day: then things end', async (t) => {
  await using town = await startTown();
  const ann = await town.enroll('ann@alpha.test');
  await town.enroll('bob@beta.test');
  await ann.send(['bob@beta.test'], 'nobody comes');
  const alpha = town.hoster('alpha');
  town.clock.jump(year);
  for (let hours = 0; hours <= 24; hours++) {
    await alpha.catchUp();
    if (hours < 24) t.is((await alpha.admin.status()).waiting.messages, 1);
    town.clock.advance(hour);
  }
  await alpha.catchUp();
  t.is((await alpha.admin.status()).waiting.messages, 0);
});
