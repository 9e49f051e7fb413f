import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

const documents = globSync(['*.md', '{bench,docs,src,test,vectors,wire-spec}/**/*.md'], { cwd: root });
const sources = globSync('{bench,bin,scripts,src,test,vectors}/**/*.{ts,js}', { cwd: root }).filter(
  (path) => path !== 'test/links.test.ts', // plants broken ones
);

test('relative links in documents point at files and headings that exist', (t) => {
  t.true(documents.length > 5);
  t.deepEqual(
    documents.flatMap((path) => brokenLinks(path, read(path))),
    [],
  );
});

test('sections of the wire spec that documents and sources cite exist', (t) => {
  const cited = [...sources, ...documents].flatMap((path) =>
    citations(read(path)).map((one) => ({ path, ...one })),
  );
  t.true(cited.length > 50);
  t.deepEqual(
    cited
      .filter((one) => !isThere(one))
      .map(({ path, file, section }) => `${path}: ${file} section ${section ?? '-'}`),
    [],
  );
});

test('broken links are found', (t) => {
  const broken = (text: string): number => brokenLinks('wire-spec/README.md', text).length;
  t.is(broken('[a](gone.md) [b](../gone/)'), 2);
  t.is(broken('[a](keys.md#no-such-heading) [b](#nor-this)'), 2);
  t.is(broken('[a]: gone.md'), 1);
  t.is(
    broken(
      '[a](keys.md) [b](https://example.org/gone.md) [c](#here)\n# Here\n```\n[d](gone.md)\n```\n`[e](gone.md)`',
    ),
    0,
  );
});

test('citations are read across line ends, in lists and ranges', (t) => {
  const found = (text: string): string[] =>
    citations(text).map(({ file, section }) => `${file} ${section ?? '-'}`);
  t.deepEqual(found('// see wire-spec/keys.md: nothing more'), ['keys.md -']);
  t.deepEqual(found('/** wire-spec/keys.md section 3.1. */'), ['keys.md 3.1']);
  t.deepEqual(found('/**\n * wire-spec/keys.md\n * sections 1, 3 and 5\n */'), [
    'keys.md 1',
    'keys.md 3',
    'keys.md 5',
  ]);
  t.deepEqual(found('wire-spec/keys.md sections 2 to 4'), ['keys.md 2', 'keys.md 3', 'keys.md 4']);
  t.deepEqual(found('wire-spec/keys.md section 1, fetch.md section 8'), ['keys.md 1', 'fetch.md 8']);
  t.deepEqual(found('[the keys](keys.md) section 2'), []);
  t.deepEqual(found('[keys.md](keys.md) section 2'), ['keys.md 2']);
  t.false(isThere({ file: 'gone.md', section: undefined }));
  t.false(isThere({ file: 'keys.md', section: '99' }));
  t.true(isThere({ file: 'keys.md', section: '1' }));
});

interface Citation {
  /** Within wire-spec. */
  readonly file: string;
  readonly section: string | undefined;
}

function isThere({ file, section }: Citation): boolean {
  if (!existsSync(join(root, 'wire-spec', file))) return false;
  return section === undefined || numberedSections(read(join('wire-spec', file))).has(section);
}

function numberedSections(markdown: string): Set<string> {
  return new Set([...markdown.matchAll(/^#+ (\d+(?:\.\d+)*)\.? /gm)].map(([, number]) => number ?? ''));
}

/** `wire-spec/x.md`, `wire-spec/x.md section 3`, `x.md sections 1, 2 and 4`, also when a comment wraps between them. */
function citations(text: string): Citation[] {
  const unwrapped = text
    .replaceAll(/\n[ \t]*(?:\*(?!\/)|\/\/)?[ \t]*/g, ' ')
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1');
  const number = String.raw`\d+(?:\.\d+)*`;
  const pattern = new RegExp(
    String.raw`(wire-spec/)?\b([a-zA-Z-]+\.md)(?: sections? (${number}(?:(?:, | and | to )${number}\b(?!\.md))*))?`,
    'g',
  );
  return [...unwrapped.matchAll(pattern)].flatMap(([, folder, file = '', list]): Citation[] => {
    if (list !== undefined) return sectionsIn(list).map((section) => ({ file, section }));
    return folder === undefined ? [] : [{ file, section: undefined }];
  });
}

function sectionsIn(list: string): string[] {
  return list.split(/, | and /).flatMap((part) => {
    const [first = '', last] = part.split(' to ');
    if (last === undefined) return [first];
    return Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => String(Number(first) + i));
  });
}

function brokenLinks(path: string, markdown: string): string[] {
  const prose = markdown.replaceAll(/^```.*?^```/gms, '').replaceAll(/`[^`\n]*`/g, '');
  const targets = [...prose.matchAll(/\]\(<?([^)\s>]+)>?[^)]*\)|^\[[^\]]+\]: +(\S+)/gm)].map(
    ([, inline, reference]) => inline ?? reference ?? '',
  );
  return targets
    .filter((target) => !/^[a-z][a-z0-9+.-]*:/i.test(target) && !leadsSomewhere(path, markdown, target))
    .map((target) => `${path}: ${target}`);
}

function leadsSomewhere(path: string, markdown: string, target: string): boolean {
  const [file = '', anchor] = target.split('#');
  const place = file === '' ? path : join(dirname(path), decodeURIComponent(file));
  if (!existsSync(join(root, place))) return false;
  if (anchor === undefined || !basename(place).endsWith('.md') || !statSync(join(root, place)).isFile())
    return true;
  return anchors(file === '' ? markdown : read(place)).has(anchor);
}

/** The anchors that forges give to headings. */
function anchors(markdown: string): Set<string> {
  const headings = [...markdown.replaceAll(/^```.*?^```/gms, '').matchAll(/^#+ +(.+?)[ #]*$/gm)];
  return new Set(
    headings.map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}
