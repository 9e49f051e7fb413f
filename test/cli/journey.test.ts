/** The main job by hand: two hosters, two users, every step a command; of the real binary where it says so. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'ava';
import type { InboxEntry, SendResult, SentEntry } from '../../src/client/api.ts';
import { eventually } from '../network/eventually.ts';
import { beckon, start, type Run } from './beckon.ts';
import { enrolled, startHosters, type Hosters } from './hosters.ts';

let hosters: Hosters;

test.before(async () => {
  hosters = await startHosters(['alpha', 'beta']);
});
test.after.always(async () => {
  await hosters?.[Symbol.asyncDispose]();
});

/** Users of their own for each test, so that tests do not see each other's messages. */
async function pair(name: string, as = hosters.as) {
  const [alice, bob] = [`alice-${name}`, `bob-${name}`] as const;
  await Promise.all([enrolled(hosters, alice, 'alpha', as), enrolled(hosters, bob, 'beta', as)]);
  return { alice, bob };
}

function ok({ code, out, err }: Run): string {
  if (code !== 0) throw new Error(`exit code ${code}: ${err}`);
  return out;
}

/** Asks again until the inbox is as it should be: a notification travels by itself. */
async function inboxOf(user: string, wanted: (entries: readonly InboxEntry[]) => boolean, as = hosters.as) {
  return await eventually('entries', async () => {
    const entries = JSON.parse(ok(await as(user, ['inbox', '--json']))) as InboxEntry[];
    return wanted(entries) ? entries : undefined;
  });
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url');
}

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(hosters.dir.path, name);
  await writeFile(path, content);
  return path;
}

test.serial(
  'a letter with a file, its answer over the drop, and what became of both, by the real binary',
  async (t) => {
    const { as, hoster } = hosters.binary;
    const { alice, bob } = await pair('letter', as);
    const picture = Uint8Array.from({ length: 300_000 }, (_, index) => index % 251);
    await file('picture.png', picture);
    const text = ['-s', 'The lighthouse', '--body', 'Dear Bob,\nlook!\n'];
    const sent = await as(alice, ['send', `${bob}@beta.test`, 'picture.png', ...text]);
    t.is(sent.code, 0, sent.err);
    t.regex(sent.out, /^bob-letter@beta\.test +introduction +trace [a-z2-7]{16}\nsent as 1, waits until /);

    const waiting = await inboxOf(bob, (entries) => entries.length === 3, as);
    t.true(waiting.every(({ status, fromVerified }) => status === 'waiting' && !fromVerified));
    const listed = ok(await as(bob, ['inbox']));
    t.regex(listed, /^ +1 {2}\? {2}alice-letter@alpha\.test wants to reach you \(claimed\).*, 3 messages\n$/);

    const shown = ok(await as(bob, ['read', '1']));
    t.regex(shown, /^From {5}alice-letter@alpha\.test \(verified\)\nDate /);
    t.regex(
      shown,
      /\nSubject {2}The lighthouse\n\nDear Bob,\nlook!\n\nFile {5}picture\.png \(image\/png, 300 kB\)/,
    );

    const [cover] = await inboxOf(bob, (entries) => entries.length === 1, as);
    const number = String(cover?.number);
    t.is(ok(await as(bob, ['read', number])), shown);
    await mkdir(join(hosters.dir.path, 'saved'));
    const saved = JSON.parse(ok(await as(bob, ['save', number, 'saved', '--json']))) as {
      path: string;
      sha256: string;
    }[];
    t.is(saved.length, 2);
    t.deepEqual((await readdir(join(hosters.dir.path, 'saved'))).length, 2);
    const bytes = await readFile(join(hosters.dir.path, 'saved', 'picture.png'));
    t.true(bytes.equals(picture));
    t.is(saved.find(({ path }) => path.endsWith('.png'))?.sha256, sha256(picture));

    const reply = ok(await as(bob, ['reply', number, '--body', 'Yes, on Saturday.']));
    t.regex(reply, /^alice-letter@alpha\.test +drop +trace /);
    const [answer] = await inboxOf(alice, (entries) => entries[0]?.status === 'opened', as);
    t.is(answer?.way, 'drop');
    t.deepEqual(answer?.answers, { kind: 'sent', number: 1 });
    t.regex((await as(alice, ['read', '1'])).err, /that of a message that you sent \[not_found\]/);
    const read = ok(await as(alice, ['read', String(answer?.number)]));
    t.regex(read, /\nSubject {2}Re: The lighthouse\n\nYes, on Saturday\.\n$/);

    const list = JSON.parse(ok(await as(alice, ['sent', '--json']))) as SentEntry[];
    t.is(list[0]?.recipients[0]?.state, 'accepted');
    const handle = /trace ([a-z2-7]{16})/.exec(sent.out)?.[1] ?? '';
    t.regex(ok(await as(alice, ['sent'])), new RegExp(`accepted .*trace ${handle}`));
    t.regex(ok(await hoster('alpha', ['trace', handle])), / stored +beta\.test\n[^]* accepted/);
    t.regex(ok(await hoster('beta', ['trace', handle])), / received +alpha\.test\n/);
  },
);

test.serial('a mail in a file is sent as it is', async (t) => {
  const { alice, bob } = await pair('eml');
  const mail = await readFile(new URL('../../src/demo/example.eml', import.meta.url));
  await file('example.eml', mail);
  ok(await hosters.as(alice, ['send', `${bob}@beta.test`, 'example.eml']));
  const [entry] = await inboxOf(bob, (entries) => entries.length === 1);
  const shown = ok(await hosters.as(bob, ['read', String(entry?.number)]));
  t.regex(shown, /\nClaims {3}to be from Alice <alice@alpha\.test>\n/);
  t.regex(shown, /\nSubject {2}The lighthouse, and a question\n/);
  t.regex(shown, /\nInside {3}lighthouse\.png \(image\/png, .*: beckon save \d+ --inside/);
  ok(await hosters.as(bob, ['save', String(entry?.number), 'copy.eml']));
  t.true((await readFile(join(hosters.dir.path, 'copy.eml'))).equals(mail));
  const again = await hosters.as(bob, ['save', String(entry?.number), 'copy.eml']);
  t.is(again.code, 1);
  t.regex(again.err, /copy\.eml exists and is not overwritten \[exists\]/);
  await mkdir(join(hosters.dir.path, 'inside'));
  ok(await hosters.as(bob, ['save', String(entry?.number), 'inside', '--inside']));
  t.deepEqual(await readdir(join(hosters.dir.path, 'inside')), ['lighthouse.png']);
  t.regex(ok(await hosters.as(alice, ['sent'])), /The lighthouse, and a question/);
});

test.serial('a text on standard input, to several; to all or none unless partial', async (t) => {
  const { alice, bob } = await pair('several');
  const to = [`${bob}@beta.test`, `${alice}+notes@alpha.test`];
  const both = JSON.parse(ok(await hosters.as(alice, ['send', ...to, '--json'], 'Grüße\n'))) as SendResult;
  t.deepEqual(
    both.recipients.map(({ handles }) => handles?.length),
    [1, 1],
  );
  const none = await hosters.as(alice, ['send', ...to, 'carol@legacy.test', '--body', 'x']);
  t.is(none.code, 1);
  t.regex(none.out, /carol@legacy\.test +not sent +.*\[discovery_legacy\]/);
  t.regex(none.err, /^beckon: nothing was sent \[discovery_legacy\]\nnext .*--partial/m);
  const some = await hosters.as(alice, ['send', ...to, 'carol@legacy.test', '--body', 'x', '--partial']);
  t.is(some.code, 1);
  t.regex(some.out, /sent as \d+/);
  const own = await inboxOf(alice, (entries) => entries.length === 2);
  t.is(own.length, 2);
  const entries = await inboxOf(bob, (entries) => entries.length === 2);
  const first = entries.find(({ handle }) => handle === both.recipients[0]?.handles?.[0]);
  t.regex(ok(await hosters.as(bob, ['read', String(first?.number)])), /\n\nGrüße\n$/);
});

test.serial('taken back: by number before it is read, by handle, and too late', async (t) => {
  const { alice, bob } = await pair('retract');
  const send = async (text: string): Promise<SendResult> =>
    JSON.parse(
      ok(await hosters.as(alice, ['send', `${bob}@beta.test`, '--body', text, '--json'])),
    ) as SendResult;
  const first = await send('one');
  const taken = await hosters.as(alice, ['retract', String(first.number)]);
  t.is(taken.code, 0, taken.err);
  t.regex(taken.out, /withdrawn/);

  const second = await send('two');
  const handle = second.recipients[0]?.handles?.[0] ?? '';
  t.regex(ok(await hosters.as(alice, ['retract', handle.toUpperCase()])), /withdrawn/);

  const third = await send('three');
  const entries = await inboxOf(bob, (all) =>
    all.some(({ handle }) => handle === third.recipients[0]?.handles?.[0]),
  );
  const number = entries.find(({ handle }) => handle === third.recipients[0]?.handles?.[0])?.number;
  t.regex(ok(await hosters.as(bob, ['read', String(number)])), /\n\nthree\n/);
  const late = await hosters.as(alice, ['retract', String(third.number)]);
  t.is(late.code, 1);
  t.regex(late.out, /accepted already/);
  t.regex(late.err, /too late for 1 of 1/);
  t.is((await hosters.as(alice, ['retract', '999'])).code, 1);
});

test.serial('ignored messages are over without a word', async (t) => {
  const { alice, bob } = await pair('ignore');
  ok(await hosters.as(alice, ['send', `${bob}@beta.test`, '--body', 'x']));
  const [entry] = await inboxOf(bob, (entries) => entries.length === 1);
  const number = String(entry?.number);
  t.is(ok(await hosters.as(bob, ['ignore', number])), `ignored  ${number}\n`);
  const read = await hosters.as(bob, ['read', number]);
  t.is(read.code, 1);
  t.regex(read.err, /was ignored \[message_gone\]/);
});

test.serial('a sender is ignored until that is taken back', async (t) => {
  const { alice, bob } = await pair('sender');
  const write = async () => ok(await hosters.as(alice, ['send', `${bob}@beta.test`, '--body', 'x']));
  await write();
  await inboxOf(bob, (entries) => entries.length === 1);
  const sender = `${alice}@alpha.test`;
  const ignored = await hosters.as(bob, ['ignore', '--sender', sender]);
  t.is(ok(ignored), `ignored  ${sender}\n`);
  t.regex(ignored.err, /what came before stays/);
  t.is(ok(await hosters.as(bob, ['ignore', '--list'])), `${sender}\n`);
  await write();
  t.deepEqual(JSON.parse(ok(await hosters.as(bob, ['ignore', '--list', '--json']))), [sender]);
  t.is((await inboxOf(bob, () => true)).length, 1);
  const answer = await hosters.as(bob, ['send', sender, '--body', 'x']);
  t.regex(answer.err, /: you ignore them, and would not see an answer\n/);
  const undone = ok(await hosters.as(bob, ['ignore', '--sender', sender, '--undo', '--json']));
  t.deepEqual(JSON.parse(undone), { address: sender, ignored: false });
  await write();
  await inboxOf(bob, (entries) => entries.length > 1);
  for (const wrong of [[], ['1', '--list'], ['--undo'], ['1', '--sender', sender]])
    t.is((await hosters.as(bob, ['ignore', ...wrong])).code, 2, wrong.join(' '));
});

test.serial('a hostile file name neither reaches the terminal nor leaves the directory', async (t) => {
  const { alice, bob } = await pair('hostile');
  const name = 'a\u001b[2J\u202egnp.txt';
  await file(name, 'x');
  const sent = await hosters.as(alice, [
    'send',
    `${bob}@beta.test`,
    name,
    '-s',
    'S\u001b[2J',
    '--body',
    'b\u001b[2J',
  ]);
  t.is(sent.code, 0, sent.err);
  const [entry] = await inboxOf(bob, (entries) => entries.length === 3);
  const number = String(entry?.number);
  const shown = ok(await hosters.as(bob, ['read', number]));
  const listed = ok(await hosters.as(bob, ['inbox'])) + ok(await hosters.as(bob, ['inbox', '--json']));
  t.false(/[\u202e]/u.test(shown + listed) || (shown + listed).includes('\u001b'));
  await mkdir(join(hosters.dir.path, 'hostile'));
  const [cover] = await inboxOf(bob, (entries) => entries.length === 1);
  const saved = ok(await hosters.as(bob, ['save', String(cover?.number), 'hostile']));
  t.false(saved.includes('\u001b'));
  t.true((await readdir(join(hosters.dir.path, 'hostile'))).includes('a[2Jgnp.txt'));
});

test.serial('an invitation is used once, by one home', async (t) => {
  const { out } = await hosters.hoster('alpha', ['user', 'add', 'carol@alpha.test']);
  const invitation = /^beckon-invitation:\S+$/m.exec(out)?.[0] ?? '';
  const run = ok(await hosters.as('carol', ['enroll', invitation]));
  t.regex(run, /^enrolled {5}carol@alpha\.test; keys in .*\nfingerprint {2}id:\S{43}\n/);
  const home = join(hosters.dir.path, 'homes', 'carol', 'beckon');
  for (const name of ['state.json', 'device.json']) t.is((await stat(join(home, name))).mode & 0o777, 0o600);
  t.is((await stat(home)).mode & 0o777, 0o700);
  const thief = await hosters.as('thief', ['enroll', invitation]);
  t.is(thief.code, 2);
  t.regex(thief.err, /\[invitation_invalid\]/);
  const other = await hosters.hoster('alpha', ['user', 'add', 'carol@alpha.test']);
  t.is(other.code, 1);
  t.regex(other.err, /\[exists\]/);
});

test.serial('before enrolment every command says what is missing', async (t) => {
  for (const args of [['inbox'], ['send', 'a@b.test', '--body', 'x'], ['read', '1'], ['sent']]) {
    const { code, err } = await hosters.as('nobody', args);
    t.is(code, 1);
    t.regex(err, /^beckon: nobody is enrolled in .* \[unauthorized\]\nnext {4}beckon enroll/);
  }
  await t.throwsAsync(stat(join(hosters.dir.path, 'homes', 'nobody')));
});

test.serial('two commands at once lose nothing', async (t) => {
  const { alice, bob } = await pair('both');
  const sends = await Promise.all(
    ['one', 'two'].map((text) => hosters.binary.as(alice, ['send', `${bob}@beta.test`, '--body', text])),
  );
  for (const run of sends) ok(run);
  const list = JSON.parse(ok(await hosters.as(alice, ['sent', '--json']))) as SentEntry[];
  t.is(new Set(list.map(({ number }) => number)).size, 2);
});

test.serial('watching shows what is new, and ends with Ctrl-C', async (t) => {
  const { alice, bob } = await pair('watch');
  const child = start(['inbox', '--watch', '--json'], {
    cwd: hosters.dir.path,
    env: { ...hosters.env, XDG_DATA_HOME: join(hosters.dir.path, 'homes', bob) },
  });
  const closed = once(child, 'close') as Promise<[number | null]>;
  ok(await hosters.as(alice, ['send', `${bob}@beta.test`, '--body', 'x']));
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    const entry = JSON.parse(line) as InboxEntry;
    t.is(entry.from, `${alice}@alpha.test`);
    break;
  }
  child.kill('SIGINT');
  t.is((await closed)[0], 0);
});

test.serial('while the own domain cannot be asked the inbox shows what is known', async (t) => {
  const { alice, bob } = await pair('offline');
  ok(await hosters.as(alice, ['send', `${bob}@beta.test`, '--body', 'x']));
  const [known] = await inboxOf(bob, (entries) => entries.length === 1);
  const env = { ...hosters.env, XDG_DATA_HOME: join(hosters.dir.path, 'homes', bob) };
  // Without its authority the domain cannot prove itself.
  const offline = { ...env, BECKON_CA_FILES: '' };
  const run = await beckon(['inbox', '--json'], { cwd: hosters.dir.path, env: offline });
  t.is(run.code, 2);
  t.deepEqual((JSON.parse(run.out) as InboxEntry[])[0]?.number, known?.number);
  t.regex(run.err, /\[(tls_failed|network_failed|discovery_later|unavailable)\]/);
});

test.serial('the hoster sees figures, users and domains', async (t) => {
  t.regex(
    ok(await hosters.binary.hoster('beta', ['status'])),
    /^beckon \S+, up .*, 1 domain, .*\nwaiting .*\nstored .*\nreceived /,
  );
  const added = ok(await hosters.hoster('beta', ['domain', 'add', 'Second.TEST']));
  t.regex(added, /^RECOVERY KEY .*second\.test.*BECKON-RECOVERY-/);
  const again = await hosters.hoster('beta', ['init', 'second.test']);
  t.is(again.code, 1);
  t.regex(again.err, /\[exists\]/);
  const set = ['domain', 'set', 'second.test', '--transit', '30d', '--introductions', 'closed'];
  t.regex(ok(await hosters.hoster('beta', set)), /transit 30 d/);
  t.regex(
    ok(await hosters.hoster('beta', ['domain', 'list'])),
    /second\.test +0 users +.*introductions closed/,
  );
  ok(await hosters.hoster('beta', ['domain', 'set', 'second.test', '--introductions', 'default']));
  t.notRegex(ok(await hosters.hoster('beta', ['domain', 'list'])), /introductions closed/);
  t.regex(
    ok(await hosters.hoster('beta', ['domain', 'dns', 'second.test', '--zone'])),
    /^_beckon\._tcp\.second\.test\. 3600 IN SRV 0 0 \d+ beta\.hosting\.test\.\n/,
  );
  ok(await hosters.hoster('beta', ['user', 'add', 'dora@second.test']));
  t.regex(ok(await hosters.hoster('beta', ['user', 'list', 'second.test'])), /^dora@second\.test +invited/);
  t.is(ok(await hosters.hoster('beta', ['reload'])), 'reloaded\n');
  const unknown = await hosters.hoster('beta', ['domain', 'dns', 'third.test']);
  t.is(unknown.code, 1);
  t.regex(unknown.err, /\[not_found\]/);
});

test.serial('a reload is measured against what runs, not against the reload before', async (t) => {
  const path = join(hosters.dir.path, 'beta', 'beckon.toml');
  const text = await readFile(path, 'utf8');
  const reload = () => hosters.hoster('beta', ['reload']);
  await writeFile(path, text.replace('host = "beta.hosting.test"', 'host = "other.hosting.test"'));
  for (const run of [await reload(), await reload()]) {
    t.is(run.code, 1);
    t.regex(run.err, /a restart is needed for: host\n/);
  }
  await writeFile(path, text);
  t.is(ok(await reload()), 'reloaded\n');
});

test.serial('a suspended user is refused and taken back', async (t) => {
  const { alice, bob } = await pair('suspend');
  ok(await hosters.hoster('alpha', ['user', 'suspend', `${alice}@alpha.test`]));
  const refused = await hosters.as(alice, ['send', `${bob}@beta.test`, '--body', 'x']);
  t.is(refused.code, 1);
  t.regex(refused.err, /\[unauthorized\]/);
  ok(await hosters.hoster('alpha', ['user', 'suspend', `${alice}@alpha.test`, '--off']));
  ok(await hosters.as(alice, ['send', `${bob}@beta.test`, '--body', 'x']));
});

test.serial('fingerprints are shown, compared, and a wrong one is refused', async (t) => {
  const { alice, bob } = await pair('trust');
  const own = ok(await hosters.as(bob, ['trust', 'show']));
  const fingerprint = /^fingerprint {2}(id:\S{43})$/m.exec(own)?.[1] ?? '';
  const seen = ok(await hosters.as(alice, ['trust', 'show', `${bob}@beta.test`]));
  t.regex(seen, new RegExp(`^fingerprint {2}${fingerprint}$`, 'm'));
  t.regex(seen, /^trust {8}dns \(/m);
  const verified = ok(await hosters.as(alice, ['trust', 'verify', `${bob}@beta.test`, fingerprint]));
  t.regex(verified, /^trust {8}direct \(/m);
  const other =
    /^fingerprint {2}(id:\S{43})$/m.exec(ok(await hosters.as(alice, ['trust', 'show'])))?.[1] ?? '';
  const wrong = await hosters.as(alice, ['trust', 'verify', `${bob}@beta.test`, other]);
  t.is(wrong.code, 1);
  t.regex(wrong.err, /\[fingerprint_mismatch\]/);
});

test.serial('of several parts, those saved before one failed are told', async (t) => {
  const { alice, bob } = await pair('partly');
  const plan = await file('plan.txt', 'the plan');
  ok(await hosters.as(alice, ['send', `${bob}@beta.test`, plan, '--body', 'Look.']));
  await inboxOf(bob, (entries) => entries.length > 0);
  await mkdir(join(hosters.dir.path, 'partly'));
  await file('partly/plan.txt', 'another plan');
  const run = await hosters.as(bob, ['save', '1', 'partly']);
  t.is(run.code, 1);
  t.regex(run.out, /^saved .*message-\d+\.eml/);
  t.regex(
    run.err,
    /plan\.txt exists and is not overwritten \[exists\]\nnext {4}name another file or directory/,
  );
  t.is(await readFile(join(hosters.dir.path, 'partly', 'plan.txt'), 'utf8'), 'another plan');
});

test.serial('a save goes on where another ended, whatever that left', async (t) => {
  const { alice, bob } = await pair('resume');
  const film = Uint8Array.from({ length: 1 << 20 }, (_, index) => index % 253);
  await file('film.bin', film);
  const left = {
    begun: film.subarray(0, 500_000),
    foreign: film.map((byte) => byte ^ 1),
    longer: [...film, 1],
  };
  for (const [name, bytes] of Object.entries(left)) {
    ok(await hosters.as(alice, ['send', `${bob}@beta.test`, 'film.bin']));
    const entries = await inboxOf(bob, (all) => all.some(({ status }) => status !== 'accepted'));
    const number = entries.find(({ status }) => status !== 'accepted')?.number;
    await file(`${name}.beckon-part`, Uint8Array.from(bytes));
    ok(await hosters.as(bob, ['save', String(number), name]));
    t.is(sha256(await readFile(join(hosters.dir.path, name))), sha256(film));
    await t.throwsAsync(stat(join(hosters.dir.path, `${name}.beckon-part`)), { code: 'ENOENT' });
  }
});
