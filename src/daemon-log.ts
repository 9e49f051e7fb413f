/** The log of the daemon: JSON lines on standard error. */
import { destination, pino } from 'pino';
import type { Log, LogLevel } from './log.ts';

export function createLog(level: LogLevel = 'info'): Log {
  const out = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    destination({ fd: 2, sync: true }),
  );
  return {
    debug: (event, fields) => out.debug(fields ?? {}, event),
    info: (event, fields) => out.info(fields ?? {}, event),
    warn: (event, fields) => out.warn(fields ?? {}, event),
    error: (event, fields) => out.error(fields ?? {}, event),
  };
}
