/**
 * CDDL (RFC 8610) as far as wire-spec/ uses it: a parser, and a matcher that holds decoded values to the rules. Written
 * here because the npm parser knows no maps with integer keys.
 *
 *     rule       = name "=" type
 *     type       = literal | from ".." to | name [control] | "{" entries "}" | "[" entries "]"
 *     control    = ".size" n | ".size" "(" from ".." to ")" | ".cbor" name
 *     entry      = ["?" | "*" | "+"] [key "=>" | name ":"] type
 */
import { decode as decodeCbor } from 'cborg';

export type Type =
  | { readonly kind: 'range'; readonly from: number; readonly to: number }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'size'; readonly of: string; readonly from: number; readonly to: number }
  | { readonly kind: 'cbor'; readonly inner: string }
  | { readonly kind: 'map' | 'array'; readonly entries: readonly Entry[] };

export interface Entry {
  readonly occurrence: '1' | '?' | '*' | '+';
  /** Of a map: a label, or the type of keys. */
  readonly key?: number | string;
  /** Of an array: the name of the position. */
  readonly label?: string;
  readonly type: Type;
  /** The comment behind it: the name of the field. */
  readonly comment?: string;
}

export type Rules = ReadonlyMap<string, Type>;

interface Token {
  readonly text: string;
  /** Comment on the same line, behind the last token. */
  comment?: string;
}

const tokenForm = /;([^\n]*)|\.\.|=>|\.[a-z]+|-?(?:0x[0-9a-f]+|\d+)|[A-Za-z_][\w-]*|[=:,?*+{}[\]()]|(\S)/g;

function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  for (const [text, comment, unknown] of source.matchAll(tokenForm)) {
    if (unknown !== undefined) throw new Error(`unexpected ${unknown}`);
    const last = tokens.at(-1);
    if (comment === undefined) tokens.push({ text });
    else if (last !== undefined) last.comment = comment.trim();
  }
  return tokens;
}

/** The rules of one block of CDDL. Throws an Error where it is not of the subset above, or has a rule twice. */
export function parseCddl(source: string): Rules {
  const tokens = tokenize(source);
  const rules = new Map<string, Type>();
  let at = 0;

  const peek = (ahead = 0): string => tokens[at + ahead]?.text ?? '';
  const next = (): string => {
    const token = tokens[at++];
    if (token === undefined) throw new Error('the block ends too early');
    return token.text;
  };
  const expect = (text: string): void => {
    const found = next();
    if (found !== text) throw new Error(`${text} expected, not ${found}`);
  };
  const integer = (): number => {
    const text = next();
    if (!/^-?(?:0x[0-9a-f]+|\d+)$/.test(text)) throw new Error(`a number expected, not ${text}`);
    return Number(text);
  };
  const name = (): string => {
    const text = next();
    if (!/^[A-Za-z_]/.test(text)) throw new Error(`a name expected, not ${text}`);
    return text;
  };

  const range = (): { from: number; to: number } => {
    const from = integer();
    if (peek() !== '..') return { from, to: from };
    next();
    return { from, to: integer() };
  };
  const type = (): Type => {
    if (peek() === '{' || peek() === '[') return group();
    if (/^-?\d/.test(peek())) return { kind: 'range', ...range() };
    const of = name();
    if (peek() === '.cbor') {
      next();
      if (of !== 'bstr') throw new Error('only byte strings hold CBOR');
      return { kind: 'cbor', inner: name() };
    }
    if (peek() !== '.size') return { kind: 'name', name: of };
    next();
    if (peek() !== '(') return { kind: 'size', of, ...range() };
    next();
    const sizes = range();
    expect(')');
    return { kind: 'size', of, ...sizes };
  };
  const group = (): Type => {
    const isMap = next() === '{';
    const close = isMap ? '}' : ']';
    const entries: Entry[] = [];
    while (peek() !== close) {
      entries.push(entry(isMap));
      if (peek() === ',') next();
    }
    next();
    return { kind: isMap ? 'map' : 'array', entries };
  };
  const entry = (isMap: boolean): Entry => {
    const occurrence = /^[?*+]$/.test(peek()) ? (next() as '?' | '*' | '+') : '1';
    let key: number | string | undefined;
    let label: string | undefined;
    if (peek(1) === '=>') {
      if (!isMap) throw new Error('keys are for maps');
      key = /^-?\d/.test(peek()) ? integer() : name();
      next();
    } else if (peek(1) === ':') {
      if (isMap) throw new Error('labels of maps are integers');
      label = name();
      next();
    } else if (isMap) throw new Error('an entry of a map has a key');
    const value = type();
    const comment = tokens[peek() === ',' ? at : at - 1]?.comment;
    return {
      occurrence,
      type: value,
      ...(key === undefined ? {} : { key }),
      ...(label === undefined ? {} : { label }),
      ...(comment === undefined ? {} : { comment }),
    };
  };

  while (at < tokens.length) {
    const rule = name();
    expect('=');
    if (rules.has(rule)) throw new Error(`${rule} is there twice`);
    rules.set(rule, type());
  }
  return rules;
}

/** The names that a type refers to. */
export function referencesOf(type: Type): readonly string[] {
  if (type.kind === 'name') return [type.name];
  if (type.kind === 'size') return [type.of];
  if (type.kind === 'cbor') return [type.inner];
  if (type.kind === 'range') return [];
  return type.entries.flatMap((entry) => [
    ...(typeof entry.key === 'string' ? [entry.key] : []),
    ...referencesOf(entry.type),
  ]);
}

const isInteger = (value: unknown): boolean => Number.isInteger(value);

/** The names that CDDL itself defines, as far as they are used. */
export const prelude: ReadonlyMap<string, (value: unknown) => boolean> = new Map([
  ['any', () => true],
  ['int', isInteger],
  ['uint', (value: unknown) => isInteger(value) && (value as number) >= 0],
  ['bstr', (value: unknown) => value instanceof Uint8Array],
  ['tstr', (value: unknown) => typeof value === 'string'],
  ['bool', (value: unknown) => typeof value === 'boolean'],
]);

/** Whether the bytes are CBOR that matches the rule. */
export function matchesRule(rules: Rules, rule: string, encoded: Uint8Array): boolean {
  return matches(rules, { kind: 'name', name: rule }, decodeCbor(encoded, { useMaps: true, strict: true }));
}

function matches(rules: Rules, type: Type, value: unknown): boolean {
  switch (type.kind) {
    case 'name':
      return matchesName(rules, type.name, value);
    case 'range':
      return isInteger(value) && (value as number) >= type.from && (value as number) <= type.to;
    case 'size': {
      if (!matchesName(rules, type.of, value)) return false;
      const length = value instanceof Uint8Array ? value.length : Buffer.byteLength(value as string);
      return length >= type.from && length <= type.to;
    }
    case 'cbor':
      return value instanceof Uint8Array && matchesRule(rules, type.inner, value);
    case 'array':
      return Array.isArray(value) && matchesArray(rules, type.entries, value);
    case 'map':
      return value instanceof Map && matchesMap(rules, type.entries, value);
    default:
      throw new Error('a type of no kind');
  }
}

function matchesName(rules: Rules, name: string, value: unknown): boolean {
  const rule = rules.get(name);
  if (rule !== undefined) return matches(rules, rule, value);
  const known = prelude.get(name);
  if (known === undefined) throw new Error(`${name} is not defined`);
  return known(value);
}

/** Entry after entry, each as often as it can: enough where no two neighbours look alike. */
function matchesArray(rules: Rules, entries: readonly Entry[], values: readonly unknown[]): boolean {
  let at = 0;
  for (const { occurrence, type } of entries) {
    const most = occurrence === '*' || occurrence === '+' ? values.length : at + 1;
    let found = 0;
    while (at < Math.min(most, values.length) && matches(rules, type, values[at])) {
      at++;
      found++;
    }
    if (found === 0 && (occurrence === '1' || occurrence === '+')) return false;
  }
  return at === values.length;
}

function matchesMap(rules: Rules, entries: readonly Entry[], values: ReadonlyMap<unknown, unknown>): boolean {
  for (const { occurrence, key } of entries)
    if (occurrence === '1' && typeof key === 'number' && !values.has(key)) return false;
  return [...values].every(([key, value]) => {
    const entry =
      entries.find((one) => one.key === key) ??
      entries.find((one) => typeof one.key === 'string' && matchesName(rules, one.key, key));
    return entry !== undefined && matches(rules, entry.type, value);
  });
}
