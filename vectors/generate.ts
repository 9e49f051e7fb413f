/**
 * Writes every case to vectors/<folder>/<name>.json and removes what is no case any more: `npm run vectors`. The files
 * are the same on every run: randomness is seeded, the time stands still.
 */
import { globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fileText, type Case } from './generators/cases.ts';
import { account } from './generators/account.ts';
import { addressing } from './generators/addressing.ts';
import { bridges } from './generators/bridges.ts';
import { conventions } from './generators/conventions.ts';
import { discovery } from './generators/discovery.ts';
import { fetch } from './generators/fetch.ts';
import { identity } from './generators/identity.ts';
import { keys } from './generators/keys.ts';
import { message } from './generators/message.ts';
import { notification } from './generators/notification.ts';
import { state } from './generators/state.ts';

const folders: Readonly<Record<string, () => readonly Case[]>> = {
  conventions,
  discovery,
  keys,
  identity,
  addressing,
  message,
  notification,
  fetch,
  account,
  state,
  bridges,
};

/** Path below vectors/ to content, for every case. */
export function generateVectors(): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(folders).flatMap(([folder, cases]) =>
      cases().map((one) => [`${folder}/${one.name}.json`, fileText(one)] as const),
    ),
  );
}

export const vectorsRoot = fileURLToPath(new URL('.', import.meta.url));

/** Paths below vectors/ of the case files that are there. */
export function caseFiles(): readonly string[] {
  return globSync('*/*.json', { cwd: vectorsRoot, exclude: (name) => name === 'external' });
}

if (import.meta.main) {
  const files = generateVectors();
  for (const path of caseFiles()) if (!files.has(path)) rmSync(join(vectorsRoot, path));
  for (const [path, text] of files) {
    mkdirSync(dirname(join(vectorsRoot, path)), { recursive: true });
    writeFileSync(join(vectorsRoot, path), text);
  }
  console.log(`${files.size} cases`);
}
