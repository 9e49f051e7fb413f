import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { samplesOf } from '../../src/demo/samples.ts';
import { createSearch, searchDirectory } from '../../src/demo/search.ts';
import { testDirectory } from '../support/directory.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

test('finds exactly what is in a stream, however it is cut', (t) => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 40 });
  // Some pieces are empty, but not all: the stream ends.
  const cuts = fc.array(fc.nat(6), { minLength: 1, maxLength: 8 }).filter((lengths) => lengths.some(Boolean));
  fc.assert(
    fc.property(letters, fc.array(letters, { maxLength: 4 }), cuts, (text, words, cuts) => {
      const search = createSearch(words.map((word) => ({ name: word, bytes: bytesOf(word) })));
      for (let at = 0, turn = 0; at < text.length; turn++) {
        const length = cuts[turn % cuts.length] ?? 0;
        search.push(bytesOf(text.slice(at, at + length)));
        at += length;
      }
      const expected = words.filter((word) => word !== '' && text.includes(word));
      t.deepEqual([...search.found].sort(), [...new Set(expected)].sort());
    }),
  );
});

test('searches all files below a directory', async (t) => {
  await using directory = await testDirectory();
  await mkdir(join(directory.path, 'a/b'), { recursive: true });
  await writeFile(join(directory.path, 'a/b/deep'), `${'x'.repeat(2 ** 20 - 3)}secret`);
  await writeFile(join(directory.path, 'top'), 'open');
  const needles = ['secret', 'open', 'absent'].map((name) => ({ name, bytes: bytesOf(name) }));
  t.deepEqual([...(await searchDirectory(directory.path, needles))].sort(), ['open', 'secret']);
});

async function samples(name: string, content: string | Uint8Array): Promise<[string, string][]> {
  await using directory = await testDirectory();
  const path = join(directory.path, name);
  await writeFile(path, content);
  return (await samplesOf(path)).map(({ name, bytes }) => [name, Buffer.from(bytes).toString('latin1')]);
}

test('a mail is known by its subject and a sentence', async (t) => {
  const mail = 'From: a\r\nSubject: The lighthouse\r\n\r\nDear Bob,\r\nwill you come to us on Saturday?\r\n';
  t.deepEqual(await samples('a.eml', mail), [
    ['subject "The lighthouse"', 'The lighthouse'],
    ['sentence "will you come to us on Saturday?"', 'will you come to us on Saturday?'],
  ]);
});

test('other files are known by bytes that are no padding', async (t) => {
  const content = new Uint8Array(4096);
  for (let index = 3000; index < 4096; index++) content[index] = (index * 7) & 0xff;
  const [[name, bytes] = ['', '']] = await samples('a.bin', content);
  t.is(name, '32 bytes of a.bin');
  t.true(Buffer.from(content).includes(bytes, 0, 'latin1'));
  t.true(new Set(bytes).size >= 10);
});

for (const [what, content] of [
  ['nothing', ''],
  ['few bytes', 'abcdefghij'],
  ['zeros', new Uint8Array(100_000)],
] as const)
  test(`${what} cannot be known again`, async (t) => {
    t.deepEqual(await samples('a.bin', content), []);
  });
