/** The titles of the tests in a file: what documents may call a test. */
import { parseSync, Visitor } from 'oxc-parser';
import type { Expression } from 'oxc-parser';

/**
 * As written in `test('title', ...)` and `test.serial(...)`; what a template fills in stands as `${expression}`. Tests that are
 * skipped, to do or expected to fail hold nothing and are left out. Throws where the file does not parse.
 */
export function testTitles(path: string, text: string): ReadonlySet<string> {
  const { program, errors } = parseSync(path, text, { astType: 'ts' });
  if (errors.length > 0) throw new Error(`${path} does not parse: ${errors[0]?.message}`);
  const titles = new Set<string>();
  new Visitor({
    CallExpression: ({ callee, arguments: [first] }) => {
      if (first === undefined || first.type === 'SpreadElement' || !isTest(callee)) return;
      const title = titleOf(first, text);
      if (title !== undefined) titles.add(title);
    },
  }).visit(program);
  return titles;
}

function isTest(callee: Expression): boolean {
  if (callee.type === 'Identifier') return callee.name === 'test';
  if (callee.type !== 'MemberExpression' || callee.computed) return false;
  const { object, property } = callee;
  return object.type === 'Identifier' && object.name === 'test' && property.name === 'serial';
}

function titleOf(first: Expression, text: string): string | undefined {
  if (first.type === 'Literal') return typeof first.value === 'string' ? first.value : undefined;
  if (first.type !== 'TemplateLiteral') return undefined;
  const { quasis, expressions } = first;
  return quasis
    .map(({ value }, i) => {
      const filled = expressions[i];
      return (value.cooked ?? '') + (filled ? `\${${text.slice(filled.start, filled.end)}}` : '');
    })
    .join('');
}
