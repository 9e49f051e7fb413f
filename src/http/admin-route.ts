/** A route of the admin interface as data. */
import type { JsonSchema } from './json-schemas.ts';

export interface AdminRoute {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly params?: JsonSchema;
  readonly body?: JsonSchema;
}
