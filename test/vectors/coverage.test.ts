/** The cases cover the specification: every structure, every code, every operation that the README explains. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { errorCodes } from '../../src/errors.ts';
import { caseFiles, vectorsRoot } from '../../vectors/generate.ts';
import { codesIn, documentOf, documents, quotedIn, readRules } from '../spec/documents.ts';
import { operations } from './operations.ts';

interface CaseFile {
  readonly spec: string;
  readonly operation: string;
  readonly inputs: { readonly structure?: string };
  readonly error?: string;
}

const cases = caseFiles().map((path) => ({
  folder: path.slice(0, path.indexOf('/')),
  ...(JSON.parse(readFileSync(join(vectorsRoot, path), 'utf8')) as CaseFile),
}));

const folderOf = (file: string): string => (file === 'README.md' ? 'conventions' : file.replace('.md', ''));

/** Rules whose cases are not decoded by their own name. */
const elsewhere: Readonly<Record<string, string>> = {
  sign1: 'the operation verify',
  'protected-header': 'the operation verify, whose signed objects have one',
  attachments: 'domain-answer and user-answer',
  capabilities: 'domain-record and user-record',
  capability: 'domain-record and user-record',
  move: 'user-record',
  extensions: 'letter',
};

test('every structure with a CDDL rule has positive and negative cases', (t) => {
  const { rules, fileOf } = readRules();
  for (const [name, type] of rules) {
    if ((type.kind !== 'map' && type.kind !== 'array') || name in elsewhere) continue;
    const own = cases.filter(({ inputs }) => inputs.structure === name);
    t.true(
      own.some(({ error }) => error === undefined),
      name,
    );
    t.true(
      own.some(({ error }) => error !== undefined),
      name,
    );
    t.true(
      own.some(({ folder }) => folder === folderOf(fileOf.get(name) ?? '')),
      name,
    );
  }
  for (const name of Object.keys(elsewhere)) t.true(rules.has(name), name);
});

const overHttp = 'an answer over HTTP, which test/http asks for';
const acrossFolders = 'a rule of this file, tried with the structures of another: ';

/** Codes that a file names and no case of its folder expects, and why. */
const exceptions: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'README.md': {
    key_not_active: `${acrossFolders}keys/`,
    unsupported: overHttp,
  },
  'discovery.md': {},
  'keys.md': { user_unknown: overHttp },
  'identity.md': {},
  'addressing.md': {},
  'message.md': {},
  'notification.md': { ref_invalid: 'the ref is dropped without a word' },
  'fetch.md': Object.fromEntries(
    [
      'request_invalid',
      'proof_stale',
      'unauthorized',
      'message_gone',
      'user_unknown',
      'not_found',
      'conflict',
      'precondition_failed',
      'exists',
      'too_large',
      'range_invalid',
      'rate_limited',
      'internal',
      'unsupported',
      'unavailable',
      'quota_exceeded',
      'storage_full',
      'key_unknown',
      'key_not_active',
    ].map((code) => [code, overHttp]),
  ),
  'timing.md': {},
  'state.md': {
    state_invalid: 'a content, which test/client asks for',
    record_mismatch: 'a content, which test/client asks for',
    precondition_failed: overHttp,
  },
  'account.md': Object.fromEntries(
    [
      'record_invalid',
      'quota_exceeded',
      'storage_full',
      'too_large',
      'conflict',
      'precondition_failed',
      'payload_mismatch',
      'request_invalid',
      'not_found',
      'key_not_active',
      'record_rollback',
    ].map((code) => [code, overHttp]),
  ),
};

/** Codes of one word look like any other word in quotes. */
function allCodesIn(text: string): ReadonlySet<string> {
  const oneWord = quotedIn(text).filter((word) => (errorCodes as readonly string[]).includes(word));
  return new Set([...codesIn(text), ...oneWord]);
}

for (const file of documents.keys()) {
  test(`every error code that ${file} names is expected by a case, or excused`, (t) => {
    const excused = exceptions[file] ?? {};
    const expected = new Set(
      cases.filter(({ folder }) => folder === folderOf(file)).map(({ error }) => error),
    );
    const missing = [...allCodesIn(documentOf(file))].filter(
      (code) => !expected.has(code) && !(code in excused),
    );
    t.deepEqual(missing, []);
    const idle = Object.keys(excused).filter(
      (code) => expected.has(code) || !allCodesIn(documentOf(file)).has(code),
    );
    t.deepEqual(idle, [], 'an excuse that is not needed');
  });
}

test('every operation is explained, used and run', (t) => {
  const readme = readFileSync(join(vectorsRoot, 'README.md'), 'utf8').split('## Operations')[1] ?? '';
  const explained = [...readme.matchAll(/^\| ([^|]+) \|/gm)].flatMap(([, names = '']) => names.split(', '));
  const used = new Set(cases.map(({ operation }) => operation));
  t.deepEqual(explained.filter((name) => name !== 'operation' && name !== '---').sort(), [...used].sort());
  t.deepEqual(Object.keys(operations).sort(), [...used].sort());
});

test('every case cites a file of the spec, and most cases are negative', (t) => {
  for (const { spec } of cases)
    t.true(documents.has(/^wire-spec\/(\S+) section \d+$/.exec(spec)?.[1] ?? ''), spec);
  const negative = cases.filter(({ error }) => error !== undefined).length;
  t.true(negative > cases.length / 2, `${negative} of ${cases.length}`);
});
