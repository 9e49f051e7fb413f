/** Contexts: what every signature, seal and derivation is bound to, wire-spec/README.md section 5. */
import { createOutput, finish, writeArrayHead, writeBytes, writeText, writeUint } from './cbor.ts';
import type { Purpose } from './registry.ts';

export type ContextPart = string | number | Uint8Array;

/**
 * The deterministic CBOR array `["beckon/1 <purpose>", ...parts]`: text, unsigned integers and byte strings only.
 * It names the receiving domain where there is one.
 */
export function context(purpose: Purpose, ...parts: readonly ContextPart[]): Uint8Array {
  const [only] = parts;
  return parts.length === 1 && typeof only === 'string'
    ? ofDomain(purpose, only)
    : encodeContext(purpose, parts);
}

/** Contexts of a purpose and a domain alone: the same few for every notification. They are shared: nobody writes to one. */
const known = new Map<string, Uint8Array>();
const maxKnown = 1000;

function ofDomain(purpose: Purpose, domain: string): Uint8Array {
  const name = `${purpose} ${domain}`;
  const remembered = known.get(name);
  if (remembered !== undefined) return remembered;
  const encoded = encodeContext(purpose, [domain]);
  if (known.size >= maxKnown) known.clear();
  known.set(name, encoded);
  return encoded;
}

function encodeContext(purpose: Purpose, parts: readonly ContextPart[]): Uint8Array {
  const output = createOutput(64);
  writeArrayHead(output, 1 + parts.length);
  writeText(output, `beckon/1 ${purpose}`);
  for (const part of parts) {
    if (typeof part === 'string') writeText(output, part);
    else if (typeof part === 'number') writeUint(output, part);
    else writeBytes(output, part);
  }
  return finish(output);
}
