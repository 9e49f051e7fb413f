/**
 * Daemons that die at each step of a mail for certain: on its way out, at what the other server sees and around our notes of it; on its way in, at each
 * change of the store. wire-spec/bridges.md sections 3 and 4.
 */
import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { Clock } from '../../src/clock.ts';
import { openLine } from '../bridges/smtp-line.ts';
import { mailPart } from '../client/sink.ts';
import { createProcesses, type Processes } from '../faults/process.ts';
import type { Hoster } from '../network/hoster.ts';
import type { Person } from '../network/person.ts';
import { startTownWith } from '../network/town.ts';
import { loopback } from '../support/dns-server.ts';
import { startSmtpSink } from '../support/smtp-sink.ts';

/** More than the first gaps between tries, with their jitter. */
const gap = 400;

interface Place {
  readonly hoster: Hoster;
  readonly ann: Person;
  readonly processes: Processes;
  /** Waits until the daemon is dead, and starts it again on a clock on which what waits is due. */
  rise(): Promise<void>;
}

async function place(t: ExecutionContext, settings: Readonly<Record<string, string>>): Promise<Place> {
  t.timeout(600_000);
  let seconds = 0;
  const clock: Clock = {
    seconds: () => Math.floor(Date.now() / 1000) + seconds,
    monotonic: () => performance.now(),
  };
  const processes = createProcesses({ mortal: true });
  const town = await startTownWith(
    { hosters: { alpha: ['alpha.test'] }, settings },
    clock,
    [],
    processes.run,
  );
  t.teardown(() => town[Symbol.asyncDispose]());
  const hoster = town.hoster('alpha');
  const ann = await town.enroll('ann@alpha.test');
  town.dns.set([
    ...hoster.records(),
    { type: 'MX', name: 'gamma.test', priority: 10, exchange: 'mx.gamma.test' },
    ...loopback('mx.gamma.test'),
  ]);
  return {
    hoster,
    ann,
    processes,
    async rise() {
      await until('death', () => processes.isDead(hoster.configFile));
      await hoster.kill();
      await processes.dieAt(hoster.configFile, 0);
      seconds += gap;
      processes.putAhead(seconds);
      await hoster.start();
    },
  };
}

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 60_000; !(await isSo());) {
    if (performance.now() > end) throw new Error(`no ${what} came`);
    await setTimeout(20);
  }
}

async function sendMail(ann: Person, subject: string): Promise<void> {
  const to = ['bob@gamma.test'];
  const whole = new TextEncoder().encode(
    `From: ${ann.address}\r\nTo: ${to[0]}\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@alpha.test>\r\n\r\ntext\r\n`,
  );
  const open = async function* (): AsyncGenerator<Uint8Array> {
    yield whole;
  };
  const mail = {
    compose: async () => ({ length: whole.length, open }),
    ask: async () => ({ 'gamma.test': 'now' as const }),
  };
  await ann.client().send({ to, parts: [mailPart(subject)], subject, mail });
}

/** Where the daemon dies, and how often the mail is with the other server in the end. */
const steps = { connected: 1, recipient: 1, data: 2, 'before the note': 2, 'after the note': 1 } as const;
type Step = keyof typeof steps;

test.serial(
  'a mail that leaves survives a death at each step; only after its last byte it may be sent twice',
  async (t) => {
    let step: Step | undefined;
    // The client is done: what the store changes from now on is about the mail alone.
    let told = Promise.withResolvers<void>();
    let die: (after?: number) => Promise<void> = async () => {};
    const never = async (): Promise<void> => await new Promise(() => {});
    /** Dies there, once. */
    const at = async (here: Step): Promise<void> => {
      if (step !== here) return;
      step = undefined;
      await die();
      await never();
    };
    const unlessDead = async (here: Step, done: () => void): Promise<void> => {
      await at(here);
      done();
    };
    const sink = await startSmtpSink({
      hideSTARTTLS: true,
      onConnect: (_session, done) => void unlessDead('connected', done),
      onMailFrom: (_address, _session, done) => void unlessDead('recipient', done),
      beforeAnswer: async () => {
        await told.promise;
        await at('data');
        if (step === 'before the note') await die(1);
        if (step === 'after the note') await die(2);
        step = undefined;
      },
    });
    t.teardown(() => sink.close());
    const { hoster, ann, processes, rise } = await place(t, {
      'smtp_out.via': `smtp://127.0.0.1:${sink.port}`,
    });
    die = async (after) => {
      if (after === undefined) await hoster.kill();
      else await processes.dieAt(hoster.configFile, after);
    };
    for (const [name, times] of Object.entries(steps) as [Step, number][]) {
      const subject = name.replaceAll(' ', '-');
      step = name;
      told = Promise.withResolvers();
      await sendMail(ann, subject);
      told.resolve();
      await rise();
      await until(`end of ${name}`, async () => (await hoster.admin.status()).mailQueue === 0);
      const came = sink.mails.filter(({ bytes }) =>
        bytes.includes(`Message-ID: <${subject}@alpha.test>\r\n`),
      );
      t.is(came.length, times, name);
      t.like((await ann.client().sent())[0], { subject, recipients: [{ state: 'delivered' }] }, name);
    }
  },
);

test.serial(
  'a mail that comes in survives a death at each change of the store: handed in again it is there once',
  async (t) => {
    const { hoster, ann, processes, rise } = await place(t, { 'smtp_in.listen': '127.0.0.1:0' });
    const handIn = async (n: number): Promise<boolean> => {
      try {
        const line = await openLine(hoster.mailPorts().smtp);
        await line.answer();
        await line.say('EHLO mail.legacy.test');
        const data = `Message-ID: <${n}@legacy.test>\r\nFrom: b@legacy.test\r\n\r\ntext`;
        const answer = await line.mail({ from: `n${n}@legacy.test`, to: [ann.address] }, data);
        line.close();
        return answer.startsWith('250');
      } catch {
        return false;
      }
    };
    let n = 0;
    for (let isOver = false; !isOver;) {
      await processes.dieAt(hoster.configFile, ++n);
      isOver = await handIn(n);
      if (isOver) await processes.dieAt(hoster.configFile, 0);
      else {
        await rise();
        t.true(await handIn(n), `step ${n}`);
      }
    }
    t.true(n > 2);
    t.log(`${n - 1} steps`);
    await ann.arrivals(n);
    const found = ann
      .client()
      .inbox()
      .map(({ mail }) => mail?.reversePath ?? '');
    t.deepEqual(found.toSorted(), Array.from({ length: n }, (_, i) => `n${i + 1}@legacy.test`).toSorted());
  },
);
