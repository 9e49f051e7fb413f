/** The daemon as a process: configuration in, signals, exit code out. */
import { once } from 'node:events';
import { loadConfig } from './config.ts';
import { createLog } from './daemon-log.ts';
import { startDaemon, type Daemon } from './daemon.ts';
import { BeckonError, reasonOf } from './errors.ts';
import { endProcess } from './store/end-process.ts';

export interface ServeOptions {
  /** Absolute. */
  readonly configFile: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  /** Told once everything listens: one line for people and for whoever started it. */
  readonly ready: (line: string) => void;
}

/**
 * Runs a daemon until SIGINT or SIGTERM; SIGHUP reloads. Resolves with the exit code. Throws what the start throws:
 * `config_invalid`, `state_locked`, `network_failed`, `tls_failed`...
 */
export async function serve({ configFile, environment, version, ready }: ServeOptions): Promise<number> {
  const readConfig = () => loadConfig(configFile, environment);
  const config = readConfig();
  const log = createLog(config.logLevel);
  const daemon = await startDaemon({
    config,
    readConfig,
    version,
    log,
    onFailure(error) {
      log.error('the disk failed: stopping, because nothing may be acknowledged any more', {
        reason: reasonOf(error),
      });
      endProcess();
    },
  });
  const { https, udp, smtp } = daemon.ports;
  const mail = smtp === null ? '' : ` smtp=${smtp}`;
  ready(`ready https=${https} udp=${udp ?? 'none'}${mail} admin=${config.listen.admin.path}`);

  const reload = (): void => void reloadAndLog(daemon, log);
  process.on('SIGHUP', reload);
  await stopSignal();
  process.off('SIGHUP', reload);
  await daemon.close();
  return 0;
}

/** Resolves at the first SIGINT or SIGTERM; a second one then ends the process as usual. */
async function stopSignal(): Promise<void> {
  const over = new AbortController();
  const signals = ['SIGINT', 'SIGTERM'].map((name) => once(process, name, { signal: over.signal }));
  await Promise.race(signals);
  over.abort();
  await Promise.allSettled(signals);
}

async function reloadAndLog(daemon: Daemon, log: ReturnType<typeof createLog>): Promise<void> {
  try {
    const { restartNeeded } = await daemon.reload();
    log.info('reloaded', { restartNeeded: restartNeeded.join(' ') });
  } catch (error) {
    if (!(error instanceof BeckonError)) throw error;
    log.error('not reloaded: everything stays as it was', { code: error.code, reason: error.message });
  }
}
