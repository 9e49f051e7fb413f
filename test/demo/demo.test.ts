/** The demo as users start it: what it says last, its exit code, and that nothing of it stays behind. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { createNarrator } from '../../src/demo/narrate.ts';
import { runDemo } from '../../src/demo/demo.ts';
import { PassThrough } from 'node:stream';
import { testDirectory } from '../support/directory.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const example = join(root, 'src/demo/example.eml');
/** Of the user's own installation: they must not reach the demo's. */
const foreign = { BECKON_LISTEN_HTTPS: 'nonsense', BECKON_DATA: '/nowhere', BECKON_RESOLVERS: 'nonsense' };

interface Outcome {
  readonly code: number | null;
  readonly lines: readonly string[];
  readonly err: string;
}

/** `npm run demo -- FILES` in `cwd`; `until` ends it at a line that contains this. */
async function demo(cwd: string, files: readonly string[], until?: string): Promise<Outcome> {
  const child = spawn(process.execPath, [join(root, 'bin/beckon.js'), 'demo', ...files], {
    cwd: root,
    env: {
      ...process.env,
      ...foreign,
      TMPDIR: cwd,
      INIT_CWD: cwd,
      npm_package_json: join(root, 'package.json'),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    if (until !== undefined && out.includes(until)) child.kill('SIGINT');
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, lines: out.trimEnd().split('\n'), err };
}

async function described(path: string): Promise<string> {
  const bytes = await readFile(path);
  return `${createHash('sha256').update(bytes).digest('hex')} ${bytes.length}`;
}

async function nothingLeft(t: ExecutionContext, cwd: string, { lines }: Outcome): Promise<void> {
  t.deepEqual(
    (await readdir(cwd)).filter((name) => name.startsWith('beckon-demo-')),
    [],
  );
  const daemons = lines.flatMap((line) => /process (\d+)/.exec(line)?.slice(1) ?? []);
  t.is(daemons.length, 2);
  for (const pid of daemons) t.throws(() => process.kill(Number(pid), 0), { code: 'ESRCH' });
}

test.serial('the mail that comes along arrives as it was', async (t) => {
  await using directory = await testDirectory();
  const outcome = await demo(directory.path, []);
  const { code, lines, err } = outcome;
  t.is(err, '');
  t.is(code, 0);
  const expected = await described(example);
  t.deepEqual(lines.slice(-2), [`sent ${expected}`, `received ${expected}`]);
  const story = lines.join('\n');
  for (const part of [
    'no SRV, but MX: legacy',
    '[discovery_legacy]',
    "beta's feed holds an introduction, by alice@alpha.test",
    'signed by alice@alpha.test',
    'from bob@beta.test, "Yes, on Saturday',
    'letters or addresses: not found',
    '0 messages in transit, 2 ciphertexts kept, pending: 2 tombstones',
  ])
    t.true(story.includes(part), part);
  t.false(story.includes('\u001b'), 'colours on a terminal only');
  t.true(lines.length <= 60);
  await nothingLeft(t, directory.path, outcome);
});

test.serial('odd files arrive as they were, in their order', async (t) => {
  await using directory = await testDirectory();
  const names = ['empty', 'one/näme with ☃.txt', 'two/näme with ☃.txt', '.-x.eml'];
  const contents = ['', 'a text of the first folder, with several words in it\n', 'y', 'Subject: no\n\nmail'];
  for (const [index, name] of names.entries()) {
    const path = join(directory.path, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, contents[index] ?? '');
  }
  const outcome = await demo(directory.path, names);
  t.is(outcome.err, '');
  t.is(outcome.code, 0);
  const expected: string[] = [];
  for (const name of names) {
    const text = await described(join(directory.path, name));
    expected.push(`sent ${text}`, `received ${text}`);
  }
  t.deepEqual(outcome.lines.slice(-8), expected);
  await nothingLeft(t, directory.path, outcome);
});

test.serial('Ctrl-C ends everything', async (t) => {
  await using directory = await testDirectory();
  const outcome = await demo(directory.path, [], 'beckon send');
  t.is(outcome.code, 130);
  t.regex(outcome.err, /interrupted/);
  t.false(outcome.lines.some((line) => /^(sent|received) /.test(line)));
  await nothingLeft(t, directory.path, outcome);
});

test.serial('what cannot be read is a failure that names its step', async (t) => {
  await using directory = await testDirectory();
  const [output, errors] = [new PassThrough(), new PassThrough()];
  const files = [join(directory.path, 'missing')];
  t.is(await runDemo(files, { keep: false, output, errors, environment: process.env }), 1);
  t.regex(String(errors.read()), /FAILED at the stage: ENOENT/);
});

test('names of files cannot move the cursor', (t) => {
  const output = new PassThrough();
  createNarrator(output).tell('alice', 'sends a\u001b[2Jb\nc');
  t.regex(String(output.read()), /sends a\ufffd\[2Jb\ufffdc\n$/);
});

test('the example is a mail with an attachment', async (t) => {
  t.true((await stat(example)).size > 0);
  t.regex(await readFile(example, 'latin1'), /^Content-Disposition: attachment/m);
});
