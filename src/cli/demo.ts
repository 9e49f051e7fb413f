import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { command } from './command.ts';
import type { Face } from './face.ts';
import { misused } from './failure.ts';

export interface DemoOption {
  /** Leaves its directory where it is. */
  readonly keep: boolean;
}

/** Runs the demo with these files (absolute; none: the mail that comes along). Resolves with an exit code. */
export type Demo = (files: readonly string[], options: DemoOption) => Promise<number>;

/** `beckon demo`: two domains, a legacy one, one message, on this machine. */
export function demoCommand({ face, demo }: { readonly face: Face; readonly demo: Demo }): Command {
  return command('demo', 'two domains and a legacy one on this machine, and one message between them', [
    'demo',
    'demo photo.jpg film.mp4',
  ])
    .argument('[file...]', 'what to send (default: a mail with an attachment)')
    .option('--keep', 'leave the directory with stores, keys and saved files where it is')
    .action(async (words: string[], { keep = false }: Partial<DemoOption>) => {
      const files = words.map((word) => face.path(word));
      for (const [index, path] of files.entries())
        if (!(await stat(path).catch(() => undefined))?.isFile())
          throw misused(`${words[index] ?? ''} is not a file`);
      face.finish(await demo(files, { keep }));
    });
}
