/** The rules of the house, each from the files of src to the sentences that say what is wrong. */
import { resolveRelative } from './sources.ts';
import type { Import, SourceFile } from './sources.ts';
import {
  daemonLists,
  emptyNames,
  everything,
  free,
  leaves,
  longestFile,
  mayImport,
  owners,
  portable,
  topRooms,
} from './table.ts';

export interface House {
  readonly files: readonly SourceFile[];
  /** The `imports` of src/package.json: `#primitives` -> the files it can stand for, relative to src. */
  readonly aliases: ReadonlyMap<string, readonly string[]>;
  /** The names in `dependencies` of package.json. */
  readonly dependencies: readonly string[];
}

export type Rule = (house: House) => string[];

const leafRoom = 'leaves';

/** `wire/cbor.ts` -> `wire`, `errors.ts` -> `leaves`, `config-values.ts` -> `config`; undefined for strangers. */
export function roomOf(path: string): string | undefined {
  const folder = path.includes('/') ? path.slice(0, path.indexOf('/')) : undefined;
  if (folder !== undefined) return Object.hasOwn(mayImport, folder) ? folder : undefined;
  if (leaves.includes(path)) return leafRoom;
  return topRooms.find((room) => path === `${room}.ts` || path.startsWith(`${room}-`));
}

export const everyRoomIsKnown: Rule = ({ files }) =>
  files
    .filter(({ path }) => roomOf(path) === undefined)
    .map(({ path }) => `${path}: not in a room of the import table`);

export const importsFollowTheTable: Rule = (house) =>
  eachImport(house, (file, { line }, targets) => {
    const from = roomOf(file.path);
    return targets.flatMap((target) => {
      const to = roomOf(target);
      if (from === undefined || to === undefined || from === to || to === leafRoom) return [];
      const allowed = from === leafRoom ? [] : (mayImport[from] ?? []);
      if (allowed === everything || allowed.includes(to)) return [];
      return [`${file.path}:${line}: ${from} may not import ${to} (${target})`];
    });
  });

export const importsExist: Rule = (house) => {
  const known = new Set(house.files.map(({ path }) => path));
  return eachImport(house, (file, { specifier, line }, targets) =>
    targets
      .filter((target) => !known.has(target))
      .map(() => `${file.path}:${line}: no such file in src (${specifier})`),
  );
};

export const noCycles: Rule = (house) => {
  const edges = new Map<string, string[]>(house.files.map(({ path }) => [path, []]));
  eachImport(house, (file, _, targets) => {
    edges.get(file.path)?.push(...targets);
    return [];
  });
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) cycles.push([...trail.slice(at), path].join(' -> '));
    if (at >= 0 || done.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const { path } of house.files) visit(path, []);
  return cycles.map((cycle) => `cycle: ${cycle}`);
};

export const librariesStayWithTheirOwners: Rule = ({ files }) =>
  eachModule(files, (file, { specifier, line, names }) => {
    if (names?.every((name) => free[specifier]?.includes(name))) return [];
    const owner = Object.entries(owners).find(([pattern]) => matches(pattern, specifier));
    if (owner === undefined) return [];
    const owned = owner[1].some((place) => place === file.path || place === roomOf(file.path));
    return owned ? [] : [`${file.path}:${line}: ${specifier} belongs to ${owner[1].join(', ')}`];
  });

export const librariesAreDependencies: Rule = ({ files, dependencies }) =>
  eachModule(files, (file, { specifier, line }) => {
    if (specifier.startsWith('node:')) return [];
    const name = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/');
    return dependencies.includes(name) ? [] : [`${file.path}:${line}: ${name} is not among the dependencies`];
  });

export const portableRoomsStayPortable: Rule = ({ files }) => {
  const portableFiles = files.filter(
    ({ path }) => portable.rooms.includes(roomOf(path) ?? '') && !portable.except.includes(path),
  );
  const modules = eachModule(portableFiles, (file, { specifier, line }) =>
    specifier.startsWith('node:') ? [`${file.path}:${line}: ${specifier} is not there in a browser`] : [],
  );
  const globals = portableFiles.flatMap((file) =>
    portable.globals
      .filter((name) => file.identifiers.has(name))
      .map((name) => `${file.path}:${file.identifiers.get(name)}: ${name} is not there in a browser`),
  );
  return [...modules, ...globals];
};

export const nothingIsOpaque: Rule = ({ files }) => [
  ...files.flatMap(({ path, opaqueImports }) =>
    opaqueImports.map((line) => `${path}:${line}: an import must name its target as a literal`),
  ),
  ...files.flatMap(({ path, namedFiles }) =>
    namedFiles.map(
      ({ specifier, line }) =>
        `${path}:${line}: ${specifier} is not rewritten by the build: name it under imports in src/package.json`,
    ),
  ),
];

export const filesAreShort: Rule = ({ files }) =>
  files
    .filter(({ lines }) => lines >= longestFile)
    .map(({ path, lines }) => `${path}: ${lines} lines, the limit is ${longestFile}`);

export const namesSaySomething: Rule = ({ files }) =>
  files.flatMap(({ path }) => {
    const words = path.replace(/\.d\.ts$|\.ts$/, '').split('/');
    const empty = words.filter((word) =>
      word.split('-').some((part) => emptyNames.includes(part.toLowerCase())),
    );
    return empty.map((word) => `${path}: the name ${word} says nothing`);
  });

export const daemonIsAList: Rule = ({ files }) =>
  files
    .filter(({ path }) => daemonLists.includes(path))
    .flatMap(({ path, logic }) =>
      logic.map((line) => `${path}:${line}: a loop or switch: ${path} is a list`),
    );

/** Calls `look` with every import that points into src, and the files that it can stand for. */
function eachImport(
  { files, aliases }: House,
  look: (file: SourceFile, found: Import, targets: readonly string[]) => string[],
): string[] {
  return files.flatMap((file) =>
    file.imports.flatMap((found) => {
      const { specifier } = found;
      if (specifier.startsWith('.')) return look(file, found, [resolveRelative(file.path, specifier)]);
      if (specifier.startsWith('#')) return look(file, found, aliases.get(specifier) ?? [specifier]);
      return [];
    }),
  );
}

/** Calls `look` with every import of a package or of Node's own modules. */
function eachModule(
  files: readonly SourceFile[],
  look: (file: SourceFile, found: Import) => string[],
): string[] {
  return files.flatMap((file) =>
    file.imports.flatMap((found) => (/^[.#]/.test(found.specifier) ? [] : look(file, found))),
  );
}

function matches(pattern: string, specifier: string): boolean {
  return pattern.endsWith('*') ? specifier.startsWith(pattern.slice(0, -1)) : specifier === pattern;
}
