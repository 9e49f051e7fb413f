/** Which configuration a hoster's command means. */
import { statSync } from 'node:fs';
import { configPaths, loadConfig, type Config } from '../config.ts';
import type { ConfigOption } from './command.ts';
import type { Face } from './face.ts';
import { AdvisedError } from './failure.ts';

/** The named file, else the first that is there. Throws `config_invalid` where there is none. */
export function findConfig(face: Face, { config }: ConfigOption): string {
  if (config !== undefined) return face.path(config);
  const found = configPaths
    .map((path) => face.path(path))
    .find((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
  if (found !== undefined) return found;
  throw new AdvisedError(
    'config_invalid',
    `no configuration: looked for ${configPaths.join(' and ')}`,
    'beckon init DOMAIN makes one; --config FILE names another',
  );
}

/** Reads it. Throws `config_invalid`, which names line and key. */
export function readConfig(face: Face, options: ConfigOption): Config {
  return loadConfig(findConfig(face, options), face.environment);
}
