/** `beckon send TO... FILE...`: which words are addresses and which are files. */
import { stat } from 'node:fs/promises';
import { parseAddress } from '../wire/address.ts';
import { looksLikeCard } from '../wire/card.ts';
import type { Face } from './face.ts';
import { misused } from './failure.ts';

export interface SendWords {
  /** As typed. */
  readonly to: readonly string[];
  /** Absolute. */
  readonly files: readonly string[];
}

/** A card is a recipient, and a word with an @ that is no file is an address. Throws `usage` for what is neither, `address_invalid`, `domain_invalid`. */
export async function sortWords(face: Face, words: readonly string[]): Promise<SendWords> {
  const to: string[] = [];
  const files: string[] = [];
  for (const word of words) {
    const path = face.path(word);
    const about = await stat(path).catch(() => undefined);
    if (looksLikeCard(word)) to.push(word);
    else if (about?.isFile()) files.push(path);
    else if (about === undefined && word.includes('@')) to.push(checked(word));
    else throw misused(reason(word, about));
  }
  return { to, files };
}

function checked(word: string): string {
  parseAddress(word);
  return word;
}

function reason(word: string, about: { isDirectory(): boolean } | undefined): string {
  if (about === undefined) return `${word} is neither an address nor a file`;
  return about.isDirectory()
    ? `${word} is a directory: pack it into one file first`
    : `${word} is not a regular file`;
}
