/** The demo as users start it: what it says last, its exit code, and that nothing of it stays behind. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { createNarrator } from '../../src/demo/narrate.ts';
import { runDemo } from '../../src/demo/demo.ts';
import { PassThrough } from 'node:stream';
import { testDirectory } from '../support/directory.ts';
import { demo, described, nothingLeft } from './start.ts';

const example = fileURLToPath(new URL('../../src/demo/example.eml', import.meta.url));

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
    'mx.legacy.test took it over SMTP',
    "on alpha's disk, its text: not found",
    'letters or addresses: not found',
    '0 messages in transit, 2 ciphertexts kept, pending: 2 tombstones',
  ])
    t.true(story.includes(part), part);
  t.false(story.includes('\u001b'), 'colours on a terminal only');
  t.true(lines.length <= 66);
  await nothingLeft(t, directory.path, outcome);
});

test.serial('Ctrl-C ends everything', async (t) => {
  await using directory = await testDirectory();
  const outcome = await demo(directory.path, [], 'now has what init said');
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
