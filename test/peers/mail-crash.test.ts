/** Daemons killed while mail comes in. */
import test from 'ava';
import { systemClock } from '../../src/clock.ts';
import { openLine } from '../bridges/smtp-line.ts';
import { startTownWith } from '../network/town.ts';
import { createProcesses } from '../faults/process.ts';

test('kill -9 while mail comes in: what was answered with 250 is there, what is handed in again is there once', async (t) => {
  t.timeout(400_000);
  const processes = createProcesses();
  await using town = await startTownWith(
    { hosters: { alpha: ['alpha.test'] }, settings: { 'smtp_in.listen': '127.0.0.1:0' } },
    systemClock,
    [],
    processes.run,
  );
  const hoster = town.hoster('alpha');
  const ann = await town.enroll('ann@alpha.test');
  const answered = new Set<number>();
  let next = 0;

  /** As an MTA: one mail after the other, until the line breaks; gives those without an answer. */
  async function handIn(mails: number[], isOver: () => boolean): Promise<number | undefined> {
    let at: number | undefined;
    try {
      const line = await openLine(hoster.mailPorts().smtp);
      await line.answer();
      await line.say('EHLO mail.legacy.test');
      while (!isOver()) {
        at = mails.pop() ?? next++;
        const data = `Message-ID: <${at}@legacy.test>\r\nFrom: b@legacy.test\r\n\r\n${'canary-in-a-mail '.repeat(100)}`;
        const answer = await line.mail({ from: `n${at}@legacy.test`, to: [ann.address] }, data);
        if (!answer.startsWith('250')) throw new Error(answer);
        answered.add(at);
        at = undefined;
      }
      line.close();
      return undefined;
    } catch {
      return at;
    }
  }

  let open: number[] = [];
  for (let kills = 0; kills < 3; kills++) {
    const before = answered.size;
    const senders = Array.from({ length: 4 }, () => handIn(open, () => false));
    while (answered.size < before + 10) await new Promise((resolve) => setTimeout(resolve, 10));
    await hoster.kill();
    const lost = await Promise.all(senders);
    open = [...open, ...lost.filter((one) => one !== undefined)];
    await hoster.start();
    town.publish();
  }
  t.is(await handIn(open, () => open.length === 0), undefined);
  t.deepEqual(open, []);
  await ann.arrivals(answered.size);
  const found = ann
    .client()
    .inbox()
    .map(({ mail }) => mail?.reversePath ?? '');
  t.deepEqual(found.toSorted(), [...answered].map((n) => `n${n}@legacy.test`).toSorted());
  for (const line of processes.logged) t.false(line.includes('canary-in-a-mail'));
});
