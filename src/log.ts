/**
 * A structured log. Fields never hold ids, tokens, poll secrets, addresses of correspondents or plaintext:
 * events are counted and named, people are not.
 */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
