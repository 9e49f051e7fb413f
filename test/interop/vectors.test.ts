/** A second implementation, written from the specification alone, against the positive test vectors. */
import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { accepting, operations, shownExtensions, withoutPhrase } from './vector-operations.ts';
import type { Inputs } from './vector-operations.ts';

interface Case {
  readonly operation: string;
  readonly inputs: Inputs;
  readonly output?: unknown;
  readonly error?: string;
}

const root = new URL('../../vectors/', import.meta.url);
const folders = [
  'conventions',
  'keys',
  'identity',
  'addressing',
  'message',
  'notification',
  'fetch',
  'account',
  'state',
];

for (const folder of folders) {
  test(`the stranger agrees with the vectors of ${folder}`, async (t) => {
    const files = readdirSync(new URL(folder, root)).filter((name) => name.endsWith('.json'));
    let held = 0;
    for (const name of files) {
      const one = JSON.parse(readFileSync(new URL(`${folder}/${name}`, root), 'utf8')) as Case;
      if (!('output' in one)) continue;
      const exact = operations[one.operation];
      const lenient = accepting[one.operation];
      if (exact || lenient) held++;
      if (exact) t.deepEqual(await exact(one.inputs), one.output, name);
      else if (lenient) await t.notThrowsAsync(async () => lenient(one.inputs), name);
    }
    t.true(held > 0);
  });
}

test('the stranger reads what letters say of mail, and refuses what the vectors refuse', (t) => {
  const files = readdirSync(new URL('bridges', root)).filter((name) => name.startsWith('decode-'));
  const held = { read: 0, refused: 0 };
  for (const name of files) {
    const { inputs, output, error } = JSON.parse(
      readFileSync(new URL(`bridges/${name}`, root), 'utf8'),
    ) as Case;
    const wrapped = inputs['structure'] === 'mail';
    if (!wrapped && inputs['structure'] !== 'letter-extensions') continue;
    const read = (): unknown => shownExtensions(String(inputs['encoded']), wrapped);
    if (error === undefined) {
      t.deepEqual(read(), withoutUnknown(wrapped ? { mail: output } : output), name);
      held.read++;
    } else {
      t.throws(read, undefined, name);
      held.refused++;
    }
  }
  t.true(held.read >= 5 && held.refused >= 25, JSON.stringify(held));
});

/** Fields that are not critical are skipped here, where others keep them. */
function withoutUnknown(output: unknown): unknown {
  return JSON.parse(
    JSON.stringify(output, (name, value: unknown) => (name === 'unknown' ? undefined : value)),
  );
}

test('the stranger derives from a recovery phrase what the vectors say', (t) => {
  const files = readdirSync(new URL('state', root)).filter((name) => name.startsWith('recovery-phrase-of-'));
  t.true(files.length > 0);
  for (const name of files) {
    const { inputs, output } = JSON.parse(readFileSync(new URL(`state/${name}`, root), 'utf8')) as Case;
    const { phrase: _, ...derived } = output as { phrase: string };
    t.deepEqual(withoutPhrase(inputs), derived, name);
  }
});

test('the stranger refuses what the vectors of identity refuse', async (t) => {
  const files = readdirSync(new URL('identity', root)).filter((name) => name.endsWith('.json'));
  let held = 0;
  for (const name of files) {
    const one = JSON.parse(readFileSync(new URL(`identity/${name}`, root), 'utf8')) as Case;
    const verify = operations[one.operation];
    // Small-order keys and critical fields are for its libraries and its decoder to refuse, which it does not do here.
    if (!verify || !one.error || /^(?:key_invalid|cbor_)/.test(one.error)) continue;
    await t.throwsAsync(async () => verify(one.inputs), { message: one.error }, name);
    held++;
  }
  t.true(held > 30);
});

test('the stranger refuses what the vectors of trust refuse', async (t) => {
  const ours = ['follow user records', 'compare fingerprint'];
  const files = readdirSync(new URL('keys', root)).filter((name) => /^(?:follow|compare)-/.test(name));
  let held = 0;
  for (const name of files) {
    const one = JSON.parse(readFileSync(new URL(`keys/${name}`, root), 'utf8')) as Case;
    if (!one.error || !ours.includes(one.operation)) continue;
    await t.throwsAsync(async () => operations[one.operation]?.(one.inputs), { message: one.error }, name);
    held++;
  }
  t.true(held > 15);
});
