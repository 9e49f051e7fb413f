/** What may be done about what waits, by hand: fetch, defer, delegate; and pulling before a holiday. */
import { join } from 'node:path';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import test from 'ava';
import type { Delegated, InboxEntry, PulledSenders } from '../../src/client/api.ts';
import { eventually } from '../network/eventually.ts';
import type { Run } from './beckon.ts';
import { enrolled, startHosters, type Hosters } from './hosters.ts';

let hosters: Hosters;

test.before(async () => {
  hosters = await startHosters(['alpha', 'beta']);
  await Promise.all([enrolled(hosters, 'alice', 'alpha'), enrolled(hosters, 'bob', 'beta')]);
});
test.after.always(async () => {
  await hosters?.[Symbol.asyncDispose]();
});

const bob = (...words: string[]): Promise<Run> => hosters.as('bob', words);
const alice = (...words: string[]): Promise<Run> => hosters.as('alice', words);

function ok({ code, out, err }: Run): string {
  if (code !== 0) throw new Error(`exit code ${code}: ${err}`);
  return out;
}

/** The inbox, once so many entries are as they should be. */
async function inbox(wanted: (entry: InboxEntry) => boolean, count = 1): Promise<readonly InboxEntry[]> {
  return await eventually('entries', async () => {
    const entries = (JSON.parse(ok(await bob('inbox', '--json'))) as InboxEntry[]).filter(wanted);
    return entries.length >= count ? entries : undefined;
  });
}

test.serial('a message is fetched with all its parts, and read here afterwards', async (t) => {
  const path = join(hosters.dir.path, 'plan.txt');
  await writeFile(path, 'the plan');
  ok(await alice('send', 'bob@beta.test', path, '-s', 'The plan', '--body', 'Dear Bob'));
  await inbox(({ status }) => status === 'waiting', 3);
  const fetched = ok(await bob('fetch', '1'));
  t.regex(
    fetched,
    /^fetched {2}\d+ {2}letter, \d+ B, verified\nfetched {2}\d+ {2}plan\.txt \(text\/plain, 8 B\), verified\n$/,
  );
  const [cover] = await inbox(({ cover: isCover }) => isCover === true);
  t.true(cover?.parts?.every(({ status }) => status === 'accepted'));
  t.regex(ok(await bob('read', String(cover?.number))), /Dear Bob/);
  const again = JSON.parse(ok(await bob('fetch', String(cover?.number), '--json'))) as InboxEntry[];
  t.deepEqual(
    again.map(({ status }) => status),
    ['accepted', 'accepted'],
    'what is here is not fetched again',
  );
});

test.serial('a part that is gone does not keep the others from being read, fetched and saved', async (t) => {
  const paths = ['one.txt', 'two.bin', 'three.bin'].map((name) => join(hosters.dir.path, name));
  for (const path of paths) await writeFile(path, path);
  const sent = ok(await alice('send', 'bob@beta.test', ...paths, '--body', 'Dear Bob', '--json'));
  const { recipients } = JSON.parse(sent) as { recipients: { handles: string[] }[] };
  const isWhole = ({ status, parts }: InboxEntry): boolean => status === 'opened' && parts?.length === 4;
  const [cover] = await inbox(isWhole);
  const number = String(cover?.number);
  // The letter, and a file.
  for (const handle of [recipients[0]?.handles[1] ?? '', recipients[0]?.handles[3] ?? ''])
    t.regex(ok(await alice('retract', handle)), /withdrawn/);
  // Whether the retraction is heard of first, or the domain asked in vain.
  const gone = '(withdrawn by the sender|expired before it was fetched)';
  const fetched = await bob('fetch', number);
  t.is(fetched.code, 1);
  t.deepEqual(fetched.out.match(/one|two|three/g), ['one', 'three']);
  const shown = await bob('read', number);
  t.is(shown.code, 1);
  t.regex(shown.out, /one\.txt/);
  t.regex(shown.out, new RegExp(`two\\.bin \\(application/octet-stream, \\d+ B\\): ${gone}`));
  t.regex(shown.out, /three\.bin \(application\/octet-stream, \d+ B\): beckon save/);
  const directory = join(hosters.dir.path, 'saved');
  await mkdir(directory);
  const saved = await bob('save', number, directory, '--json');
  t.is(saved.code, 1);
  t.is((JSON.parse(saved.out) as unknown[]).length, 2);
  t.deepEqual((await readdir(directory)).toSorted(), ['one.txt', 'three.bin']);
});

test.serial('what is put off is out of the list, and comes back', async (t) => {
  ok(await alice('send', 'bob@beta.test', '-s', 'Later', '--body', 'no hurry'));
  const entry = (await inbox(({ status }) => status === 'opened')).at(-1);
  const number = String(entry?.number);
  const line = new RegExp(`^ +${number} {2}\\*`, 'm');
  t.regex(ok(await bob('inbox')), line);
  t.regex(
    ok(await bob('defer', number, '--for', '3d')),
    /^deferred \d+ for 3 d; it waits at alpha\.test for 1[34] d\n$/,
  );
  const hidden = await bob('inbox');
  t.notRegex(ok(hidden), line);
  t.regex(hidden.err, /1 put off: beckon inbox --all/);
  t.regex(ok(await bob('inbox', '--all')), line);
  t.is(ok(await bob('defer', number, '--undo')), `shown    ${number}\n`);
  t.regex(ok(await bob('inbox')), line);
  const long = ok(await bob('defer', number, '--for', '90d'));
  t.regex(long, /^deferred \d+ for 1[23] d;/, 'a day before it ends it shows');
  t.is((await bob('defer', number, '--for', 'soon')).code, 2);
  ok(await bob('read', number));
  const over = await bob('defer', number);
  t.is(over.code, 2);
  t.regex(over.err, /request_invalid/);
});

test.serial('a message that waits elsewhere is delegated', async (t) => {
  ok(await alice('send', 'bob@beta.test', '-s', 'Delegate', '--body', 'for your domain'));
  const entry = (await inbox(({ status }) => status === 'opened')).at(-1);
  const number = String(entry?.number);
  t.regex(ok(await bob('delegate', number)), /^delegated \d+ {2}your domain fetches it/);
  const asked = JSON.parse(ok(await bob('delegate', number, '--json'))) as Delegated[];
  t.is(asked.length, 1);
  t.like(asked[0], { number: Number(number) });
  // After a while that is drawn it fetches, and that may be none.
  t.true(['waiting', 'pulled'].includes(asked[0]?.state ?? ''));
  t.regex(ok(await bob('read', number)), /for your domain/, 'it can be read at once all the same');
  t.is((await bob('delegate', number)).code, 2);
  t.is((await bob('delegate', '9999')).code, 1);
  t.is((await bob('delegate', 'x')).code, 2);
});

test.serial('what comes from somebody, or from everybody, is pulled until that is taken back', async (t) => {
  t.is(ok(await bob('pull', 'alice@alpha.test')), 'pulled  alice@alpha.test\n');
  const listed = await bob('pull', '--list');
  t.is(ok(listed), 'alice@alpha.test\n');
  t.regex(listed.err, /copies at your domain: 0 B of 500 MB, each for 90 d/);
  t.is(ok(await bob('pull', 'alice@alpha.test', '--undo')), 'not pulled any more  alice@alpha.test\n');
  t.is(ok(await bob('pull', '--all')), 'pulled  alice@alpha.test\n');
  const json = JSON.parse(ok(await bob('pull', '--list', '--json'))) as PulledSenders;
  t.deepEqual(json, { senders: ['alice@alpha.test'], room: { used: 0, quota: 500e6, keep: 90 * 86_400 } });
  ok(await bob('pull', '--all', '--undo'));
  t.is(ok(await bob('pull', '--list')), '');
  const wrongs = [[], ['--all', '--list'], ['alice@alpha.test', '--all'], ['--list', '--undo']];
  for (const wrong of wrongs) t.is((await bob('pull', ...wrong)).code, 2, wrong.join(' '));
  t.is((await bob('pull', 'bob@beta.test')).code, 2, 'the own address');
});

test('the help of the inbox names what may be done', async (t) => {
  const help = ok(await bob('inbox', '--help'));
  for (const choice of ['fetch', 'defer', 'delegate', 'ignore', 'pull --all'])
    t.true(help.includes(`beckon ${choice}`), choice);
  t.true(help.split('\n').length <= 24, 'one screen');
});
