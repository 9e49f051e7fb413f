import { globSync, readFileSync } from 'node:fs';
import test from 'ava';
import { importTable } from './architecture/page.ts';
import * as rules from './architecture/rules.ts';
import type { House, Rule } from './architecture/rules.ts';
import { readSource, resolveRelative } from './architecture/sources.ts';

const src = new URL('../src/', import.meta.url);

const house: House = {
  files: globSync('**/*.ts', { cwd: src }).map((path) =>
    readSource(path, readFileSync(new URL(path, src), 'utf8')),
  ),
  aliases: readAliases(readFileSync(new URL('package.json', src), 'utf8')),
  dependencies: Object.keys(
    (JSON.parse(readFileSync(new URL('../package.json', src), 'utf8')) as { dependencies: object })
      .dependencies,
  ),
};

test('there are files to look at', (t) => {
  t.true(house.files.length > 50);
  t.true(house.files.some(({ imports }) => imports.length > 0));
});

holds('every file is in a room of the table', rules.everyRoomIsKnown, [
  { 'misplaced/x.ts': '' },
  { 'stray.ts': '' },
]);

holds('imports follow the table', rules.importsFollowTheTable, [
  { 'wire/a.ts': "import { x } from '../crypto/x.ts';" },
  { 'wire/a.ts': "import type { X } from '../crypto/x.ts';" },
  { 'wire/a.ts': "import { type X } from '../crypto/x.ts';" },
  { 'wire/a.ts': "export { x } from '../crypto/x.ts';" },
  { 'wire/a.ts': "export type { X } from '../crypto/x.ts';" },
  { 'wire/a.ts': "export * from '../crypto/x.ts';" },
  { 'wire/a.ts': "export type X = import('../crypto/x.ts').X;" },
  { 'wire/a.ts': "export type X = typeof import('../crypto/x.ts');" },
  { 'wire/a.ts': "export const x = await import('../crypto/x.ts');" },
  { 'wire/a.ts': "import '#primitives';" },
  { 'notify/a.ts': "import '../fetch/x.ts';" },
  { 'fetch/a.ts': "import '../notify/x.ts';" },
  { 'client/a.ts': "import '../store/x.ts';" },
  { 'http/a.ts': "import '../store/x.ts';" },
  { 'cli/a.ts': "import '../demo/x.ts';" },
  { 'store/a.ts': "import '../daemon.ts';" },
  { 'errors.ts': "import './wire/x.ts';" },
  { 'config-values.ts': "import './store/x.ts';" },
]);

holds('imports exist, inside src', rules.importsExist, [
  { 'wire/a.ts': "import './gone.ts';" },
  { 'wire/a.ts': "import '#gone';" },
  { 'wire/a.ts': "import '../../test/x.ts';" },
]);

holds('no file imports itself, by whatever way', rules.noCycles, [
  { 'wire/a.ts': "import './a.ts';" },
  { 'wire/a.ts': "import './b.ts';", 'wire/b.ts': "import type { A } from './a.ts';" },
  {
    'wire/a.ts': "import './b.ts';",
    'wire/b.ts': "export * from './c.ts';",
    'wire/c.ts': "export const a = () => import('./a.ts');",
  },
]);

holds('libraries stay with their owners', rules.librariesStayWithTheirOwners, [
  { 'store/a.ts': "import sodium from 'sodium-native';" },
  { 'keys/a.ts': "import { sha256 } from '@noble/hashes/sha2.js';" },
  { 'store/a.ts': "import { hash } from 'node:crypto';" },
  { 'fetch/a.ts': "import type { Database } from 'lmdb';" },
  { 'daemon.ts': "import { fastify } from 'fastify';" },
  { 'directory/a.ts': "import { Resolver } from 'node:dns/promises';" },
  { 'directory/a.ts': "export const dns = await import('dns2');" },
  { 'fetch/a.ts': "import { request } from 'undici';" },
  { 'directory/a.ts': "import { connect } from 'node:tls';" },
  { 'directory/a.ts': "import { isIP, connect } from 'node:net';" },
  { 'directory/a.ts': "import * as net from 'node:net';" },
  { 'directory/a.ts': "import net from 'node:net';" },
  { 'directory/a.ts': "import 'node:net';" },
  { 'directory/a.ts': "export const http = process.getBuiltinModule('node:http');" },
  { 'directory/a.ts': "import Pool from 'undici/lib/dispatcher/pool.js';" },
  { 'notify/send.ts': "import { createSocket } from 'node:dgram';" },
]);

holds('libraries are dependencies, not development ones', rules.librariesAreDependencies, [
  { 'dns/a.ts': "import 'dns-packet';" },
  { 'crypto/a.ts': "import '@hpke/core';" },
]);

holds('portable rooms stay portable', rules.portableRoomsStayPortable, [
  { 'wire/a.ts': "import { join } from 'node:path';" },
  { 'client/a.ts': "import type { Stats } from 'node:fs';" },
  { 'message/a.ts': "export const a = () => import('node:fs');" },
  { 'wire/a.ts': "export const x = Buffer.from('x');" },
  { 'keys/a.ts': 'export type X = Buffer;' },
  { 'crypto/a.ts': 'export const x = globalThis.Buffer;' },
  { 'client/a.ts': 'export const x = process.env.HOME;' },
]);

holds('no import hides its target', rules.nothingIsOpaque, [
  { 'wire/a.ts': 'export const load = (name: string) => import(name);' },
  { 'wire/a.ts': "const x = require('./x.ts');" },
  { 'wire/a.ts': "const r = createRequire('/');" },
  { 'demo/a.ts': 'export const load = (name: string) => process.getBuiltinModule(name);' },
  { 'demo/a.ts': "export const worker = new URL('./worker.ts', import.meta.url);" },
]);

holds('files are short', rules.filesAreShort, [{ 'wire/a.ts': '\n'.repeat(400) }]);

holds('names say something', rules.namesSaySomething, [
  { 'wire/utils.ts': '' },
  { 'store/helpers/a.ts': '' },
  { 'notify/socket-manager.ts': '' },
  { 'common/a.ts': '' },
  { 'wire/misc.ts': '' },
]);

holds('daemon.ts and its sides are lists', rules.daemonIsAList, [
  { 'daemon.ts': 'for (const x of []) x;' },
  { 'daemon.ts': 'while (false);' },
  { 'daemon.ts': 'switch (1) {}' },
  { 'daemon-account.ts': 'for (const x of []) x;' },
]);

test('CONTRIBUTING.md shows the import table', (t) => {
  const page = readFileSync(new URL('../CONTRIBUTING.md', src), 'utf8');
  t.true(page.includes(importTable()), 'run npm run docs');
});

test('the run of a bare clone types what README.md tells a newcomer to type', (t) => {
  const command = 'npm ci && npm test';
  t.true(readFileSync(new URL('../.ci/run', src), 'utf8').includes(`'${command}'`));
  t.true(readFileSync(new URL('../README.md', src), 'utf8').includes(command));
});

/** The rule finds nothing in src, and something in each of the planted sets of files. */
function holds(title: string, rule: Rule, planted: Record<string, string>[]): void {
  test(title, (t) => {
    t.deepEqual(rule(house), []);
    for (const [index, files] of planted.entries()) {
      t.not(rule(plant(files)).length, 0, `planted violation ${index} was not found`);
    }
    t.deepEqual(
      rule(
        plant({
          'store/a.ts':
            "import { open } from 'lmdb';\nimport { isIP } from 'node:net';\nimport '../errors.ts';",
        }),
      ),
      [],
    );
  });
}

/** A house of planted files and whatever they may import. */
function plant(files: Record<string, string>): House {
  const whole: Record<string, string> = {
    'errors.ts': '',
    'daemon.ts': '',
    'crypto/primitives-node.ts': "import 'node:crypto';",
    ...Object.fromEntries(
      ['crypto', 'demo', 'fetch', 'notify', 'store', 'wire'].map((room) => [`${room}/x.ts`, '']),
    ),
    ...files,
  };
  return {
    files: Object.entries(whole).map(([path, text]) => readSource(path, text)),
    aliases: new Map([['#primitives', ['crypto/primitives-node.ts']]]),
    dependencies: ['lmdb'],
  };
}

function readAliases(manifest: string): ReadonlyMap<string, readonly string[]> {
  const { imports } = JSON.parse(manifest) as { imports: Record<string, string | Record<string, string>> };
  return new Map(
    Object.entries(imports).map(([name, target]) => [
      name,
      (typeof target === 'string' ? [target] : Object.values(target)).map((file) =>
        resolveRelative('x.ts', file),
      ),
    ]),
  );
}
