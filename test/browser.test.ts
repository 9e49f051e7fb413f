import { existsSync, globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';
import test from 'ava';
import { build } from 'esbuild';
import { portable } from './architecture/table.ts';

const src = fileURLToPath(new URL('../src', import.meta.url));

/** What both a browser and this test's sandbox have; neither `process` nor `Buffer`. */
const browser = {
  AbortController,
  crypto,
  Headers,
  fetch,
  performance,
  Response,
  TextDecoder,
  TextEncoder,
  URL,
};

test('the portable rooms bundle for a browser and load without Node', async (t) => {
  const files = globSync(`{${portable.rooms.join(',')}}/**/*.ts`, { cwd: src }).filter(
    (path) => !path.endsWith('.d.ts') && !portable.except.includes(path),
  );
  t.true(files.length > 20);
  await bundleAndLoad(files.map((path) => `import './${path}';`).join('\n'));
  t.pass();
});

test('the client library is one entry that a browser can load', async (t) => {
  t.true(existsSync(`${src}/client/index.ts`));
  const names = await bundleAndLoad(
    "import * as client from './client/index.ts'; names = Object.keys(client);",
  );
  t.true(names.length > 0);
});

test('a planted import of Node is found', async (t) => {
  await t.throwsAsync(bundleAndLoad("import 'node:fs';"), { message: /node:fs/ });
  await t.throwsAsync(bundleAndLoad("Buffer.from('x');"), { message: /Buffer/ });
});

/** Bundles TypeScript that stands in src, runs it in a sandbox, and gives what it left in `names`. */
async function bundleAndLoad(contents: string): Promise<string[]> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: src, loader: 'ts' },
    bundle: true,
    write: false,
    treeShaking: false,
    platform: 'browser',
    conditions: ['browser'],
    format: 'iife',
    target: 'es2024',
    logLevel: 'silent',
  });
  const sandbox = vm.createContext({ ...browser, names: [] as string[] });
  vm.runInContext(outputFiles[0]?.text ?? '', sandbox);
  return [...(sandbox['names'] as string[])];
}
