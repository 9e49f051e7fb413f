/**
 * Texts encrypted under a passphrase, for what lies on a disk: one JSON object whose header names the version and what the
 * derivation costs.
 *
 *     {"format": "beckon-sealed-1", "memory": KiB, "passes": n, "salt": ..., "nonce": ..., "text": ...}
 *
 * The key is Argon2id(passphrase, salt), the cipher XChaCha20-Poly1305 with the header as associated data; bytes are base64url.
 * The header comes from the file: both costs have caps, so that a planted file cannot make whoever opens it run out of memory.
 */
import { argon2id } from '#primitives';
import { base64urlnopad } from '@scure/base';
import { BeckonError } from '../errors.ts';
import { XCHACHA_NONCE_LENGTH, xchachaOpen, xchachaSeal } from './aead.ts';
import type { Random } from './random.ts';
import { Secret } from './secret.ts';

const format = 'beckon-sealed-1';
const saltLength = 16;
const keyLength = 32;
/** Of a passphrase, in bytes of its UTF-8. */
const maxPassphrase = 4096;

/** What one derivation costs: KiB of memory, and how often it is gone through. */
export interface SealCost {
  readonly memory: number;
  readonly passes: number;
}

/** 64 MiB three times (RFC 9106, section 4, second choice): a quarter of a second. */
export const usualSealCost: SealCost = { memory: 64 * 1024, passes: 3 };
const leastCost: SealCost = { memory: 8, passes: 1 };
const mostCost: SealCost = { memory: 1024 * 1024, passes: 16 };

interface Header extends SealCost {
  readonly salt: Uint8Array;
}

/** Seals and opens many texts under one passphrase for the price of one derivation: texts that it seals share a salt. */
export interface TextSealer {
  seal(text: string): Promise<string>;
  /** Throws as `openText`. */
  open(sealed: string): Promise<string>;
}

/**
 * Encrypts a text under a passphrase. Throws `key_invalid` for an empty passphrase, or one longer than 4096 bytes.
 * `random` is asked for a salt (16 bytes) and a nonce (24).
 */
export async function sealText(
  text: string,
  passphrase: string,
  random: Random,
  cost: SealCost = usualSealCost,
): Promise<string> {
  return await createTextSealer(passphrase, random, cost).seal(text);
}

/**
 * The text that `sealText` encrypted. Throws `open_failed` for another passphrase or a changed text, `state_invalid` for what
 * is no sealed text or asks for more work than anyone should do, `key_invalid` for no passphrase.
 */
export async function openText(sealed: string, passphrase: string): Promise<string> {
  return await open(sealed, (header) => derive(passphrase, header));
}

/** Whether a text says of itself that it is sealed: it may still be damaged. */
export function isSealedText(text: string): boolean {
  return parse(text)?.['format'] === format;
}

/** As `sealText` and `openText`, for many texts. Keys are remembered by salt: of the first text opened, or a fresh one. */
export function createTextSealer(
  passphrase: string,
  random: Random,
  cost: SealCost = usualSealCost,
): TextSealer {
  const known = new Map<string, Promise<Secret>>();
  let sealing: Header | undefined;

  function keyOf(header: Header): Promise<Secret> {
    const name = nameOf(header);
    const key = known.get(name) ?? derive(passphrase, header);
    known.set(name, key);
    return key;
  }

  return {
    async seal(text) {
      sealing ??= { ...cost, salt: random(saltLength) };
      const header = sealing;
      const key = await keyOf(header);
      const nonce = random(XCHACHA_NONCE_LENGTH);
      const sealed = xchachaSeal(key.expose(), nonce, associated(header), new TextEncoder().encode(text));
      return `${JSON.stringify({
        format,
        memory: header.memory,
        passes: header.passes,
        salt: base64urlnopad.encode(header.salt),
        nonce: base64urlnopad.encode(nonce),
        text: base64urlnopad.encode(sealed),
      })}\n`;
    },
    async open(sealed) {
      const text = await open(sealed, keyOf);
      const { header } = readSealed(sealed);
      // Once it opened, for anybody may have put it there; and only where it is not cheaper than what was asked for.
      if (header.memory >= cost.memory && header.passes >= cost.passes) sealing ??= header;
      return text;
    },
  };
}

async function open(sealed: string, keyOf: (header: Header) => Promise<Secret>): Promise<string> {
  const { header, nonce, ciphertext } = readSealed(sealed);
  const key = await keyOf(header);
  let plain: Uint8Array;
  try {
    plain = xchachaOpen(key.expose(), nonce, associated(header), ciphertext);
  } catch (cause) {
    throw new BeckonError('open_failed', 'the passphrase does not open it', { cause });
  }
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(plain);
}

async function derive(passphrase: string, { memory, passes, salt }: Header): Promise<Secret> {
  const password = new TextEncoder().encode(passphrase.normalize('NFC'));
  if (password.length === 0 || password.length > maxPassphrase)
    throw new BeckonError('key_invalid', `a passphrase has 1 to ${maxPassphrase} bytes`);
  try {
    return new Secret(await argon2id(password, salt, { memory, passes }, keyLength));
  } finally {
    password.fill(0);
  }
}

interface Sealed {
  readonly header: Header;
  readonly nonce: Uint8Array;
  readonly ciphertext: Uint8Array;
}

function readSealed(text: string): Sealed {
  const fields = parse(text);
  if (fields?.['format'] !== format || Object.keys(fields).length !== 6) throw damaged();
  const header = {
    memory: costOf(fields['memory'], leastCost.memory, mostCost.memory),
    passes: costOf(fields['passes'], leastCost.passes, mostCost.passes),
    salt: bytesOf(fields['salt'], saltLength),
  };
  return {
    header,
    nonce: bytesOf(fields['nonce'], XCHACHA_NONCE_LENGTH),
    ciphertext: bytesOf(fields['text']),
  };
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function costOf(value: unknown, least: number, most: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) throw damaged();
  return value;
}

function bytesOf(value: unknown, length?: number): Uint8Array {
  try {
    const bytes = base64urlnopad.decode(value as string);
    if (length === undefined || bytes.length === length) return bytes;
  } catch {
    // said below: the cause would quote what it was given
  }
  throw damaged();
}

function damaged(): BeckonError {
  return new BeckonError('state_invalid', 'the encrypted text is damaged');
}

function nameOf({ memory, passes, salt }: Header): string {
  return [format, memory, passes, base64urlnopad.encode(salt)].join(' ');
}

function associated(header: Header): Uint8Array {
  return new TextEncoder().encode(nameOf(header));
}
