/** wire-spec/ as data: its CDDL, tables, lists and words in code quotes. */
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseCddl, type Rules, type Type } from './cddl.ts';

const root = fileURLToPath(new URL('../../wire-spec/', import.meta.url));

/** File name to text. */
export const documents: ReadonlyMap<string, string> = new Map(
  globSync('*.md', { cwd: root }).map((name) => [name, readFileSync(root + name, 'utf8')]),
);

export const allText = [...documents.values()].join('\n');

export function documentOf(name: string): string {
  const text = documents.get(name);
  if (text === undefined) throw new Error(`there is no ${name}`);
  return text;
}

/** The blocks of CDDL of each file. */
export const cddlBlocks: readonly { readonly file: string; readonly source: string }[] = [
  ...documents,
].flatMap(([file, text]) =>
  [...text.matchAll(/^```cddl\n([\s\S]*?)^```$/gm)].map(([, source = '']) => ({ file, source })),
);

/** All rules in one, with the file that each comes from. Throws where one is defined twice. */
export function readRules(): { readonly rules: Rules; readonly fileOf: ReadonlyMap<string, string> } {
  const rules = new Map<string, Type>();
  const fileOf = new Map<string, string>();
  for (const { file, source } of cddlBlocks) {
    for (const [name, type] of parseCddl(source)) {
      if (rules.has(name)) throw new Error(`${name} is defined in ${fileOf.get(name)} and in ${file}`);
      rules.set(name, type);
      fileOf.set(name, file);
    }
  }
  return { rules, fileOf };
}

/** The rows of the table under a paragraph that contains `heading`, or under the heading itself; header row left out. */
export function tableAfter(file: string, heading: string): readonly (readonly string[])[] {
  const text = documentOf(file);
  const start = text.indexOf(heading);
  if (start < 0) throw new Error(`${file} has no ${heading}`);
  const table = /^\|.*(?:\n\|.*)*/m.exec(text.slice(start));
  if (table === null) throw new Error(`no table after ${heading}`);
  return table[0]
    .split('\n')
    .slice(2)
    .map((row) =>
      row
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );
}

/** A table of names and numbers as an object; further columns are ignored. */
export function numbersAfter(file: string, heading: string): Readonly<Record<string, number>> {
  return Object.fromEntries(
    tableAfter(file, heading).map(([name = '', value = '']) => [name, Number(value)]),
  );
}

/** `**heading** ...: a 0, b 1.` as an object. */
export function listAfter(file: string, heading: string): Readonly<Record<string, number>> {
  const sentence = documentOf(file).split(`**${heading}**`)[1]?.split('.')[0];
  if (sentence === undefined) throw new Error(`${file} has no ${heading}`);
  return Object.fromEntries(
    [...sentence.matchAll(/(\w+) (\d+)/g)].map(([, name = '', value = '']) => [name, Number(value)]),
  );
}

/** The words in code quotes of one sentence, from `start` on. */
export function quotedAfter(file: string, start: string): readonly string[] {
  const paragraph = documentOf(file).split(start)[1]?.split(/\.\s/)[0];
  if (paragraph === undefined) throw new Error(`${file} has no ${start}`);
  return quotedIn(paragraph);
}

export function quotedIn(text: string): readonly string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, word = '']) => word);
}

const notCodes = new Set(['withdrawn_maybe_read', 'already_accepted']);

/** The error codes named in a text: words in code quotes of the form of codes. */
export function codesIn(text: string): ReadonlySet<string> {
  return new Set(
    quotedIn(text).filter((word) => /^[a-z0-9]+(?:_[a-z0-9]+)+$/.test(word) && !notCodes.has(word)),
  );
}
