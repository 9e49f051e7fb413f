/** Sendings that are cut off, by the real binary and a real kill -9; and what a hoster takes down. */
import { once } from 'node:events';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import PostalMime from 'postal-mime';
import type { InboxEntry, SendResult, SentEntry } from '../../src/client/api.ts';
import { eventually } from '../network/eventually.ts';
import { startSmtpSink, type SmtpSink } from '../support/smtp-sink.ts';
import { start, type Run } from './beckon.ts';
import { enrolled, startHosters, type Hosters } from './hosters.ts';

let hosters: Hosters;
let sink: SmtpSink;
/** Three parts of an upload. */
const film = Buffer.alloc(17 << 20, 'a film in which nothing is the same twice: '.repeat(1021));

test.before(async () => {
  sink = await startSmtpSink({ hideSTARTTLS: true });
  hosters = await startHosters(['alpha'], undefined, { 'smtp_out.via': `smtp://127.0.0.1:${sink.port}` });
  await enrolled(hosters, 'alice', 'alpha');
  await enrolled(hosters, 'bob', 'alpha');
  await writeFile(join(hosters.dir.path, 'film.bin'), film);
});
test.after.always(async () => {
  await hosters?.[Symbol.asyncDispose]();
  await sink?.close();
});

function ok({ code, out, err }: Run): string {
  if (code !== 0) throw new Error(`exit code ${code}: ${err}`);
  return out;
}

const homeOf = (name: string): string => join(hosters.dir.path, 'homes', name, 'beckon');

/** Kills the command once its file of sendings has changed so many times. False where it was faster. */
async function killedAfter(changes: number, args: readonly string[]): Promise<boolean> {
  const path = join(homeOf('alice'), 'sending.json');
  const read = async (): Promise<string> => await readFile(path, 'utf8').catch(() => '');
  let last = await read();
  const env = { ...hosters.env, XDG_DATA_HOME: join(hosters.dir.path, 'homes', 'alice') };
  const child = start(args, { cwd: hosters.dir.path, env });
  child.stdin?.end();
  const ended = once(child, 'close') as Promise<[number | null, string | null]>;
  for (let seen = 0; seen < changes && child.exitCode === null; await sleep(1)) {
    const now = await read();
    if (now !== last) seen++;
    last = now;
  }
  child.kill('SIGKILL');
  const [, signal] = await ended;
  // As if the lock had grown old: that takes five seconds.
  await rm(join(homeOf('alice'), 'lock'), { recursive: true, force: true });
  return signal === 'SIGKILL';
}

async function inbox(): Promise<readonly InboxEntry[]> {
  return JSON.parse(ok(await hosters.as('bob', ['inbox', '--json']))) as InboxEntry[];
}

test.serial('a send that is killed again and again goes on, and arrives once', async (t) => {
  const words = ['send', 'bob@alpha.test', '-s', 'The film', '--body', 'Here it is.', 'film.bin'];
  t.true(await killedAfter(1, words));
  // In its text, and in parts of the film.
  for (const changes of [2, 1, 2]) t.true(await killedAfter(changes, ['send', '--resume']));
  const shown = ok(await hosters.as('alice', ['sent']));
  t.regex(shown, /The film\n +bob@alpha\.test {2}not finished: .* are at your domain\n.*--resume 1 /);
  const listed = JSON.parse(ok(await hosters.as('alice', ['sent', '--json']))) as SentEntry[];
  t.like(listed, [{ number: 1, subject: 'The film', unfinished: true }]);
  const done = await hosters.as('alice', ['send', '--resume', '1', '--json']);
  t.is((JSON.parse(ok(done)) as SendResult).number, 1);
  const again = await hosters.as('alice', ['send', '--resume']);
  t.is(again.code, 1);
  t.regex(again.err, /\[not_found\]/);

  const entries = await inbox();
  t.is(entries.length, 3, 'a cover, its text and its film');
  ok(await hosters.as('bob', ['read', '1']));
  const [whole, ...others] = await inbox();
  t.deepEqual(others, []);
  const part = whole?.parts?.find(({ fileName }) => fileName === 'film.bin');
  ok(await hosters.as('bob', ['save', String(part?.number), 'saved.bin']));
  t.true((await readFile(join(hosters.dir.path, 'saved.bin'))).equals(film));
  const sent = JSON.parse(ok(await hosters.as('alice', ['sent', '--json']))) as SentEntry[];
  t.is(sent.length, 1);
  t.is(sent[0]?.recipients[0]?.messages.length, 3);
});

test.serial('what is dropped is taken back, and the text of it is gone', async (t) => {
  t.true(await killedAfter(4, ['send', 'bob@alpha.test', '-s', 'Another', '--body', 'No.', 'film.bin']));
  const reminded = await hosters.as('alice', ['send', 'bob@alpha.test', '--body', 'Meanwhile']);
  t.regex(reminded.err, /2 was cut off: beckon send --resume 2, or --discard 2/);
  t.regex(ok(reminded), /sent as 3/);
  const early = await hosters.as('alice', ['retract', '2']);
  t.is(early.code, 1);
  t.regex(early.err, /2 was not sent to its end \[not_found\]\nnext .*--discard 2/);
  const misused = await hosters.as('alice', ['send', '--resume', '2', 'bob@alpha.test']);
  t.is(misused.code, 2);
  const path = (name: string): string => join(hosters.dir.path, name);
  await rename(path('film.bin'), path('elsewhere.bin'));
  t.regex((await hosters.as('alice', ['send', '--resume'])).err, /film\.bin is not where it was \[usage\]/);
  await rename(path('elsewhere.bin'), path('film.bin'));
  t.regex(ok(await hosters.as('alice', ['send', '--discard'])), /^dropped 2/);
  t.deepEqual((await readdir(join(homeOf('alice'), 'messages'))).toSorted(), ['1', '3']);
  const sent = JSON.parse(ok(await hosters.as('alice', ['sent', '--json']))) as SentEntry[];
  t.deepEqual(
    sent.map(({ number }) => number),
    [3, 1],
  );
  const entries = await inbox();
  t.deepEqual(entries.map(({ status }) => status).toSorted(), ['accepted', 'opened', 'withdrawn']);
});

test.serial(
  'mail that was cut off goes on with the same text and files, wherever they are by now',
  async (t) => {
    const path = (name: string): string => join(hosters.dir.path, name);
    await writeFile(path('clip.bin'), film);
    const words = ['send', '--mail', 'dan@legacy.test', '-s', 'By mail', '--body', 'As mail.', 'clip.bin'];
    // While it is uploaded.
    t.true(await killedAfter(2, words));
    t.regex(
      ok(await hosters.as('alice', ['sent'])),
      /dan@legacy\.test {2}not finished: the mail is not at your domain/,
    );
    await rename(path('clip.bin'), path('homes/clip.bin'));
    const missing = await hosters.as('alice', ['send', '--resume']);
    t.is(missing.code, 2);
    t.regex(missing.err, /clip\.bin is not where it was \[usage\]\nnext .*--resume \d+ FILE/);
    const resumed = await hosters.as('alice', ['send', '--resume', 'homes/clip.bin']);
    t.regex(ok(resumed), /^dan@legacy\.test +mail +trace [a-z2-7]{16}\nsent as \d+\n$/);
    const mail = await eventually('mail', () => sink.mails[0]);
    const parsed = await PostalMime.parse(mail.bytes);
    t.is(parsed.subject, 'By mail');
    t.is(parsed.text?.trim(), 'As mail.');
    const [file] = parsed.attachments;
    t.true(film.equals(new Uint8Array(file?.content as ArrayBuffer)));
    t.is(sink.mails.length, 1);
    t.regex(ok(await hosters.as('alice', ['sent'])), /By mail\n +dan@legacy\.test {2}(queued|delivered)/);
    const kept = await readdir(join(homeOf('alice'), 'messages'));
    t.deepEqual(
      kept.filter((name) => name.startsWith('draft-')),
      [],
    );
  },
);

test.serial(
  'a damaged list of what was cut off is kept aside with its texts, and stops nothing',
  async (t) => {
    t.true(await killedAfter(2, ['send', 'bob@alpha.test', '--body', 'Damaged', 'film.bin']));
    const [draft = ''] = (await readdir(join(homeOf('alice'), 'messages'))).filter((name) =>
      name.startsWith('draft-'),
    );
    const damaged = (await readFile(join(homeOf('alice'), 'sending.json'), 'utf8')).slice(1);
    await writeFile(join(homeOf('alice'), 'sending.json'), damaged, { mode: 0o600 });
    const first = await hosters.as('alice', ['sent']);
    t.is(first.code, 1);
    const [aside = ''] = /sending\.damaged-\d+\.json/.exec(first.err) ?? [];
    t.is(await readFile(join(homeOf('alice'), aside), 'utf8'), damaged);
    ok(await hosters.as('alice', ['sent']));
    ok(await hosters.as('alice', ['send', 'bob@alpha.test', '--body', 'After that']));
    t.true((await readdir(join(homeOf('alice'), 'messages'))).includes(`aside-${draft}`));
  },
);

test.serial(
  'a hoster takes down what a user sends: nobody gets it, and its sender is told why',
  async (t) => {
    const words = ['send', 'bob@alpha.test', '--body', 'Buy this.', '--json'];
    const { recipients, number } = JSON.parse(ok(await hosters.as('alice', words))) as SendResult;
    const handle = recipients[0]?.handles?.[0] ?? '';
    const unknown = await hosters.hoster('alpha', ['takedown', 'a'.repeat(16), '--reason', 'spam']);
    t.is(unknown.code, 1);
    t.regex(unknown.err, /\[not_found\]/);
    t.is((await hosters.hoster('alpha', ['takedown', handle, '--reason', 'taste'])).code, 2);
    const taken = ok(await hosters.hoster('alpha', ['takedown', handle, '--reason', 'spam']));
    t.is(taken, '1 message is served no more; the sender sees: spam\n');
    const again = ok(await hosters.hoster('alpha', ['takedown', handle, '--reason', 'law']));
    t.is(again, 'it was taken down before\n');
    const sent = ok(await hosters.as('alice', ['sent']));
    t.regex(sent, new RegExp(`taken down by the own domain: spam .*trace ${handle}`));
    t.true(
      number !== undefined &&
        (await inbox()).every((entry) => entry.handle !== handle || entry.status !== 'opened'),
    );
    t.regex(ok(await hosters.hoster('alpha', ['trace', handle])), /withdrawn|taken/);
  },
);
