/** The specification says what the code does: CDDL, registry, codes and purposes are compared both ways. */
import { readdirSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { errorCodes } from '../src/errors.ts';
import { statusOf } from '../src/http/problems.ts';
import { unprovenBlindEntry, unprovenPullEntry } from '../src/wire/blind.ts';
import { unprovenPollEntry } from '../src/wire/collect.ts';
import { unprovenPreferenceEntry } from '../src/wire/preferences.ts';
import * as registry from '../src/wire/registry.ts';
import type { RecordSchema } from '../src/wire/schema.ts';
import { encode, type Node } from '../vectors/generators/encode.ts';
import { sampleNode } from '../vectors/generators/structures.ts';
import { matchesRule, parseCddl, prelude, referencesOf, type Rules, type Type } from './spec/cddl.ts';
import {
  allText,
  cddlBlocks,
  codesIn,
  documentOf,
  documents,
  listAfter,
  numbersAfter,
  quotedAfter,
  quotedIn,
  readRules,
  tableAfter,
} from './spec/documents.ts';
import { codecEntries } from './wire/arbitraries.ts';
import { mutated } from './wire/mutations.ts';

type Schema = RecordSchema<unknown>;

/** What proofs are made over: each has the rule of its entry. */
const unprovenEntries = [
  ['poll-entry', unprovenPollEntry],
  ['preference-entry', unprovenPreferenceEntry],
  ['pull-entry', unprovenPullEntry],
  ['blind-entry', unprovenBlindEntry],
] as const;

/** Every record schema that src/wire exports. */
async function exportedSchemas(): Promise<readonly Schema[]> {
  const folder = new URL('../src/wire/', import.meta.url);
  const modules = await Promise.all(readdirSync(folder).map((file) => import(new URL(file, folder).href)));
  return modules
    .flatMap((exported: object) => Object.values(exported) as readonly unknown[])
    .filter(
      (value): value is Schema =>
        typeof value === 'object' && value !== null && 'fields' in value && 'read' in value,
    );
}

/** Label, name and optionality of the labelled entries of a map rule; undefined for other rules, and for names instead of labels. */
function fieldsOf(type: Type): readonly unknown[] | undefined {
  if (type.kind !== 'map' || !type.entries.some((entry) => typeof entry.key === 'number')) return undefined;
  return type.entries
    .filter((entry) => typeof entry.key === 'number')
    .map(({ key, occurrence, comment }) => ({ label: key, name: comment, optional: occurrence === '?' }));
}

// --- CDDL ------------------------------------------------------------------------------------------------------

for (const { file, source } of cddlBlocks) {
  const [rule = ''] = source.split(' ');
  test(`CDDL of ${file} parses: ${rule}`, (t) => {
    t.true(parseCddl(source).size > 0);
  });
}

test('the parser refuses what is no CDDL of the subset', (t) => {
  for (const source of [
    'a = {',
    'a = { 1 => }',
    'a = [ uint',
    'a uint',
    'a = { x: uint }',
    'a = [ 1 => uint ]',
    'a = uint .size',
    'a = uint a = uint',
    'a = uint & int',
  ])
    t.throws(() => parseCddl(source), undefined, source);
});

test('every name in a rule is defined, and no rule twice', (t) => {
  const { rules } = readRules();
  for (const [rule, type] of rules)
    for (const name of referencesOf(type)) t.true(rules.has(name) || prelude.has(name), `${rule}: ${name}`);
});

test('every map with labels can be extended', (t) => {
  // Of the rules without labels only the map of capabilities is one.
  const extension = { occurrence: '*', key: 'int', type: { kind: 'name', name: 'any' } };
  for (const [rule, type] of readRules().rules)
    if (type.kind === 'map' && rule !== 'capabilities')
      t.deepEqual(type.entries.at(-1) as object, extension, rule);
});

test('rules and record schemas have the same labels, names and optional fields, and there is none without the other', async (t) => {
  const { rules } = readRules();
  const unproven: readonly unknown[] = unprovenEntries.map(([, schema]) => schema);
  const schemas = (await exportedSchemas()).filter((schema) => !unproven.includes(schema));
  t.true(schemas.length > 20);
  t.is(new Set(schemas.map((schema) => schema.name)).size, schemas.length);
  for (const { name, fields } of schemas) {
    const rule = rules.get(name);
    t.deepEqual(rule && fieldsOf(rule), fields, name);
  }
  for (const [name, type] of rules)
    if (fieldsOf(type) !== undefined)
      t.true(
        schemas.some((schema) => schema.name === name),
        name,
      );
});

for (const [name, schema] of unprovenEntries)
  test(`what the proof of a ${name} is made over is the entry without its proof`, (t) => {
    const rule = readRules().rules.get(name);
    const fields = rule === undefined ? [] : (fieldsOf(rule) ?? []);
    t.deepEqual(
      fields.filter((field) => (field as { label: number }).label !== 2),
      schema.fields,
    );
  });

for (const [name, codec] of codecEntries) {
  const { rules } = readRules();
  // Introductions are not CBOR (addressing.md section 3); other algorithms are decoded, to be refused with a code of their own.
  if (!rules.has(name) || name === 'protected-header') continue;
  test(`what is written as ${name} matches its rule, and so does whatever is read as one`, (t) => {
    fc.assert(fc.property(codec.valid, (value) => t.true(matchesRule(rules, name, codec.encode(value)))));
    fc.assert(
      fc.property(mutated(codec.valid.map(codec.encode)), (bytes) => {
        if (!accepts(() => codec.decode(bytes))) return;
        // Items with unknown critical fields are left out of lists, whatever they are.
        const written = accepts(() => codec.encode(codec.decode(bytes)));
        if (written) t.true(matchesRule(rules, name, codec.encode(codec.decode(bytes))));
      }),
    );
  });
}

function accepts(action: () => unknown): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}

/** The least and the greatest items of a type that has such, except those with a form of their own. */
function boundsOf(rules: Rules, type: Type): readonly Node[] {
  if (type.kind === 'range') return [type.from, type.to];
  if (type.kind === 'size' && type.of === 'bstr') return [type.from, type.to].map((n) => new Uint8Array(n));
  if (type.kind === 'size') return [type.from, type.to].map((n) => 'a'.repeat(n));
  if (type.kind !== 'name' || ['domain-name', 'address'].includes(type.name)) return [];
  if (type.name === 'uint') return [0, Number.MAX_SAFE_INTEGER];
  const rule = rules.get(type.name);
  return rule === undefined ? [] : boundsOf(rules, rule);
}

test('what the rules allow at their limits is read', (t) => {
  const { rules } = readRules();
  let tried = 0;
  for (const [name, codec] of codecEntries) {
    const rule = rules.get(name);
    if (rule?.kind !== 'map' || name === 'protected-header') continue;
    for (const { key, comment = '', type } of rule.entries) {
      for (const bound of typeof key === 'number' ? boundsOf(rules, type) : []) {
        tried++;
        t.notThrows(() => codec.decode(encode(sampleNode(name, { [comment]: bound }))), `${name} ${comment}`);
      }
    }
  }
  t.true(tried > 100);
});

test('every rule is one of a schema, of an array with a codec, or an item of those', (t) => {
  const { rules } = readRules();
  const names = new Set<string>(codecEntries.map(([name]) => name));
  const used = new Set([...rules.values()].flatMap(referencesOf));
  for (const rule of rules.keys()) t.true(names.has(rule) || used.has(rule), rule);
});

// --- Registry --------------------------------------------------------------------------------------------------

test('the tables of the registry are those of the code', (t) => {
  t.deepEqual(numbersAfter('README.md', '**Datagram types**'), { ...registry.datagramTypes });
  t.deepEqual(numbersAfter('README.md', '**Key uses**'), { ...registry.keyUses });
  t.deepEqual(numbersAfter('README.md', '**Suites**'), { ...registry.suites });
  t.deepEqual(numbersAfter('README.md', '**Sizes**'), { ...registry.sizes });
  t.deepEqual(numbersAfter('README.md', '**Counts**'), { ...registry.counts });
});

test('the ranks of suites are those of the code', (t) => {
  const ranks = tableAfter('README.md', '**Suites**')
    .filter(([, , rank]) => rank !== '')
    .map(([, value, rank]) => [Number(value), Number(rank)] as const);
  t.deepEqual(new Map(ranks), new Map(registry.suiteRanks));
});

test('the lists of the registry are those of the code', (t) => {
  t.deepEqual(listAfter('README.md', 'Key statuses'), { ...registry.keyStatuses });
  t.deepEqual(listAfter('README.md', 'User statuses'), { ...registry.userStatuses });
  t.deepEqual(listAfter('README.md', 'User flags'), { ...registry.userFlags });
  t.deepEqual(listAfter('README.md', 'Envelope flags'), { ...registry.envelopeFlags });
  t.deepEqual(listAfter('README.md', 'Header flags'), { ...registry.headerFlags });
  t.deepEqual(listAfter('README.md', 'Introduction types'), { ...registry.introductionTypes });
  t.deepEqual(listAfter('README.md', 'Mail kinds'), { ...registry.mailKinds });
  t.deepEqual(listAfter('README.md', 'Gateway kinds'), { ...registry.gatewayKinds });
  t.deepEqual(listAfter('README.md', 'Push rules'), { ...registry.pushRuleKinds });
  const { memory, passes } = registry.gatewayCost;
  t.true(documentOf('account.md').includes(`memory ${memory} KiB, passes ${passes}`));
  t.deepEqual(listAfter('README.md', 'Dispositions'), { ...registry.dispositions });
  t.deepEqual(listAfter('README.md', 'Preferences'), { ...registry.preferences });
  t.deepEqual(listAfter('README.md', 'Takedown reasons'), { ...registry.takedownReasons });
  t.deepEqual(listAfter('README.md', 'Attachment types'), { ...registry.attachmentTypes });
  t.deepEqual(quotedAfter('README.md', '**Media types**'), Object.values(registry.mediaTypes));
  t.deepEqual(quotedAfter('README.md', 'Reserved first segments'), [...registry.reservedPaths]);
});

test('times, repeating and credit are those of the code', (t) => {
  t.deepEqual(numbersAfter('timing.md', '## 1.'), { ...registry.times });
  const { udp, ...numbers } = registry.repeating;
  const rows = new Map(
    [...tableAfter('timing.md', '## 2.'), ...tableAfter('timing.md', '## 3.')].map(
      ([name = '', value = '']) => [name, value],
    ),
  );
  t.is(rows.get('udp'), udp.join(', '));
  rows.delete('udp');
  t.deepEqual(Object.fromEntries([...rows].map(([name, value]) => [name, Number(value)])), { ...numbers });
});

test('datagram sizes, path and algorithm are those of the code', (t) => {
  t.true(documentOf('notification.md').includes(`has ${registry.datagramSizes.join(' or ')} bytes`));
  t.true(documentOf('fetch.md').includes(`https://beckon.<domain>${registry.publicPath}`));
  const { algorithm, keyId } = registry.coseLabels;
  t.true(
    documentOf('README.md').includes(`{${algorithm}: ${registry.coseAlgorithmEd25519}, ${keyId}: key id}`),
  );
});

test('every constant of the registry is compared by these tests', (t) => {
  t.deepEqual(Object.keys(registry).sort(), [
    'attachmentTypes',
    'coseAlgorithmEd25519',
    'coseLabels',
    'counts',
    'datagramSizes',
    'datagramTypes',
    'dispositions',
    'envelopeFlags',
    'gatewayCost',
    'gatewayKindNames',
    'gatewayKinds',
    'headerFlags',
    'introductionTypes',
    'keyStatuses',
    'keyUses',
    'mailKinds',
    'mediaTypes',
    'preferences',
    'publicPath',
    'purposes',
    'pushRuleKinds',
    'repeating',
    'reservedPaths',
    'sizes',
    'suiteRanks',
    'suites',
    'takedownReasonNames',
    'takedownReasons',
    'times',
    'userFlags',
    'userStatuses',
  ]);
});

// --- Purposes and codes ----------------------------------------------------------------------------------------

/** Where the spec binds something to a purpose: `ctx("x"...)`, or "purpose `x`". */
function purposesUsed(): ReadonlySet<string> {
  const contexts = [...allText.matchAll(/ctx\("([^"]+)"/g)];
  const signatures = [...allText.matchAll(/purpose `([^`]+)`/g)];
  return new Set([...contexts, ...signatures].map(([, purpose = '']) => purpose));
}

test('the purposes listed are those of the code', (t) => {
  t.deepEqual(quotedAfter('README.md', 'a context after `beckon/1 `: '), [...registry.purposes]);
});

test('every purpose is documented where it is used, and no other is used', (t) => {
  const reserved = quotedAfter('README.md', 'Reserved contexts: ').map((name) =>
    name.replace('beckon/1 ', ''),
  );
  // `ctx("x", a, b)` explains the notation.
  t.deepEqual(
    [...purposesUsed()].filter((purpose) => purpose !== 'x').sort(),
    registry.purposes.filter((purpose) => !reserved.includes(purpose)),
  );
  t.deepEqual(reserved, ['ledger', 'receipt']);
});

for (const [file, text] of documents) {
  test(`the error codes named in ${file} exist`, (t) => {
    const known = new Set<string>(errorCodes);
    t.deepEqual(
      [...codesIn(text)].filter((code) => !known.has(code)),
      [],
    );
  });
}

test('the statuses of the public interface are those of the code', (t) => {
  for (const [status = '', codes = ''] of tableAfter('fetch.md', '| status | codes |')) {
    for (const pattern of quotedIn(codes)) {
      const named = errorCodes.filter((code) => matchesCode(pattern, code));
      t.true(named.length > 0, pattern);
      for (const code of named) t.is(statusOf(code), Number(status), code);
    }
  }
});

/** Codes about one machine, which no peer ever sees, start here. */
const firstLocal = errorCodes.indexOf('config_invalid');

/** Outcomes of discovery, which the spec has words for; and what nobody is ever told, since a bad proof looks like an empty drop. */
const unnamed = ['discovery_later', 'discovery_none', 'discovery_legacy'];

test('every code of the protocol is named in the spec', (t) => {
  const named = new Set([...quotedIn(allText), ...unnamed]);
  t.deepEqual(
    errorCodes.slice(0, firstLocal).filter((code) => !named.has(code)),
    [],
  );
});

/** `cbor_*` stands for all of them. */
function matchesCode(pattern: string, code: string): boolean {
  return pattern.endsWith('*') ? code.startsWith(pattern.slice(0, -1)) : code === pattern;
}
