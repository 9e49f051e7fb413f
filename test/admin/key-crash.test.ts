/** kill -9 while keys change: what is on disk is whole, and nothing that was told of is missing. */
import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { keyDirectory, loadDomainKeys, removeDrafts, saveDomainKeys } from '../../src/admin/key-files.ts';
import { systemRandom as random } from '../../src/crypto/random.ts';
import { createDomainKeys, workingUses, type DomainKeys } from '../../src/keys/domain-keys.ts';
import { signDomainRecord, verifyDomainRecord } from '../../src/keys/domain-record.ts';
import { usableKey } from '../../src/keys/published-key.ts';
import { rotatingUses } from '../../src/keys/domain-life.ts';
import { selectKey } from '../../src/keys/key-pair.ts';
import { temporaryDir } from '../store/fixture.ts';

/** The lines that the worker printed before it was killed. */
async function workAndDie(dir: string, milliseconds: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'key-crash-worker.ts'), dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  let killing: Promise<void> | undefined;
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    text += chunk.toString();
    killing ??= setTimeout(milliseconds).then(() => void child.kill('SIGKILL'));
  }
  await killing;
  // The last line may be cut.
  return text.split('\n').slice(0, -1);
}

function idsOf({ keys }: DomainKeys): readonly string[] {
  return keys.map(({ id }) => Buffer.from(id).toString('hex'));
}

test('killed at any moment, a domain has one key in use for everything, and all that it told of or one change more', async (t) => {
  const dir = temporaryDir(t);
  await saveDomainKeys(dir, createDomainKeys('alpha.test', 1_800_000_000, random).keys);
  let days = 0;
  for (let round = 0; round < 6; round++) {
    const told = await workAndDie(dir, 20 + Math.floor(Math.random() * 60));
    t.true(told.length > 0);
    const [keys] = await loadDomainKeys(dir);
    if (keys === undefined) return t.fail('no keys');
    const now = keys.progress.counted;
    for (const use of workingUses) t.notThrows(() => selectKey(keys.keys, use, now));
    for (const use of rotatingUses)
      t.is(keys.keys.filter((key) => key.use === use && key.status === 'active').length, 1);
    const record = signDomainRecord({ keys, serial: now, contact: 'x@alpha.test', now });
    const expected = { domain: 'alpha.test', fingerprints: [keys.fingerprint], now };
    for (const use of rotatingUses)
      t.notThrows(() => usableKey(verifyDomainRecord(record, expected), use, now));
    // Between what was told last and the disk lie at most the changes of one turn.
    const last = new Set(told.at(-1)?.split(' '));
    const fresh = idsOf(keys).filter((id) => !last.has(id));
    t.true(fresh.length <= 4, `${fresh.length}`);
    t.true(keys.progress.days > days);
    days = keys.progress.days;
    await removeDrafts(dir);
    t.deepEqual((await readdir(keyDirectory(dir, 'alpha.test'))).sort(), ['identity.json', 'working.json']);
  }
});
