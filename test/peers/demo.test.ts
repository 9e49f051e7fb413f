/** The demo with files of one's own; test/demo/ has the one with its own mail. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'ava';
import { demo, described, nothingLeft } from '../demo/start.ts';
import { testDirectory } from '../support/directory.ts';

test('odd files arrive as they were, in their order', async (t) => {
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
