import { readFileSync } from 'node:fs';

const FOLDER = new URL('../../vectors/external/', import.meta.url);

/** A file of `vectors/external/`; its README names origin and licence. The caller says what it holds. */
export function readExternal(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8'));
}

/** The part of Wycheproof's file format that all its files share. */
export interface Wycheproof<Group> {
  numberOfTests: number;
  testGroups: Group[];
}

export interface WycheproofTest {
  tcId: number;
  comment: string;
  result: 'valid' | 'invalid' | 'acceptable';
}
