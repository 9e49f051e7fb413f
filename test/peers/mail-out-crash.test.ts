/**
 * kill -9 of a daemon that sends mail over SMTP, at any moment between a client's word and the server's. BECKON_MAIL_KILLS: how often, 8 unless
 * told.
 *
 *  1. somebody sends one mail after the other, to one who takes it, one who is busy at first, one who does not exist; the daemon is killed again
 *     and again, and comes back on a clock ahead enough for the next try
 *  2. then it lives until nothing waits any more
 *  3. what was acknowledged arrived, and again only where a kill may have fallen between the server's word and ours; each failure was reported once
 */
import { setTimeout as later } from 'node:timers';
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import type { Clock } from '../../src/clock.ts';
import { codeOf } from '../../src/errors.ts';
import { createProcesses } from '../faults/process.ts';
import { mailPart } from '../client/sink.ts';
import type { Person } from '../network/person.ts';
import { startTownWith } from '../network/town.ts';
import { loopback } from '../support/dns-server.ts';
import { startSmtpSink } from '../support/smtp-sink.ts';

const kills = Number(process.env['BECKON_MAIL_KILLS'] ?? 8);
/** More than the first gaps between tries, with their jitter; and than the next ones. */
const firstGaps = 400;
const longGap = 10 * 3600;

async function sendMail(ann: Person, text: string): Promise<boolean> {
  const to = ['yes@gamma.test', 'busy@gamma.test', 'no@gamma.test'];
  const whole = new TextEncoder().encode(
    `From: ${ann.address}\r\nTo: ${to.join(', ')}\r\nSubject: ${text}\r\nMessage-ID: <${text}@alpha.test>\r\n\r\n${text}\r\n`,
  );
  const open = async function* (): AsyncGenerator<Uint8Array> {
    yield whole;
  };
  const mail = {
    compose: async () => ({ length: whole.length, open }),
    ask: async () => ({ 'gamma.test': 'now' as const }),
  };
  try {
    const { number } = await ann.client().send({ to, parts: [mailPart(text)], subject: text, mail });
    return number !== undefined;
  } catch (error) {
    if (codeOf(error) === 'internal') throw error;
    return false;
  }
}

test(`${kills} times kill -9 loses no mail that was acknowledged, and reports each failure once`, async (t) => {
  t.timeout(400_000);
  const over = new AbortController();
  const isOver = (): boolean => over.signal.aborted;
  const sink = await startSmtpSink({
    hideSTARTTLS: true,
    // Slow enough to be killed in the middle.
    onMailFrom: (_address, _session, done) => void later(done, 60),
    refuse: (to) =>
      to.startsWith('no@')
        ? 550
        : to.startsWith('busy@') && !isOver() && Math.random() < 0.7
          ? 450
          : undefined,
    refuseData: () => (!isOver() && Math.random() < 0.1 ? 451 : undefined),
  });
  t.teardown(() => sink.close());
  let seconds = 0;
  const clock: Clock = {
    seconds: () => Math.floor(Date.now() / 1000) + seconds,
    monotonic: () => performance.now(),
  };
  const processes = createProcesses();
  await using town = await startTownWith(
    { hosters: { alpha: ['alpha.test'] }, settings: { 'smtp_out.via': `smtp://127.0.0.1:${sink.port}` } },
    clock,
    [],
    processes.run,
  );
  const hoster = town.hoster('alpha');
  const ann = await town.enroll('ann@alpha.test');
  town.dns.set([
    ...hoster.records(),
    { type: 'MX', name: 'gamma.test', priority: 10, exchange: 'mx.gamma.test' },
    ...loopback('mx.gamma.test'),
  ]);

  const acknowledged: string[] = [];
  const attempted: string[] = [];
  async function write(): Promise<void> {
    for (let count = 0; !isOver(); count++) {
      const text = `mail-${count}`;
      attempted.push(text);
      if (await sendMail(ann, text)) acknowledged.push(text);
      await setTimeout(20);
    }
  }
  async function restart(by: number): Promise<void> {
    seconds += by;
    processes.putAhead(seconds);
    await hoster.start();
  }
  const writing = write();
  for (let kill = 0; kill < kills; kill++) {
    await setTimeout(300 + Math.random() * 1500);
    await hoster.kill();
    await restart(firstGaps);
  }
  while (acknowledged.length <= kills / 2) await setTimeout(20);
  over.abort();
  await writing;
  t.true(acknowledged.length > kills / 2, `${acknowledged.length} of ${attempted.length}`);

  // One whole life after the other until nothing waits.
  const waiting = async (): Promise<boolean> => (await hoster.admin.status()).mailQueue > 0;
  for (let life = 0; life < 40 && (await waiting()); life++) {
    for (let looks = 0; looks < 20 && (await waiting()); looks++) await setTimeout(100);
    await hoster.stop();
    await restart(longGap);
  }
  t.is((await hoster.admin.status()).mailQueue, 0);

  const arrived = (to: string, text: string): number =>
    sink.mails.filter((mail) => mail.to.includes(to) && mail.bytes.includes(`Subject: ${text}\r\n`)).length;
  let doubled = 0;
  for (const text of acknowledged)
    for (const to of ['yes@gamma.test', 'busy@gamma.test']) {
      const times = arrived(to, text);
      t.true(times >= 1, `${text} to ${to} was lost`);
      doubled += Math.max(0, times - 1);
    }
  for (const text of attempted) t.is(arrived('no@gamma.test', text), 0);
  t.log(`${acknowledged.length} acknowledged of ${attempted.length}, ${doubled} arrived twice`);
  t.true(doubled <= kills * 8 * 2, 'more than were under way when it was killed');

  const sent = await ann.client().sent();
  const known = sent.filter(({ recipients }) => recipients.some(({ state }) => state !== 'unknown'));
  for (const { subject, recipients } of known)
    t.deepEqual(
      recipients.map(({ state }) => state),
      ['delivered', 'delivered', 'failed'],
      subject,
    );
  t.true(acknowledged.every((text) => known.some(({ subject }) => subject === text)));

  await ann.client().sync();
  const reports = new Map<string, number>();
  for (const { number, from } of ann.client().inbox()) {
    if (from !== 'mail-bridge@alpha.test') continue;
    const text = await ann.read(number);
    if (!/^Action: failed/m.test(text)) continue;
    const subject = /^Subject: (mail-\d+)/m.exec(text)?.[1] ?? 'none';
    reports.set(subject, (reports.get(subject) ?? 0) + 1);
  }
  for (const text of acknowledged) t.is(reports.get(text), 1, text);
  t.deepEqual(
    [...reports.values()].filter((count) => count !== 1),
    [],
  );
});
