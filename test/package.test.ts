import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const root = fileURLToPath(new URL('..', import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), 'beckon-package-'));
const checkout = join(temporary, 'checkout');
const installed = join(temporary, 'app', 'node_modules', 'beckon');

test.before('pack a copy of the checkout and unpack it where a package manager would', () => {
  const notSource = ['.git', 'coverage', 'dist', 'node_modules', 'test'].map((name) => join(root, name));
  cpSync(root, checkout, { recursive: true, filter: (path) => !notSource.includes(path) });
  symlinkSync(join(root, 'node_modules'), join(checkout, 'node_modules'));
  const npm = process.env['npm_execpath'];
  const pack = ['pack', '--silent', '--pack-destination', temporary];
  if (npm?.endsWith('.js')) run(process.execPath, [npm, ...pack], checkout);
  else run('npm', pack, checkout);

  mkdirSync(installed, { recursive: true });
  const { name, version } = manifest(root);
  run(
    'tar',
    ['-xzf', join(temporary, `${name}-${version}.tgz`), '-C', installed, '--strip-components=1'],
    temporary,
  );
  symlinkSync(join(root, 'node_modules'), join(installed, 'node_modules'));
});

test.after.always('remove the copies', () => {
  rmSync(temporary, { recursive: true, force: true });
});

test('the package holds compiled code and no source', (t) => {
  const files = globSync('**/*', { cwd: installed, exclude: ['node_modules'] });
  t.true(files.includes('dist/errors.js'));
  t.true(files.includes('bin/beckon.js'));
  t.true(files.includes('LICENSE'));
  t.deepEqual(
    files.filter((path) => /(?<!\.d)\.ts$/.test(path) || /^(src|test|bench|scripts|\.ci)\b/.test(path)),
    [],
  );
});

test('each file of src that is no type alone has its compiled twin, and assets come along', (t) => {
  for (const path of globSync('**/*.*', { cwd: join(root, 'src') })) {
    if (/\.(d\.ts|md)$/.test(path)) continue;
    t.true(existsSync(join(installed, 'dist', path.replace(/\.ts$/, '.js'))), path);
  }
});

test('nothing compiled names a TypeScript file', (t) => {
  for (const path of [...globSync('dist/**/*.js', { cwd: installed }), 'dist/package.json']) {
    t.notRegex(readFileSync(join(installed, path), 'utf8'), /['"][.#/][^'"\s]*(?<!\.d)\.ts['"]/, path);
  }
});

test('the published manifest leaves out what only a checkout needs; the checkout keeps it', (t) => {
  const published = manifest(installed);
  for (const name of ['allowScripts', 'devDependencies', 'optionalDependencies'])
    t.false(name in published, name);
  t.deepEqual(published['dependencies'], manifest(root)['dependencies']);
  t.deepEqual(manifest(checkout), manifest(root));
  t.false(existsSync(join(checkout, 'package.json.unpacked')));
});

test('the installed command runs', (t) => {
  const version = run(process.execPath, [join(installed, 'bin/beckon.js'), '--version'], temporary);
  t.is(version.trim(), manifest(root)['version'] as string);
});

test('the lock lists the optional packages of every platform, or npm 11 refuses npm ci', (t) => {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version?: string; optionalDependencies?: Record<string, string> }>;
  };
  const locked = new Set(Object.keys(packages).map((path) => path.replace(/^.*node_modules\//, '')));
  const wanted = Object.values(packages).flatMap(({ optionalDependencies }) =>
    Object.keys(optionalDependencies ?? {}),
  );
  t.true(wanted.length > 10);
  t.deepEqual(
    wanted.filter((name) => !locked.has(name)),
    [],
  );
});

test('no package that is installed needs an install script', (t) => {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { hasInstallScript?: boolean }>;
  };
  const scripted = Object.entries(packages)
    .filter(([, { hasInstallScript }]) => hasInstallScript)
    .map(([path]) => path.replace(/^.*node_modules\//, ''));
  const refused = Object.entries(manifest(root)['allowScripts'] as Record<string, boolean>);
  t.deepEqual(scripted.toSorted(), refused.map(([name]) => name).toSorted());
  t.true(refused.every(([, allowed]) => !allowed));
});

function manifest(folder: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, unknown>;
}

function run(command: string, args: string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stdout + stderr}`);
  return stdout;
}
