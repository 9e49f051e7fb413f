/** What of a file would be recognised if it lay anywhere in the clear. */
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Needle } from './search.ts';

/** How much of a file is looked at, from its beginning. */
const lookedAt = 1 << 18;
const rawLength = 32;
/** Fewer kinds of bytes occur by chance, or in padding. */
const kinds = 10;

/** A mail's subject and a line of text, or some bytes; nothing where a file has nothing that is its own. */
export async function samplesOf(path: string): Promise<readonly Needle[]> {
  const bytes = await beginning(path);
  const text = bytes.toString('latin1');
  const sentence = sentenceOf(text);
  if (sentence === undefined) return rawSample(bytes, basename(path));
  const subject = /\.eml$/i.test(path) ? /^Subject: (.{8,70})\r?$/m.exec(text)?.[1] : undefined;
  return [
    ...(subject === undefined ? [] : [needle(`subject "${subject}"`, subject)]),
    needle(`sentence "${sentence}"`, sentence),
  ];
}

/** A text, under the name that it is reported by. */
export function needle(name: string, text: string): Needle {
  return { name, bytes: Buffer.from(text, 'latin1') };
}

async function beginning(path: string): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(lookedAt), 0, lookedAt, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** The first words, at least five, that stand in one line of plain ASCII. */
function sentenceOf(text: string): string | undefined {
  if (text.includes('\0')) return undefined;
  return /^(?=(?:\S+ ){4})[A-Z][A-Za-z0-9 ,.'?!]{15,59}/im.exec(text)?.[0].trim();
}

function rawSample(bytes: Buffer, name: string): readonly Needle[] {
  for (
    let at = Math.max(0, (bytes.length - rawLength) >> 1);
    at + rawLength <= bytes.length;
    at += rawLength
  ) {
    const sample = bytes.subarray(at, at + rawLength);
    if (new Set(sample).size >= kinds) return [{ name: `${rawLength} bytes of ${name}`, bytes: sample }];
  }
  return [];
}
