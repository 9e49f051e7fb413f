/** The import table as CONTRIBUTING.md shows it, between its two marks. */
import { everything, mayImport } from './table.ts';

const begin = '<!-- import table -->';
const end = '<!-- /import table -->';

export function importTable(): string {
  const rows = Object.entries(mayImport).map(([room, imports]) => {
    if (imports === everything) return `| ${room} | everything |`;
    return `| ${room} | ${imports.length === 0 ? 'nothing of ours' : imports.join(', ')} |`;
  });
  return [begin, '| room | may import |', '|---|---|', ...rows, end].join('\n');
}

/** The page with the table of now in place of the one it holds. */
export function insertImportTable(page: string): string {
  return page.slice(0, page.indexOf(begin)) + importTable() + page.slice(page.indexOf(end) + end.length);
}
