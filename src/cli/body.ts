/** The text of a message: from the command line, from standard input, or from an editor. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Face } from './face.ts';
import { misused } from './failure.ts';

/** What a person writes; more is a file. */
const maxBytes = 16 << 20;
const advice = 'put it into a file and send that';

/** Undefined where there is none: no word, and no editor because there are files. Throws `usage`, as for an editor left empty. */
export async function readBody(
  face: Face,
  given: string | undefined,
  hasFiles: boolean,
): Promise<string | undefined> {
  if (given !== undefined) return given;
  if (!face.input.isTTY) return nonEmpty(await readInput(face));
  if (hasFiles) return undefined;
  const written = nonEmpty(await edit(face));
  if (written === undefined) throw misused('the text is empty', 'nothing was sent');
  return written;
}

function nonEmpty(text: string): string | undefined {
  return text.trim() === '' ? undefined : text;
}

async function readInput(face: Face): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of face.input as AsyncIterable<Uint8Array>) {
    size += piece.length;
    if (size > maxBytes) throw misused('the text on standard input is longer than 16 MiB', advice);
    pieces.push(piece);
  }
  return textOf(Buffer.concat(pieces));
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw misused('standard input is not text in UTF-8', advice);
  }
}

/** The file lies in a directory of its own that only the user may enter. */
async function edit({ environment }: Face): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'beckon-'));
  const file = join(directory, 'message.txt');
  try {
    await writeFile(file, '', { mode: 0o600, flag: 'wx' });
    const editor = environment['VISUAL'] || environment['EDITOR'] || 'vi';
    const child = spawn('/bin/sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit' });
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw misused(`the editor (${editor}) ended with an error`, 'nothing was sent');
    return textOf(await readFile(file));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
