/** A question to the person at the terminal; from a pipe, the next line. */
import { createInterface } from 'node:readline';
import type { Face } from './face.ts';
import { misused } from './failure.ts';

const maxLine = 4096;

/** One line, without the spaces around it. Where nothing comes: `otherwise`, without it throws `usage`. */
export async function askLine(face: Face, question: string, otherwise?: string): Promise<string> {
  const ask = (): void => {
    if (face.input.isTTY) face.errors.write(`${question}: `);
  };
  ask();
  const lines = createInterface({ input: face.input, crlfDelay: Infinity });
  try {
    for await (const line of lines) {
      const answer = line.slice(0, maxLine).trim();
      if (answer !== '') return answer;
      ask();
    }
  } finally {
    lines.close();
  }
  if (face.input.isTTY) face.errors.write('\n');
  if (otherwise !== undefined) return otherwise;
  throw misused(`nothing was given as ${question}`, 'type it, or pass it on standard input');
}
