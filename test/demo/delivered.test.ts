import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { compare } from '../../src/demo/delivered.ts';
import { testDirectory } from '../support/directory.ts';

async function written(directory: string, name: string, content: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  return path;
}

test('equal bytes agree, and the lines say what was hashed', async (t) => {
  await using directory = await testDirectory();
  const sent = await written(directory.path, 'a', 'abc');
  const received = await written(directory.path, 'b', 'abc');
  const hash = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  t.deepEqual(await compare([{ sent, received }]), {
    lines: [`sent ${hash} 3`, `received ${hash} 3`],
    agree: true,
  });
});

for (const [damage, content] of [
  ['a changed byte', 'abd'],
  ['a missing byte', 'ab'],
  ['a byte too many', 'abcc'],
  ['nothing', ''],
] as const)
  test(`one file of two with ${damage} does not agree`, async (t) => {
    await using directory = await testDirectory();
    const sent = await written(directory.path, 'a', 'abc');
    const good = await written(directory.path, 'b', 'abc');
    const bad = await written(directory.path, 'c', content);
    for (const pair of [
      [bad, good],
      [good, bad],
    ] as const) {
      const { agree, lines } = await compare(pair.map((received) => ({ sent, received })));
      t.false(agree);
      t.is(lines.length, 4);
    }
  });

test('nothing to compare is no success', async (t) => {
  t.false((await compare([])).agree);
});

test('a file that is not there is an error', async (t) => {
  await using directory = await testDirectory();
  const sent = await written(directory.path, 'a', 'abc');
  await t.throwsAsync(compare([{ sent, received: join(directory.path, 'none') }]), { code: 'ENOENT' });
});
