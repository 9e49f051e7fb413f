import { readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import test from 'ava';
import { askLine } from '../../src/cli/ask.ts';
import { readBody } from '../../src/cli/body.ts';
import { createFace, type Face } from '../../src/cli/face.ts';
import { createProgressBar } from '../../src/cli/progress.ts';
import { sortWords } from '../../src/cli/recipients.ts';
import { BeckonError } from '../../src/errors.ts';
import { testDirectory } from '../support/directory.ts';

const terminal = Symbol('terminal');

function faceOf(
  input: Uint8Array | string | typeof terminal,
  environment: Face['environment'] = {},
  cwd = '/',
): Face {
  const stream = Object.assign(new PassThrough(), { isTTY: input === terminal });
  stream.end(input === terminal ? '' : input);
  return createFace({
    environment,
    input: stream,
    output: new PassThrough(),
    errors: new PassThrough(),
    workingDirectory: cwd,
  });
}

test('the text comes from the command line, else from standard input', async (t) => {
  t.is(await readBody(faceOf('piped'), 'given', false), 'given');
  t.is(await readBody(faceOf('piped\n'), undefined, false), 'piped\n');
  t.is(await readBody(faceOf('piped\n'), undefined, true), 'piped\n');
  t.is(await readBody(faceOf(' \n'), undefined, true), undefined);
});

test('a question passes over empty lines; one that is left without an answer is misuse, or has the answer that is safe', async (t) => {
  t.is(await askLine(faceOf('\n  \n yes \nno\n'), 'this'), 'yes');
  await t.throwsAsync(askLine(faceOf(terminal), 'this'), { code: 'usage' });
  t.is(await askLine(faceOf(terminal), 'this', 'no'), 'no');
});

test('what is not text is to be sent as a file', async (t) => {
  for (const input of [Uint8Array.of(0xff, 0xfe), 'x'.repeat((16 << 20) + 1)]) {
    const error = await t.throwsAsync(readBody(faceOf(input), undefined, false), { instanceOf: BeckonError });
    t.is(error.code, 'usage');
  }
});

test('on a terminal an editor is opened, unless there are files', async (t) => {
  await using dir = await testDirectory();
  const prepared = join(dir.path, 'prepared');
  await writeFile(prepared, 'Dear Bob\n');
  t.is(await readBody(faceOf(terminal, { EDITOR: `cp ${prepared}` }), undefined, false), 'Dear Bob\n');
  t.is(await readBody(faceOf(terminal, { EDITOR: 'false' }), undefined, true), undefined);
  // Left empty, or left with an error: nothing is to be sent.
  for (const environment of [{ EDITOR: 'true' }, { VISUAL: 'false', EDITOR: `cp ${prepared}` }]) {
    const failed = readBody(faceOf(terminal, environment), undefined, false);
    const error = await t.throwsAsync(failed, { instanceOf: BeckonError });
    t.is(error.code, 'usage');
  }
});

test('the editor’s file does not stay', async (t) => {
  await using dir = await testDirectory();
  const note = join(dir.path, 'note');
  const editor = `sh -c 'echo "$1" > ${note}; echo secret > "$1"' sh`;
  await readBody(faceOf(terminal, { EDITOR: editor }), undefined, false);
  const path = (await readFile(note, 'utf8')).trim();
  t.regex(path, /message\.txt$/);
  await t.throwsAsync(stat(path), { code: 'ENOENT' });
  await t.throwsAsync(stat(dirname(path)), { code: 'ENOENT' });
});

test('a word with @ is an address unless there is such a file', async (t) => {
  await using dir = await testDirectory();
  await writeFile(join(dir.path, 'a@b.test'), '');
  await writeFile(join(dir.path, 'plain.txt'), '');
  const face = faceOf('', {}, dir.path);
  t.deepEqual(await sortWords(face, ['c@d.test', 'a@b.test', 'plain.txt']), {
    to: ['c@d.test'],
    files: [join(dir.path, 'a@b.test'), join(dir.path, 'plain.txt')],
  });
  for (const [words, code] of [
    [['.'], 'usage'],
    [['missing.txt'], 'usage'],
    [['/dev/null'], 'usage'],
    [['x@y'], 'domain_invalid'],
    [['@y.test'], 'address_invalid'],
  ] as const) {
    const error = await t.throwsAsync(sortWords(face, words), { instanceOf: BeckonError });
    t.is(error.code, code);
  }
});

test('progress is drawn on a terminal only', (t) => {
  const shown = (isTTY: boolean): string => {
    const errors = Object.assign(new PassThrough(), { isTTY, columns: 80 });
    const face = { ...faceOf(''), errors } as Face;
    const bar = createProgressBar(face, 'sending');
    const total = 50_000_000;
    for (const part of [0, 1]) bar.show({ part, parts: 2, done: 0, total });
    bar.show({ part: 1, parts: 2, done: total, total });
    bar.end();
    bar.end();
    return (errors.read() as Buffer | null)?.toString() ?? '';
  };
  t.is(shown(false), '');
  t.regex(shown(true), /sending/);
});
