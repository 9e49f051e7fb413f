/** Reads TypeScript files into what the architecture rules look at: imports of every kind, and names in use. */
import { posix } from 'node:path';
import { parseSync, Visitor } from 'oxc-parser';
import type { ImportDeclarationSpecifier } from 'oxc-parser';

export interface Import {
  /** As written: `./cbor.ts`, `node:fs`, `lmdb`. */
  readonly specifier: string;
  readonly line: number;
  /** What is taken from it by name; undefined where it is all, or not known. */
  readonly names?: readonly string[];
}

export interface SourceFile {
  /** Relative to src, with `/`: `wire/cbor.ts`. */
  readonly path: string;
  readonly lines: number;
  /** Static, dynamic and type-only imports and re-exports, and modules of Node's that are asked for by name. */
  readonly imports: readonly Import[];
  /** Files named in other strings (`new URL('./x.ts', import.meta.url)`): the build does not rewrite those. */
  readonly namedFiles: readonly Import[];
  /** Imports whose target is computed, and `require`: nobody can check them. */
  readonly opaqueImports: readonly number[];
  /** Identifiers in use, with the line of the first. */
  readonly identifiers: ReadonlyMap<string, number>;
  /** Loops and switches, by line. */
  readonly logic: readonly number[];
}

/** @throws Error when the file does not parse */
export function readSource(path: string, text: string): SourceFile {
  const { program, errors } = parseSync(path, text, { astType: 'ts' });
  if (errors.length > 0) throw new Error(`${path} does not parse: ${errors[0]?.message}`);

  const imports: Import[] = [];
  const strings: (Import & { start: number })[] = [];
  const importStarts = new Set<number>();
  const opaqueImports: number[] = [];
  const identifiers = new Map<string, number>();
  const logic: number[] = [];

  const lineOf = (start: number): number => text.slice(0, start).split('\n').length;
  const addImport = (source: { value: string; start: number }, names?: string[]): void => {
    imports.push({ specifier: source.value, line: lineOf(source.start), ...(names && { names }) });
    importStarts.add(source.start);
  };
  const addLogic = (node: { start: number }): void => {
    logic.push(lineOf(node.start));
  };

  new Visitor({
    ImportDeclaration: (node) => addImport(node.source, namesOf(node.specifiers)),
    ExportAllDeclaration: (node) => addImport(node.source),
    ExportNamedDeclaration: (node) => {
      if (node.source !== null) addImport(node.source);
    },
    TSImportType: (node) => addImport(node.source),
    TSExternalModuleReference: (node) => addImport(node.expression),
    ImportExpression: (node) => {
      const { source } = node;
      if (source.type === 'Literal' && typeof source.value === 'string') {
        addImport({ value: source.value, start: source.start });
      } else opaqueImports.push(lineOf(node.start));
    },
    CallExpression: (node) => {
      const name = node.callee.type === 'Identifier' ? node.callee.name : '';
      if (name === 'require' || name === 'createRequire') opaqueImports.push(lineOf(node.start));
      const {
        callee,
        arguments: [target],
      } = node;
      if (callee.type !== 'MemberExpression' || callee.property.type !== 'Identifier') return;
      if (callee.property.name !== 'getBuiltinModule') return;
      if (target?.type === 'Literal' && typeof target.value === 'string')
        addImport({ value: target.value, start: target.start });
      else opaqueImports.push(lineOf(node.start));
    },
    Identifier: (node) => {
      if (!identifiers.has(node.name)) identifiers.set(node.name, lineOf(node.start));
    },
    Literal: (node) => {
      if (typeof node.value === 'string' && /^\.\.?\/.*\.ts$/.test(node.value)) {
        strings.push({ specifier: node.value, line: lineOf(node.start), start: node.start });
      }
    },
    ForStatement: addLogic,
    ForInStatement: addLogic,
    ForOfStatement: addLogic,
    WhileStatement: addLogic,
    DoWhileStatement: addLogic,
    SwitchStatement: addLogic,
  }).visit(program);

  return {
    path,
    lines: text.split('\n').length - (text.endsWith('\n') ? 1 : 0),
    imports,
    namedFiles: strings.filter(({ start }) => !importStarts.has(start)),
    opaqueImports,
    identifiers,
    logic,
  };
}

function namesOf(specifiers: readonly ImportDeclarationSpecifier[]): string[] | undefined {
  const names = specifiers.map((one) =>
    one.type === 'ImportSpecifier' && one.imported.type === 'Identifier' ? one.imported.name : undefined,
  );
  return names.length === 0 || names.includes(undefined)
    ? undefined
    : names.filter((name) => name !== undefined);
}

/** `../wire/cbor.ts` seen from `keys/x.ts` -> `wire/cbor.ts`; outside of src it begins with `..`. */
export function resolveRelative(from: string, specifier: string): string {
  return posix.normalize(posix.join(posix.dirname(from), specifier));
}
