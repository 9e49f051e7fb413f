/** `--set KEY=VALUE`: a key of the configuration as it is typed on a command line. */
import type { ConfigValues } from '../admin/init.ts';
import { settings } from '../config-schema.ts';
import { misused } from './failure.ts';

/** Adds one to those before it. Throws `usage` for a key that there is not. */
export function configValue(typed: string, before: ConfigValues = {}): ConfigValues {
  const equals = typed.indexOf('=');
  const name = typed.slice(0, Math.max(equals, 0));
  const setting = settings.find((setting) => setting.name === name);
  if (setting === undefined)
    throw misused(
      equals < 1 ? '--set takes KEY=VALUE' : `the configuration has no key ${name}`,
      'docs/configuration.md lists the keys',
    );
  return { ...before, [name]: plainValue(setting.kind.plain, typed.slice(equals + 1)) };
}

/** A list is separated by commas; empty, it has no items. */
function plainValue(plain: 'text' | 'number' | 'list', text: string): string | number | readonly string[] {
  if (plain === 'number') return /^\d{1,15}$/.test(text) ? Number(text) : text;
  if (plain === 'list') return text === '' ? [] : text.split(',').map((item) => item.trim());
  return text;
}
