/** Every case of vectors/ runs through the implementation. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { codeOf } from '../../src/errors.ts';
import { caseFiles, generateVectors, vectorsRoot } from '../../vectors/generate.ts';
import { inputsOf, outputOf, type Json } from './inputs.ts';
import { operations } from './operations.ts';

interface CaseFile {
  readonly spec: string;
  readonly description: string;
  readonly operation: string;
  readonly inputs: Json;
  readonly intermediate?: Json;
  readonly output?: Json;
  readonly error?: string;
}

const cases: readonly (readonly [string, CaseFile])[] = caseFiles().map((path) => [
  path,
  JSON.parse(readFileSync(join(vectorsRoot, path), 'utf8')) as CaseFile,
]);

test('the files are those that the generator writes, byte for byte', (t) => {
  const generated = generateVectors();
  t.deepEqual([...caseFiles()].sort(), [...generated.keys()].sort());
  for (const [path, text] of generated) {
    const same = readFileSync(join(vectorsRoot, path), 'utf8') === text;
    if (!same) t.fail(`${path} differs: run npm run vectors`);
  }
});

for (const [path, one] of cases) {
  test(`${path}: ${one.error ?? 'succeeds'}`, async (t) => {
    const operation = operations[one.operation];
    if (operation === undefined) throw new Error(`no operation is called ${one.operation}`);
    const inputs = inputsOf(one.inputs);
    if (one.error === undefined) t.deepEqual(outputOf(await operation(inputs)), one.output);
    else
      t.is(
        await Promise.resolve()
          .then(() => operation(inputs))
          .then(
            () => 'accepted',
            (error: unknown) => (codeOf(error) === 'internal' ? String(error) : codeOf(error)),
          ),
        one.error,
      );
  });
}
