/** What is generated from the schema: the reference page of the documentation, and a new configuration file. */
import { stringify } from 'smol-toml';
import { settings, type Setting } from './config-schema.ts';

type Plain = string | number | readonly string[];

/** docs/configuration.md. */
export function configReference(): string {
  const parts = bySection().map(([section, members]) => [
    section === '' ? '## Top level' : `## [${section}]`,
    ...members.map(describe),
  ]);
  return [
    '# Configuration',
    'Generated from `src/config-schema.ts` by `npm run docs`.',
    'The file is TOML: `--config FILE`, else `beckon.toml` in the working directory, else `/etc/beckon/beckon.toml`. ' +
      'Each key can be overridden by a variable of the environment, lists being separated by commas; an empty variable ' +
      'counts as absent. Relative paths start from the directory of the file. `beckon config check` names the line and ' +
      'the key of a mistake; unknown keys are mistakes. Domains and users are not configured here but with ' +
      '`beckon domain` and `beckon user`.',
    ...parts.flat(),
    '## The commands of users',
    '`beckon enroll`, `send`, `inbox` and the others of users read no file. Three variables of the environment say how they reach ' +
      'the outside, each a list as the key beside it: `BECKON_RESOLVERS` (`dns.resolvers`), `BECKON_ALLOW` (`outbound.allow`) and ' +
      '`BECKON_CA_FILES` (`outbound.ca_files`). `BECKON_PASSPHRASE_FILE` names a file whose first line is the passphrase over a ' +
      "client's keys and state.",
    '',
  ]
    .join('\n\n')
    .trimEnd()
    .concat('\n');
}

function describe({ name, variable, kind, fallback, description, live }: Setting): string {
  const standard = fallback === undefined ? 'none: it must be set' : `\`${toml(fallback)}\``;
  const notes = [
    `Must be ${kind.expected}. Default: ${standard}. Environment: \`${variable}\`.`,
    ...(live
      ? ['`beckon reload` is enough to change it, and `beckon domain set` overrides it for one domain.']
      : []),
  ];
  return `### ${name}\n\n${description} ${notes.join(' ')}`;
}

/**
 * A new configuration file: the keys in `values` (names as in the file, e.g. `listen.https`) are set, all others stand
 * as comments with their defaults.
 */
export function configTemplate(values: Readonly<Record<string, Plain>>): string {
  const sections = bySection().map(([section, members]) => {
    const lines = members.flatMap((setting) => keyLines(setting, values[setting.name]));
    return [...(section === '' ? [] : [`[${section}]`]), ...lines].join('\n');
  });
  return `${sections.join('\n\n')}\n`;
}

function keyLines({ tomlPath, description, fallback }: Setting, value: Plain | undefined): string[] {
  const key = tomlPath.at(-1);
  const line = value === undefined ? `# ${key} = ${toml(fallback ?? '')}` : `${key} = ${toml(value)}`;
  return [`# ${description}`, line];
}

/** A value as it stands in the file. */
function toml(value: Plain): string {
  return stringify({ value }).trim().slice('value = '.length);
}

function bySection(): [string, Setting[]][] {
  return [...Map.groupBy(settings, ({ tomlPath }) => tomlPath.slice(0, -1).join('.'))];
}
