/** One key of the configuration, as data. */
import type { Kind } from './config-values.ts';

export interface Entry<T> {
  readonly kind: Kind<T>;
  /** As it would stand in the file; absent where the key must be set. */
  readonly fallback?: string | number | readonly string[];
  readonly description: string;
  /** A reload is enough. */
  readonly live: boolean;
}

export function entry<T>(
  kind: Kind<T>,
  fallback: string | number | readonly string[],
  description: string,
): Entry<T> {
  return { kind, fallback, description, live: false };
}

export function required<T>(kind: Kind<T>, description: string): Entry<T> {
  return { kind, description, live: false };
}

export function live<T>(setting: Entry<T>): Entry<T> {
  return { ...setting, live: true };
}
