import { chmod, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import fc from 'fast-check';
import { safeFileName } from '../../src/cli/file-name.ts';
import { openFileSink } from '../../src/cli/file-sink.ts';
import { openHome } from '../../src/cli/home.ts';
import { BeckonError } from '../../src/errors.ts';
import { testDirectory } from '../support/directory.ts';

const entry = { number: 7, mediaType: 'image/png' };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const names: readonly (readonly [string | undefined, string])[] = [
  ['drawing.png', 'drawing.png'],
  ['Zeichnung mit Leerzeichen.png', 'Zeichnung mit Leerzeichen.png'],
  ['../../etc/passwd', 'passwd'],
  ['/etc/passwd', 'passwd'],
  ['C:\\Windows\\system32\\evil.dll', 'evil.dll'],
  ['..', 'message-7.png'],
  ['.', 'message-7.png'],
  ['', 'message-7.png'],
  [undefined, 'message-7.png'],
  ['a/', 'message-7.png'],
  ['.bashrc', 'bashrc'],
  ['...hidden', 'hidden'],
  ['-rf', 'rf'],
  ['~root', 'root'],
  ['a\u0000b\nc\u001b[2J.txt', 'abc[2J.txt'],
  ['harmless\u202egnp.exe', 'harmlessgnp.exe'],
  ['CON', '_CON'],
  ['nul.txt', '_nul.txt'],
  ['what?.txt', 'what_.txt'],
  ['name. . ', 'name'],
  ['a.beckon-part', 'a.beckon-part_'],
  ['a.BECKON-PART.', 'a.BECKON-PART_'],
];

for (const [given, expected] of names)
  test(`a file named ${JSON.stringify(given)} is saved as ${expected}`, (t) => {
    t.is(safeFileName(given, entry), expected);
  });

test('no name leaves its directory, hides, or is too long', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (name) => {
      const safe = safeFileName(name, entry);
      t.is(basename(safe), safe);
      t.notRegex(safe, /^[.\-~]|[/\\\p{Cc}\p{Cf}\p{Cs}]/u);
      t.true(safe !== '' && bytes(safe).length <= 210);
    }),
    { numRuns: 2000 },
  );
});

test('a long name keeps its extension', (t) => {
  const safe = safeFileName(`${'ä'.repeat(300)}.jpeg`, entry);
  t.true(safe.endsWith('ä.jpeg'));
  t.true(bytes(safe).length <= 200);
});

async function contentOf(parts: AsyncIterable<Uint8Array>): Promise<string> {
  let text = '';
  for await (const part of parts) text += new TextDecoder().decode(part);
  return text;
}

test('a sink writes beside, resumes, and shows the file when it is whole', async (t) => {
  await using dir = await testDirectory();
  const path = join(dir.path, 'file');
  const first = await openFileSink(path);
  t.is(await first.size(), 0);
  await first.write(bytes('hello wor'));
  await first.close();
  t.deepEqual(await readdir(dir.path), ['file.beckon-part']);

  const second = await openFileSink(path);
  t.is(await second.size(), 9);
  t.is(await contentOf(second.read(5)), 'hello');
  await second.truncate(6);
  await second.write(bytes('sea'));
  t.is(await contentOf(second.read(100)), 'hello sea');
  await second.commit();
  await second.close();
  t.deepEqual(await readdir(dir.path), ['file']);
  t.is(await readFile(path, 'utf8'), 'hello sea');
  t.is((await stat(path)).mode & 0o777, 0o600);
});

test('a sink never overwrites, not even what comes while it writes', async (t) => {
  await using dir = await testDirectory();
  const path = join(dir.path, 'file');
  await writeFile(path, 'mine');
  const refused = await t.throwsAsync(openFileSink(path), { instanceOf: BeckonError });
  t.is(refused.code, 'exists');
  const late = join(dir.path, 'late');
  const sink = await openFileSink(late);
  await sink.write(bytes('theirs'));
  await writeFile(late, 'mine');
  const error = await t.throwsAsync(sink.commit(), { instanceOf: BeckonError });
  t.is(error.code, 'exists');
  await sink.close();
  t.is(await readFile(late, 'utf8'), 'mine');
  t.is(await readFile(path, 'utf8'), 'mine');
});

test('a sink takes no file that is not its own for its beginning', async (t) => {
  await using dir = await testDirectory();
  const whole = async (name: string, content: string): Promise<void> => {
    const sink = await openFileSink(join(dir.path, name));
    await sink.truncate(0);
    await sink.write(bytes(content));
    await sink.commit();
    await sink.close();
  };
  await writeFile(join(dir.path, 'film.part'), 'a download of another program');
  await whole('film', 'film');
  await whole('film2.part', 'the first part of a message');
  await whole('film2', 'the second');
  t.is(await readFile(join(dir.path, 'film.part'), 'utf8'), 'a download of another program');
  t.is(await readFile(join(dir.path, 'film2.part'), 'utf8'), 'the first part of a message');
});

test('a sink follows no link and takes no directory', async (t) => {
  await using dir = await testDirectory();
  const victim = join(dir.path, 'victim');
  await writeFile(victim, 'precious');
  await symlink(victim, join(dir.path, 'a.beckon-part'));
  await symlink(join(dir.path, 'nowhere'), join(dir.path, 'b'));
  await mkdir(join(dir.path, 'c.beckon-part'));
  for (const [name, code] of [
    ['a', 'storage_failed'],
    ['b', 'exists'],
    ['c', 'storage_failed'],
  ] as const) {
    const error = await t.throwsAsync(openFileSink(join(dir.path, name)), { instanceOf: BeckonError });
    t.is(error.code, code);
  }
  t.is(await readFile(victim, 'utf8'), 'precious');
});

test('the state is private, written whole, and read back', async (t) => {
  await using dir = await testDirectory();
  const home = await openHome(join(dir.path, 'deep', 'home'));
  t.is(await home.state.read(), undefined);
  await home.state.write('{"a":1}\n');
  await home.state.write('{"a":2}\n');
  t.is(await home.state.read(), '{"a":2}\n');
  t.is((await stat(home.directory)).mode & 0o777, 0o700);
  t.is((await stat(join(home.directory, 'state.json'))).mode & 0o777, 0o600);
  await home.unlock();
  t.deepEqual(await readdir(home.directory), ['state.json']);
  // A command that was killed left what it was writing: keys may be in it.
  await writeFile(join(home.directory, '.1-2.new'), 'secret', { mode: 0o600 });
  await (await openHome(home.directory)).unlock();
  t.deepEqual(await readdir(home.directory), ['state.json']);
});

test('a state that others may open is refused', async (t) => {
  await using dir = await testDirectory();
  const home = await openHome(dir.path);
  await home.device.write('secret');
  await chmod(join(dir.path, 'device.json'), 0o640);
  const error = await t.throwsAsync(home.device.read(), { instanceOf: BeckonError });
  t.is(error.code, 'config_invalid');
  await home.unlock();
});

test('two commands take turns with one state', async (t) => {
  await using dir = await testDirectory();
  let inside = 0;
  const turn = async (): Promise<void> => {
    const home = await openHome(dir.path);
    inside += 1;
    t.is(inside, 1);
    const count = Number((await home.state.read()) ?? '0');
    await sleep(5);
    await home.state.write(String(count + 1));
    inside -= 1;
    await home.unlock();
  };
  await Promise.all(Array.from({ length: 4 }, turn));
  t.is(await readFile(join(dir.path, 'state.json'), 'utf8'), '4');
});

test('who waits too long for the lock is told', async (t) => {
  await using dir = await testDirectory();
  const home = await openHome(dir.path);
  const error = await t.throwsAsync(openHome(dir.path, 1), { instanceOf: BeckonError });
  t.is(error.code, 'state_locked');
  await home.unlock();
  await (await openHome(dir.path)).unlock();
});

test('the lock of a killed command is taken over', async (t) => {
  await using dir = await testDirectory();
  const lock = join(dir.path, 'lock');
  await mkdir(lock);
  const past = Date.now() / 1000 - 60;
  await utimes(lock, past, past);
  const home = await openHome(dir.path, 0);
  await home.state.write('x');
  await home.unlock();
  t.deepEqual(await readdir(dir.path), ['state.json']);
});
