/** A client's files under a passphrase: on the disk nothing but the directory's names is in the clear. */
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { createFace } from '../../src/cli/face.ts';
import { openHome, type Home } from '../../src/cli/home.ts';
import { protectedHome } from '../../src/cli/passphrase.ts';
import { PassThrough } from 'node:stream';
import { rejected } from '../support/identities.ts';
import { testDirectory, type TestDirectory } from '../support/directory.ts';

function face(dir: TestDirectory, passphraseFile?: string) {
  return createFace({
    environment: passphraseFile === undefined ? {} : { BECKON_PASSPHRASE_FILE: passphraseFile },
    input: new PassThrough(),
    output: new PassThrough(),
    errors: new PassThrough(),
    workingDirectory: dir.path,
  });
}

async function passphraseFile(dir: TestDirectory, name: string, mode = 0o600): Promise<string> {
  const path = join(dir.path, name);
  await writeFile(path, `${name} of four words\n`, { mode });
  await chmod(path, mode);
  return path;
}

const onDisk = (home: Home, name: string): Promise<string> => readFile(join(home.directory, name), 'utf8');

test('with a passphrase file all is sealed, what lay in the clear too, and comes back', async (t) => {
  await using dir = await testDirectory();
  const file = await passphraseFile(dir, 'correct');
  const plain = await openHome(join(dir.path, 'home'));
  await plain.state.write('{"secret":"state"}');
  await plain.device.write('{"secret":"device"}');
  await plain.sending.write('{"secret":"sending"}');
  const home = await protectedHome(face(dir, file), plain, false);
  for (const [name, mine] of [
    ['state.json', home.state],
    ['device.json', home.device],
    ['sending.json', home.sending],
  ] as const) {
    t.false((await onDisk(home, name)).includes('secret'));
    t.true((await mine.read())?.includes('secret'));
  }
  await home.state.write('{"secret":"new state"}');
  t.false((await onDisk(home, 'state.json')).includes('secret'));
  const again = await protectedHome(face(dir, file), plain, false);
  t.is(await again.state.read(), '{"secret":"new state"}');
  await plain.unlock();
});

test('another passphrase, none, or one that others may read, opens nothing and changes nothing', async (t) => {
  await using dir = await testDirectory();
  const plain = await openHome(join(dir.path, 'home'));
  const right = await protectedHome(face(dir, await passphraseFile(dir, 'correct')), plain, false);
  await right.state.write('{}');
  await plain.device.write('{"left":"in the clear"}');
  const before = await onDisk(plain, 'state.json');
  const attempts = [
    [face(dir, await passphraseFile(dir, 'wrong')), 'open_failed'],
    [face(dir, await passphraseFile(dir, 'open', 0o644)), 'config_invalid'],
    [face(dir, join(dir.path, 'missing')), 'config_invalid'],
    [face(dir), 'usage'],
  ] as const;
  for (const [who, code] of attempts) t.is(await rejected(protectedHome(who, plain, false)), code);
  t.is(await onDisk(plain, 'state.json'), before);
  t.is(await onDisk(plain, 'device.json'), '{"left":"in the clear"}');
  await plain.unlock();
});

test('nobody who wants no passphrase is asked for one', async (t) => {
  await using dir = await testDirectory();
  const plain = await openHome(join(dir.path, 'home'));
  t.is(await protectedHome(face(dir), plain, false), plain);
  t.is(await rejected(protectedHome(face(dir), plain, true)), 'usage');
  await plain.unlock();
});
