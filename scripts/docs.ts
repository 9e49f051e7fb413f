/** Writes the generated documentation: the reference of the configuration, the description of the account interface. */
import { writeFileSync } from 'node:fs';
import { configReference } from '../src/config-reference.ts';

const docs = new URL('../docs/', import.meta.url);

writeFileSync(new URL('configuration.md', docs), configReference());
