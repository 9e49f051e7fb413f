/**
 * The package.json that is published leaves out what only a checkout needs: the Node binaries among the optional
 * dependencies, and the development dependencies. (The scripts stay: npm looks up `postpack` in the stripped file.)
 *
 *   node scripts/manifest.ts strip      before packing; keeps the original beside it
 *   node scripts/manifest.ts restore    after packing
 */
import { copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const manifest = fileURLToPath(new URL('../package.json', import.meta.url));
const original = `${manifest}.unpacked`;
const checkoutOnly = ['allowScripts', 'devDependencies', 'optionalDependencies'];

function strip(): void {
  if (existsSync(original)) restore(); // an earlier pack was interrupted
  copyFileSync(manifest, original);
  const fields = Object.entries(JSON.parse(readFileSync(manifest, 'utf8')) as Record<string, unknown>);
  const kept = Object.fromEntries(fields.filter(([name]) => !checkoutOnly.includes(name)));
  writeFileSync(manifest, `${JSON.stringify(kept, null, 2)}\n`);
}

function restore(): void {
  if (existsSync(original)) renameSync(original, manifest);
}

const action = process.argv[2];
if (action === 'strip') strip();
else if (action === 'restore') restore();
else throw new Error('usage: node scripts/manifest.ts strip|restore');
