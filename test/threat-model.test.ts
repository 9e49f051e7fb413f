import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { documentOf } from './spec/documents.ts';
import { testTitles } from './spec/test-titles.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const model = documentOf('threat-model.md');

const adversaries = [
  'The passive network',
  "The sender's domain",
  "The recipient's domain",
  'Both domains together',
  'DNS, a certificate authority, or a network that alters packets',
  'A correspondent',
  'A stranger',
  'A user of the same domain',
  "A hoster's stolen disk",
  "A client's stolen disk",
  'Whoever hands in mail',
  "Whoever guesses a mail program's password",
];

interface Cannot {
  readonly claim: string;
  /** As written in the second column. */
  readonly holders: readonly string[];
}

interface Section {
  readonly name: string;
  readonly can: readonly string[];
  readonly cannot: readonly Cannot[];
}

/** The sections that are about adversaries: all but the last. */
function sectionsOf(text: string): readonly Section[] {
  const parts = text.split(/^## \d+\. /m).slice(1, -1);
  return parts.map((part) => ({
    name: part.slice(0, part.indexOf('\n')),
    can: [...part.matchAll(/^- (.+)$/gm)].map(([, claim = '']) => claim),
    cannot: [...part.matchAll(/^\| (.*) \| (.*) \|$/gm)]
      .map(([, claim = '', cell = '']) => ({ claim, holders: cell.split('<br>') }))
      .filter(({ claim }) => claim !== 'cannot'),
  }));
}

const titlesOf = new Map<string, ReadonlySet<string>>();

function titlesIn(file: string): ReadonlySet<string> {
  const known = titlesOf.get(file);
  if (known !== undefined) return known;
  const path = root + file;
  const titles = existsSync(path) ? testTitles(file, readFileSync(path, 'utf8')) : new Set<string>();
  titlesOf.set(file, titles);
  return titles;
}

/** What is wrong with the model: claims that no test holds, and names of tests that are none. */
function faultsOf(text: string): readonly string[] {
  return sectionsOf(text).flatMap(({ cannot }) => cannot.flatMap(({ holders }) => holders.flatMap(faultOf)));
}

function faultOf(holder: string): readonly string[] {
  const [, file = '', title = ''] = /^`(test\/[\w/-]+\.test\.ts): ([^`]+)`$/.exec(holder) ?? [];
  if (file === '') return [`names no test: ${holder}`];
  return titlesIn(file).has(title) ? [] : [`there is no such test: ${holder}`];
}

test('every adversary has its section, with what it can and what it cannot', (t) => {
  const sections = sectionsOf(model);
  t.deepEqual(
    sections.map(({ name }) => name),
    adversaries,
  );
  for (const { name, can, cannot } of sections) {
    t.true(can.length > 0, name);
    t.true(cannot.length > 0, name);
  }
  t.regex(model, /^## 13\. Not in this version$/m);
});

test('every "cannot" names tests that exist', (t) => {
  t.true(sectionsOf(model).flatMap(({ cannot }) => cannot).length > 50);
  t.deepEqual(faultsOf(model), []);
});

test('every line of a table of what cannot be is read', (t) => {
  const lines = model.split('\n').filter((line) => line.startsWith('|') && line.includes('test/'));
  t.is(lines.length, sectionsOf(model).flatMap(({ cannot }) => cannot).length);
});

test('claims that nothing holds are found', (t) => {
  const faults = (cell: string): number =>
    faultsOf(`## 1. A\n\n| cannot | held by |\n|---|---|\n| fly | ${cell} |\n\n## 2. Not in this version\n`)
      .length;
  const good = '`test/threat-model.test.ts: claims that nothing holds are found`';
  t.is(faults(good), 0);
  t.is(faults(''), 1);
  t.is(faults('trust us'), 1);
  t.is(faults('`test/threat-model.test.ts: claims that nothing`'), 1);
  t.is(faults('`test/gone.test.ts: claims that nothing holds are found`'), 1);
  t.is(faults('`src/daemon.ts: claims that nothing holds are found`'), 1);
  t.is(faults(`${good}<br>\`test/threat-model.test.ts: \``), 1);
});

test('titles are read as they are written; what is skipped holds nothing', (t) => {
  const titles = (text: string): readonly string[] => [...testTitles('x.test.ts', text)];
  t.deepEqual(titles("test('a’s', f); test.serial(\"it's\", f); test(`x: ${y.z} w`, f);"), [
    'a’s',
    "it's",
    'x: ${y.z} w',
  ]);
  t.deepEqual(
    titles("test.skip('a', f); test.failing('b', f); test.todo('c'); other('d', f); // test('e')"),
    [],
  );
});
