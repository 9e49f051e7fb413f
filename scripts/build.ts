/**
 * Builds dist/, which the package ships: Node strips no types inside node_modules.
 *
 * 1. empty dist/
 * 2. compile src/ to JavaScript and declarations
 * 3. copy what is neither TypeScript nor documentation (the demo's sample mail)
 * 4. derive dist/package.json from src/package.json, whose `imports` name .ts files
 */
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'src');
const target = join(root, 'dist');

rmSync(target, { recursive: true, force: true });

const compiler = spawnSync(process.execPath, ['node_modules/.bin/tsc', '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
if (compiler.status !== 0) process.exit(1);

cpSync(source, target, {
  recursive: true,
  filter: (path) => statSync(path).isDirectory() || !/\.(ts|md)$/.test(path),
});

const manifest = readFileSync(join(source, 'package.json'), 'utf8');
writeFileSync(join(target, 'package.json'), manifest.replaceAll(/\.ts"/g, '.js"'));
