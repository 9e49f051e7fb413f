/** Writes the generated documentation: the reference of the configuration, the import table, the description of the account interface. */
import { readFileSync, writeFileSync } from 'node:fs';
import { configReference } from '../src/config-reference.ts';
import { accountDocument } from '../src/http/openapi.ts';
import { insertImportTable } from '../test/architecture/page.ts';

const docs = new URL('../docs/', import.meta.url);

writeFileSync(new URL('configuration.md', docs), configReference());

const contributing = new URL('../CONTRIBUTING.md', import.meta.url);
writeFileSync(contributing, insertImportTable(readFileSync(contributing, 'utf8')));
writeFileSync(new URL('account.openapi.json', docs), `${JSON.stringify(accountDocument(), null, 2)}\n`);
