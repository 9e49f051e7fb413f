/**
 * The configuration file and the environment, read into one frozen object. Server settings only: domains and users live
 * in the store. `config-schema.ts` is the only list of keys: defaults, names, the reference page and the file that
 * `beckon init` writes all come from it.
 */
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { checkContradictions } from './config-contradictions.ts';
import { isEntry, schema, settings, tomlName, type Config, type Setting } from './config-schema.ts';
import { BeckonError } from './errors.ts';

export { configTemplate } from './config-reference.ts';
export type { Config } from './config-schema.ts';
export {
  isLoopback,
  type ListenAddress,
  type Reserve,
  type TcpAddress,
  type UnixAddress,
} from './config-values.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The largest configuration file, in bytes and lines. */
const maxBytes = 64 * 1024;
const maxLines = 2000;

/** Where a configuration is looked for when none is named. */
export const configPaths = ['beckon.toml', '/etc/beckon/beckon.toml'] as const;

/**
 * Reads a configuration file; without a name the first of `configPaths` that exists. Throws `config_invalid`, which
 * names line and key.
 */
export function loadConfig(file: string | undefined, environment: Environment): Config {
  const found = file ?? configPaths.find((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
  if (found === undefined)
    throw new BeckonError('config_invalid', `no configuration: looked for ${configPaths.join(' and ')}`);
  return decodeConfig(readText(found), environment, found);
}

function readText(file: string): string {
  try {
    if (statSync(file).size <= maxBytes) return readFileSync(file, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'there is no such file' : `cannot be read (${code})`;
    throw new BeckonError('config_invalid', `${file}: ${reason}`, { cause });
  }
  throw tooLong(file);
}

function tooLong(file: string): BeckonError {
  return new BeckonError('config_invalid', `${file}: longer than ${maxBytes} bytes or ${maxLines} lines`);
}

/**
 * Decodes the text of a configuration; variables of the environment win over the file, and an empty variable counts
 * as absent. Relative paths start from the directory of `file`. Throws `config_invalid` and nothing else.
 */
export function decodeConfig(text: string, environment: Environment = {}, file = 'beckon.toml'): Config {
  if (Buffer.byteLength(text) > maxBytes || text.split('\n').length > maxLines) throw tooLong(file);
  const table = parseToml(text, file);
  const fail: Fail = (path, reason) => {
    const line = lineOf(text, path);
    const place = line === undefined ? file : `${file}:${line}`;
    throw new BeckonError('config_invalid', `${place}: ${path.join('.')}: ${reason}`);
  };
  checkKeys(table, schema, [], fail);
  const given = new Map<string, unknown>();
  for (const setting of settings) {
    const value = environment[setting.variable] || valueAt(table, setting.tomlPath);
    if (value !== undefined) given.set(setting.name, value);
  }
  const base = dirname(resolve(file));
  const config = assemble(schema, (setting) => readSetting(setting, environment, given, base, fail));
  checkContradictions(
    config,
    (name) => given.has(name),
    (name, reason) => fail(name.split('.'), reason),
  );
  return config;
}

/** Keys, as they stand in the file, whose change from one configuration to the other waits for the next start. */
export function restartNeeded(before: Config, after: Config): string[] {
  const differs = ({ path }: Setting): boolean =>
    JSON.stringify(valueAt(before, path)) !== JSON.stringify(valueAt(after, path));
  return settings.filter((setting) => !setting.live && differs(setting)).map(({ name }) => name);
}

type Table = Readonly<Record<string, unknown>>;
type Fail = (path: readonly string[], reason: string) => never;

function parseToml(text: string, file: string): Table {
  try {
    return parse(text);
  } catch (cause) {
    const at = cause instanceof TomlError ? `:${cause.line}` : '';
    const reason = cause instanceof TomlError ? (cause.message.split('\n')[0] ?? '') : 'not TOML';
    throw new BeckonError('config_invalid', `${file}${at}: ${reason}`, { cause });
  }
}

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  let inner = value;
  for (const key of path) {
    if (!isTable(inner) || !Object.hasOwn(inner, key)) return undefined;
    inner = inner[key];
  }
  return inner;
}

/** Fails at the first key that the section does not have. */
function checkKeys(table: Table, section: object, above: readonly string[], fail: Fail): void {
  const known = new Map(Object.entries(section).map(([key, value]) => [tomlName(key), value as object]));
  for (const [key, value] of Object.entries(table)) {
    const path = [...above, key];
    const entry = known.get(key) ?? fail(path, 'no such key');
    if (isEntry(entry)) continue;
    if (!isTable(value) || value instanceof Date) fail(path, 'must be a table');
    else checkKeys(value, entry, path, fail);
  }
}

/**
 * The line on which the statement that sets a key begins. The parser gives no positions, but knows whether the file
 * cut after a line is complete and has the key by then.
 */
function lineOf(text: string, path: readonly string[]): number | undefined {
  const lines = text.split('\n');
  let begin = 0;
  for (let end = 1; end <= lines.length; end++) {
    const table = tryParse(lines.slice(0, end).join('\n'));
    if (table === undefined) continue;
    if (valueAt(table, path) !== undefined) return begin + 1;
    begin = end;
  }
  return undefined;
}

function tryParse(text: string): Table | undefined {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

function readSetting(
  setting: Setting,
  environment: Environment,
  given: ReadonlyMap<string, unknown>,
  base: string,
  fail: Fail,
): unknown {
  const { kind, fallback, name, tomlPath, variable } = setting;
  const plain = environment[variable];
  const raw = plain ? fromEnvironment(setting, plain) : (given.get(name) ?? fallback);
  if (raw === undefined) fail(tomlPath, 'must be set');
  let reason = `must be ${kind.expected}`;
  try {
    const value = kind.read(raw, base);
    if (value !== undefined) return value;
  } catch (error) {
    reason = (error as Error).message;
  }
  if (plain) throw new BeckonError('config_invalid', `environment: ${variable}: ${reason}`);
  return fail(tomlPath, reason);
}

function fromEnvironment({ kind }: Setting, plain: string): unknown {
  if (kind.plain === 'number') return /^\d{1,15}$/.test(plain) ? Number(plain) : plain;
  if (kind.plain === 'list') return plain.split(',').map((item) => item.trim());
  return plain;
}

function assemble(
  section: object,
  read: (setting: Setting) => unknown,
  above: readonly string[] = [],
): Config {
  const values = Object.entries(section).map(([key, value]: [string, object]) => {
    const path = [...above, key];
    if (!isEntry(value)) return [key, assemble(value, read, path)];
    const name = path.map(tomlName).join('.');
    return [key, read(settings.find((setting) => setting.name === name) as Setting)];
  });
  return Object.freeze(Object.fromEntries(values)) as Config;
}
