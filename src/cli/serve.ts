import type { Command } from 'commander';
import { command, configOption, type ConfigOption } from './command.ts';
import { findConfig } from './config-file.ts';
import type { Face } from './face.ts';
import { withHosterAdvice } from './hoster-advice.ts';

export interface ServeOptions {
  /** Absolute. */
  readonly configFile: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The daemon: resolves with an exit code when it has stopped. */
export type Serve = (options: ServeOptions) => Promise<number>;

/** `beckon serve`: runs until it is told to stop. */
export function serveCommand({ face, serve }: { readonly face: Face; readonly serve: Serve }): Command {
  return command('serve', 'run the daemon, until SIGINT or SIGTERM', 'serve --config /etc/beckon/beckon.toml')
    .addOption(configOption())
    .action(async (options: ConfigOption) => {
      const configFile = findConfig(face, options);
      face.finish(await withHosterAdvice(serve({ configFile, environment: face.environment })));
    });
}
