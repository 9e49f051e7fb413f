/**
 * Cases for decoding a structure, made from its CDDL rule in wire-spec/: the fewest fields, all fields, a field that
 * nobody knows yet; and each way in which one field can be wrong.
 */
import type { Entry, Type } from '../../test/spec/cddl.ts';
import { readRules } from '../../test/spec/documents.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { counts } from '../../src/wire/registry.ts';
import type { Collection, Fields, Json } from './cases.ts';
import { encode, head, map, raw, type Node } from './encode.ts';
import { seeded } from './random.ts';

const { rules } = readRules();

/** The sample of an item: how it is encoded, and how it is written in a case. */
export interface Sample {
  readonly node: Node;
  readonly json: Json;
}

const texts: Readonly<Record<string, string>> = {
  'domain-name': 'alpha.test',
  address: 'alice@alpha.test',
  'media-type': 'message/rfc822',
  'mail-recipient': 'Carol+news@gamma.test',
};
/** A time, a serial and a length that look like one. */
const numbers: Readonly<Record<string, number>> = {
  time: 1_800_000_000,
  serial: 1_800_000_000,
  length: 70_000,
};

const same = (value: Node & Json): Sample => ({ node: value, json: value });

/** A valid item of a type, the same every time for the same label. */
export function sampleOf(type: Type, label: string): Sample {
  switch (type.kind) {
    case 'range':
      return same(type.from < 0 ? type.from : Math.min(type.from + 1, type.to));
    case 'size':
      return type.of === 'bstr'
        ? same(seeded(label)(Math.min(type.to, Math.max(type.from, 40))))
        : same('text'.padEnd(type.from, '.'));
    case 'cbor':
      return same(encode(sampleOf(ruleOf(type.inner), label).node));
    case 'map':
      return mapSample(type.entries, label, () => true);
    case 'array':
      return arraySample(type.entries, label);
    default:
      return namedSample(type.name, label);
  }
}

function namedSample(name: string, label: string): Sample {
  const text = texts[name];
  const number = numbers[name];
  if (text !== undefined) return same(text);
  if (number !== undefined) return same(number);
  if (name === 'uint') return same(7);
  if (name === 'bool') return same(true);
  if (name === 'tstr') return same('text');
  if (name === 'any') return { node: raw('8101'), json: '8101' };
  if (name === 'capabilities') return { node: map(['x-sample', raw('f5')]), json: { 'x-sample': 'f5' } };
  return sampleOf(ruleOf(name), label);
}

function ruleOf(name: string): Type {
  const rule = rules.get(name);
  if (rule === undefined) throw new Error(`wire-spec has no rule ${name}`);
  return rule;
}

function arraySample(entries: readonly Entry[], label: string): Sample {
  const items = entries.map((entry, i) => sampleOf(entry.type, `${label} ${i}`));
  const node = items.map((item) => item.node);
  if (entries.every((entry) => entry.label === undefined))
    return { node, json: items.map(({ json }) => json) };
  return { node, json: Object.fromEntries(entries.map((entry, i) => [entry.label, items[i]?.json ?? null])) };
}

interface LabelledEntry extends Entry {
  readonly key: number;
  readonly comment: string;
}

function labelled(entries: readonly Entry[]): readonly LabelledEntry[] {
  return entries.filter((entry): entry is LabelledEntry => typeof entry.key === 'number');
}

function mapSample(
  entries: readonly Entry[],
  label: string,
  include: (entry: LabelledEntry) => boolean,
): Sample {
  const fields = labelled(entries)
    .filter(include)
    .map((entry) => ({ entry, sample: sampleOf(entry.type, `${label} ${entry.comment}`) }));
  return {
    node: map(...fields.map(({ entry, sample }) => [entry.key, sample.node] as const)),
    json: Object.fromEntries(fields.map(({ entry, sample }) => [entry.comment, sample.json])),
  };
}

/** The limit of a list of this field, where the registry has one. */
const listLimits: Readonly<Record<string, number>> = {
  rules: counts.pushRules,
  signingKeys: counts.keyEntries,
  keys: counts.keyEntries,
  revoked: counts.revokedKeys,
  attachments: counts.attachments,
  changes: counts.identityChanges,
  parents: counts.parents,
  parts: counts.coverParts,
  recipients: counts.mailRecipients,
  'notification refs': counts.refs,
  'poll-answer refs': counts.pollRefs,
  entries: counts.pollEntries,
  'feed-response entries': counts.feedEntries,
  answers: counts.pollEntries,
  done: counts.doneRefs,
  scores: 16,
};

/** One way in which an item can be wrong. */
interface Fault {
  readonly what: string;
  readonly node: Node;
  readonly error: ErrorCode;
}

const text = (length: number): string => 'a'.repeat(length);

/** The ways in which an item of a type can be wrong. */
function faultsOf(type: Type, structure: string, field: string): readonly Fault[] {
  const wrong = (node: Node): Fault => ({ what: 'of another type', node, error: 'cbor_type' });
  switch (type.kind) {
    case 'range':
      return [
        ...(type.from > 0
          ? [{ what: 'below its range', node: type.from - 1, error: 'cbor_range' } as const]
          : []),
        { what: 'above its range', node: type.to + 1, error: 'cbor_range' },
        wrong('1'),
      ];
    case 'size':
      return sizeFaults(type.of === 'bstr', type.from, type.to);
    case 'cbor':
      return [wrong('a')];
    case 'map':
      return [wrong(1)];
    case 'array':
      return arrayFaults(type.entries, listLimits[`${structure} ${field}`] ?? listLimits[field]);
    default:
      return nameFaults(type.name, structure, field);
  }
}

/** Lengths above the limit are claimed only: they are refused before the bytes are missed. */
function sizeFaults(isBytes: boolean, from: number, to: number): readonly Fault[] {
  const major = isBytes ? 2 : 3;
  const item = (length: number): Node => (isBytes ? new Uint8Array(length) : text(length));
  const long = to + 1 <= 600 ? item(to + 1) : raw(head(major, to + 1).toString('hex'));
  return [
    ...(from > 0 ? [{ what: 'too short', node: item(from - 1), error: 'cbor_range' } as const] : []),
    { what: 'too long', node: long, error: 'cbor_too_large' },
    { what: 'of another type', node: isBytes ? 'a' : new Uint8Array(1), error: 'cbor_type' },
  ];
}

function arrayFaults(entries: readonly Entry[], limit: number | undefined): readonly Fault[] {
  const faults: Fault[] = [{ what: 'of another type', node: map(), error: 'cbor_type' }];
  const [first] = entries;
  if (first?.occurrence === '+') faults.push({ what: 'empty', node: [], error: 'cbor_range' });
  if (limit !== undefined)
    faults.push({
      what: 'with too many items',
      node: raw(head(4, limit + 1).toString('hex')),
      error: 'cbor_too_large',
    });
  return faults;
}

function nameFaults(name: string, structure: string, field: string): readonly Fault[] {
  if (name === 'any' || name === 'extensions') return [];
  if (name === 'bool') return [{ what: 'of another type', node: 1, error: 'cbor_type' }];
  if (name === 'uint') {
    return [
      { what: 'negative', node: -1, error: 'cbor_type' },
      { what: 'above 2^53 - 1', node: raw('1b0020000000000000'), error: 'cbor_range' },
    ];
  }
  const faults = faultsOf(ruleOf(name), structure, field);
  if (name === 'domain-name')
    return [...faults, { what: 'not canonical', node: 'Alpha.test', error: 'domain_invalid' }];
  if (name === 'address')
    return [...faults, { what: 'not canonical', node: 'Alice@alpha.test', error: 'address_invalid' }];
  return faults;
}

/** The encoded sample of a structure with all its fields, some of them replaced: raw material for other cases. */
export function sampleNode(structure: string, replaced: Readonly<Record<string, Node>> = {}): Node {
  const rule = ruleOf(structure);
  if (rule.kind !== 'map') return sampleOf(rule, structure).node;
  return map(
    ...labelled(rule.entries).map(
      (entry) =>
        [
          entry.key,
          replaced[entry.comment] ?? sampleOf(entry.type, `${structure} ${entry.comment}`).node,
        ] as const,
    ),
  );
}

const slug = (words: string): string =>
  words
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/([a-z])([A-Z])/g, '$1-$2')
    .replace(/^-|-$/g, '')
    .toLowerCase();

/** Adds the cases for decoding a map rule. */
export function addDecoding(cases: Collection, structure: string, section: string): void {
  const rule = ruleOf(structure);
  if (rule.kind !== 'map') throw new Error(`${structure} is no map`);
  const operation = 'decode';
  const inputs = (node: Node): Fields => ({ structure, encoded: encode(node) });
  const base = { spec: section, operation };
  const fields = labelled(rule.entries);
  const full = mapSample(rule.entries, structure, () => true);
  const pairs = (full.node as ReturnType<typeof map>).pairs;
  const name = (what: string): string => `decode-${structure}-${slug(what)}`;

  cases.positive(name('full'), {
    ...base,
    description: `a ${structure} with all its fields`,
    inputs: inputs(full.node),
    output: full.json,
  });
  if (fields.some((field) => field.occurrence === '?')) {
    const least = mapSample(rule.entries, structure, (field) => field.occurrence === '1');
    cases.positive(name('least'), {
      ...base,
      description: `a ${structure} without its optional fields`,
      inputs: inputs(least.node),
      output: least.json,
    });
  }
  cases.positive(name('unknown field'), {
    ...base,
    description: `a ${structure} with a field that no version 1 decoder knows: kept, and written again`,
    inputs: inputs(map(...pairs, [1000, ['later']])),
    output: { ...(full.json as Fields), unknown: { 1000: encode(['later']) } },
  });
  cases.negative(name('unknown critical field'), 'cbor_unknown_critical', {
    ...base,
    description: `a ${structure} with a critical field that no version 1 decoder knows`,
    inputs: inputs(map(...pairs, [-100, true])),
  });
  for (const field of fields) {
    if (field.occurrence === '1')
      cases.negative(name(`without ${field.comment}`), 'cbor_missing_field', {
        ...base,
        description: `a ${structure} without its ${field.comment}`,
        inputs: inputs(map(...pairs.filter(([key]) => key !== field.key))),
      });
    for (const fault of faultsOf(field.type, structure, field.comment)) {
      const spoilt = pairs.map(([key, value]) =>
        key === field.key ? ([key, fault.node] as const) : ([key, value] as const),
      );
      cases.negative(name(`${field.comment} ${fault.what}`), fault.error, {
        ...base,
        description: `a ${structure} whose ${field.comment} is ${fault.what}`,
        inputs: inputs(map(...spoilt)),
      });
    }
  }
}

/** The map rules of one file of the spec. */
export function mapRulesOf(file: string): readonly string[] {
  const { fileOf } = readRules();
  return [...rules]
    .filter(
      ([name, type]) => fileOf.get(name) === file && type.kind === 'map' && labelled(type.entries).length > 0,
    )
    .map(([name]) => name);
}
