import type { Command } from 'commander';
import type { CheckResult } from '../admin/stopped.ts';
import { BeckonError } from '../errors.ts';
import { command, configOption, jsonOption, type ConfigOption, type JsonOption } from './command.ts';
import { readConfig } from './config-file.ts';
import type { Face } from './face.ts';
import { AdvisedError } from './failure.ts';
import { formatCount, formatSize, table } from './format.ts';
import { safeLine } from './safe-text.ts';

interface Options extends ConfigOption, JsonOption {
  readonly quick?: boolean;
}

/** `beckon check`: whether a store, or a backup, holds together. */
export function checkCommand({ face }: { readonly face: Face }): Command {
  return command('check', 'tell whether a stopped store, or a backup, holds together', [
    'check',
    'check /backup/beckon-2027-01-31',
  ])
    .argument('[dir]', 'a backup (default: the store of the configuration, whose daemon must not run)')
    .option('--quick', 'leave the payloads out, which are read and hashed')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (typed: string | undefined, options: Options) => {
      const payloads = options.quick !== true;
      const { files = [], ...result } =
        typed === undefined
          ? await checkOwn(face, options, payloads)
          : await checkCopy(face.path(typed), payloads);
      if (options.json) face.printJson({ files, ...result });
      else {
        for (const line of files) face.print(`FAIL  ${safeLine(line)}`);
        for (const line of findingLines(result)) face.print(line);
      }
      const wrong = files.length + result.total;
      if (wrong > 0)
        throw new BeckonError('state_invalid', `${formatCount(wrong)} things do not fit together`);
      if (!options.json)
        face.print(
          `ok    ${formatCount(result.rows)} rows, ${formatSize(result.bytes)} of payloads hold together`,
        );
    });
}

type Checked = CheckResult & { readonly files?: readonly string[] };

// Loaded when asked for, both: other commands start faster without the store.
async function checkCopy(directory: string, payloads: boolean): Promise<Checked> {
  const { checkBackup } = await import('../admin/restore.ts');
  return await checkBackup(directory, payloads);
}

async function checkOwn(face: Face, options: Options, payloads: boolean): Promise<Checked> {
  try {
    const { checkStopped } = await import('../admin/stopped.ts');
    return await checkStopped(readConfig(face, options), payloads);
  } catch (cause) {
    if (!(cause instanceof BeckonError) || cause.code !== 'state_locked') throw cause;
    throw new AdvisedError(
      'state_locked',
      'the daemon runs, and has the store open',
      'make a backup and check that: beckon backup DIR, then beckon check DIR',
      { cause },
    );
  }
}

/** What was found, a line each; nothing where all is well. */
export function findingLines({ findings, total }: CheckResult): readonly string[] {
  const rows = findings.map(({ table: name, row, problem }) => ['FAIL', name, row, safeLine(problem)]);
  const more = total - findings.length;
  return [...table(rows), ...(more > 0 ? [`FAIL  and ${formatCount(more)} more`] : [])];
}
