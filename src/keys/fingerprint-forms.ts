/** A fingerprint as people compare it: whole, as words, or as digits. wire-spec/keys.md section 9. */
import { base64urlnopad } from '@scure/base';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { constantTimeEqual } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { sizes } from '../wire/registry.ts';

/** 12 words of 11 bits, 8 groups of 5 digits: 132 bits each, against whoever searches for a second key. */
const wordCount = 12;
const wordBits = 11n;
const groups = 8;
const groupDigits = 5;

/** Twelve words for the first 132 bits of a fingerprint (32 bytes). They are no recovery phrase: nothing is secret in them. */
export function fingerprintWords(fingerprint: Uint8Array): string {
  let bits = fingerprint.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  bits >>= BigInt(fingerprint.length * 8) - wordBits * BigInt(wordCount);
  const words: string[] = [];
  for (let n = 0; n < wordCount; n++) {
    words.unshift(wordlist[Number(bits & 0x7ffn)] ?? '');
    bits >>= wordBits;
  }
  return words.join(' ');
}

/** Eight groups of five digits, each of four bytes of a fingerprint (32 bytes). */
export function fingerprintDigits(fingerprint: Uint8Array): string {
  const view = new DataView(fingerprint.buffer, fingerprint.byteOffset, fingerprint.byteLength);
  return Array.from({ length: groups }, (_, group) =>
    String(view.getUint32(group * 4) % 10 ** groupDigits).padStart(groupDigits, '0'),
  ).join(' ');
}

/** What somebody typed as a fingerprint: all of it, or a form that stands for 132 bits of it. */
export type TypedFingerprint =
  | { readonly form: 'whole'; readonly fingerprint: Uint8Array }
  | { readonly form: 'words' | 'digits'; readonly text: string };

/**
 * Reads any form, in upper or lower case, with any spaces (digits also with hyphens or none at all), `id:` in front of base64url or
 * not. Throws `usage` for what is none, words of other lists and wrong numbers of them included.
 */
export function readFingerprint(typed: string): TypedFingerprint {
  const text = typed.trim();
  const digits = text.replace(/[\s-]/g, '');
  if (/^\d+$/.test(digits) && digits.length === groups * groupDigits)
    return { form: 'digits', text: digits.replace(/\d{5}(?=\d)/g, '$& ') };
  const words = text.toLowerCase().split(/\s+/);
  if (words.length === wordCount && words.every((word) => wordlist.includes(word)))
    return { form: 'words', text: words.join(' ') };
  const fingerprint = wholeOf(text.replace(/^id:/, ''));
  if (fingerprint !== undefined) return { form: 'whole', fingerprint };
  throw new BeckonError('usage', 'a fingerprint is 43 characters of base64url, 12 words or 40 digits');
}

function wholeOf(text: string): Uint8Array | undefined {
  try {
    const bytes = base64urlnopad.decode(text);
    return bytes.length === sizes.hash ? bytes : undefined;
  } catch {
    return undefined;
  }
}

/** Whether what was typed is a fingerprint, in constant time. */
export function isFingerprint(typed: TypedFingerprint, fingerprint: Uint8Array): boolean {
  if (typed.form === 'whole') return constantTimeEqual(typed.fingerprint, fingerprint);
  const expected = typed.form === 'words' ? fingerprintWords(fingerprint) : fingerprintDigits(fingerprint);
  const encoder = new TextEncoder();
  const [a, b] = [encoder.encode(typed.text), encoder.encode(expected)];
  return constantTimeEqual(a, b);
}
