/** A question to the person at the terminal; from a pipe, the next line. */
import { createInterface } from 'node:readline';
import type { Face } from './face.ts';
import { misused } from './failure.ts';

const maxLine = 4096;

/** One line, without the spaces around it. Throws `usage` where nothing comes. */
export async function askLine(face: Face, question: string): Promise<string> {
  if (face.input.isTTY) face.errors.write(`${question}: `);
  const lines = createInterface({ input: face.input, crlfDelay: Infinity });
  try {
    for await (const line of lines) {
      const answer = line.slice(0, maxLine).trim();
      if (answer !== '') return answer;
    }
  } finally {
    lines.close();
  }
  throw misused(`nothing was given as ${question}`, 'type it, or pass it on standard input');
}
