/** lmdb as the engine knows it, in a process that dies at one of its changes (`dying.ts`). */
import { readFileSync } from 'node:fs';
import { open as openReal } from 'lmdb';

const file = process.env['BECKON_TEST_DIE'] ?? '';
let taken = 0;
let told = 0;

function step(): void {
  const last = lastStep();
  if (last !== told) taken = 0;
  told = last;
  if (last > 0 && ++taken === last) process.kill(process.pid, 'SIGKILL');
}

/** 0: it lives. */
function lastStep(): number {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return 0;
  }
}

interface Root {
  childTransaction<T>(change: () => T): Promise<T>;
}

export function open(options: Parameters<typeof openReal>[0]): Root {
  const root = openReal(options) as unknown as Root;
  const change = root.childTransaction.bind(root);
  const mortal: Root['childTransaction'] = async (action) => {
    step();
    const result = await change(action);
    step();
    return result;
  };
  Object.defineProperty(root, 'childTransaction', { value: mortal });
  return root;
}
