/** What a mail program hands in twice at once. wire-spec/bridges.md section 5. */
import test from 'ava';
import {
  createInTurn,
  createSubmissionSession,
  type SubmissionSession,
} from '../../src/bridges/submission-session.ts';
import type { Client } from '../../src/client/index.ts';
import { BeckonError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { testClock } from '../support/clock.ts';
import { readComposed } from '../../src/bridges/submission-mail.ts';

const mail = (text: string): Uint8Array =>
  Buffer.from(`From: alice@alpha.test\r\nTo: bob@beta.test\r\n\r\n${text}\r\n`);
const recipients = ['bob@beta.test'];

/** Sessions of one user: what is sent is known to all of them once it is written down. */
function user() {
  const clock = testClock();
  const sends: { readonly subject: string; readonly go: PromiseWithResolvers<void> }[] = [];
  const written: { readonly hash: string; readonly to: string }[] = [];
  const ended: string[] = [];
  const arrived = new Set<() => void>();
  const inTurn = createInTurn();
  const client = {
    address: () => 'alice@alpha.test',
    addresses: () => ['alice@alpha.test'],
    sending: {
      lookUp: async ([to = '']: readonly string[]) => [{ to, outcome: 'native' }],
      sentTo: async (hash: string) =>
        written.filter((one) => one.hash === hash).map(({ to }) => ({ to, created: clock.seconds() })),
      unfinished: async () => [],
    },
    async send({ to, parts }: Parameters<Client['send']>[0]) {
      const pieces: Uint8Array[] = [];
      for await (const piece of parts[0]?.open() ?? []) pieces.push(piece);
      const go = Promise.withResolvers<void>();
      sends.push({ subject: Buffer.concat(pieces).toString(), go });
      for (const tell of arrived) tell();
      await go.promise;
      const { hash } = readComposed(Buffer.concat(pieces));
      written.push(...to.map((one) => ({ hash, to: one })));
      return { number: sends.length, recipients: [] };
    },
  } as unknown as Client;
  return {
    sends,
    ended,
    /** Resolves once so many sendings began. */
    began: (count: number) =>
      new Promise<void>((resolve) => {
        const look = (): void => void (sends.length >= count && resolve());
        arrived.add(look);
        look();
      }),
    session: (name: string): SubmissionSession =>
      createSubmissionSession(
        { client, end: async () => void ended.push(name) },
        { clock, log: silentLog, inTurn },
      ),
  };
}

test('one mail that two sessions hand in at once is sent once, and both are told so', async (t) => {
  const { sends, began, session } = user();
  const first = session('one').take({ recipients, bytes: mail('hi') });
  await began(1);
  const second = session('two').take({ recipients, bytes: mail('hi') });
  // Another mail waits for nobody, and has come by when the second one would have.
  const other = session('three').take({ recipients, bytes: mail('something else') });
  await began(2);
  t.regex(sends[1]?.subject ?? '', /something else/);
  sends[1]?.go.resolve();
  t.is((await other).code, 250);
  t.is(sends.length, 2);
  sends[0]?.go.resolve();
  t.deepEqual([(await first).code, (await second).code], [250, 250]);
  t.is(sends.length, 2);
});

test('where the first of them fails, the second is sent', async (t) => {
  const { sends, began, session } = user();
  const first = session('one').take({ recipients, bytes: mail('hi') });
  await began(1);
  const second = session('two').take({ recipients, bytes: mail('hi') });
  sends[0]?.go.reject(new BeckonError('unavailable', 'not now'));
  t.is((await first).code, 451);
  await began(2);
  sends[1]?.go.resolve();
  t.is((await second).code, 250);
});

test('a program that goes while its mail is sent does not take the keys away', async (t) => {
  const { sends, ended, began, session } = user();
  const one = session('one');
  const taken = one.take({ recipients, bytes: mail('hi') });
  await began(1);
  const end = one.end();
  // A session that does nothing ends at once: so has had time to the one that is at work.
  await session('idle').end();
  t.deepEqual(ended, ['idle']);
  sends[0]?.go.resolve();
  t.is((await taken).code, 250);
  await end;
  t.deepEqual(ended, ['idle', 'one']);
});
