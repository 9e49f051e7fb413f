/** Reading requests: text forms of binary values, and what a signature covers. */
import type { FastifyRequest } from 'fastify';
import type { BodyDigests, Conditions, SignatureFields, SignedRequest } from './signed-request.ts';

/**
 * Bytes from base64url without padding; undefined where it is not that, or not of `min` to `max` bytes. Nothing is thrown on the way:
 * that takes time, by which a malformed id could be told from others.
 */
export function bytesOf(text: unknown, min: number, max = min): Uint8Array | undefined {
  if (typeof text !== 'string' || text.length > Math.ceil((max * 4) / 3)) return undefined;
  const bytes = new Uint8Array(Buffer.from(text, 'base64url'));
  const isCanonical = textOf(bytes) === text;
  return isCanonical && bytes.length >= min && bytes.length <= max ? bytes : undefined;
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url');
}

/** What the verifier needs. Throws `unauthorized` for a digest that is not one. */
export function gatherSigned(request: FastifyRequest, domain: string, digests: BodyDigests): SignedRequest {
  const fields: SignatureFields = headersOf(request, ['signature-input', 'signature', 'content-digest']);
  const conditions: Conditions = headersOf(request, ['if-match', 'if-none-match']);
  return {
    method: request.method,
    domain,
    target: request.raw.url ?? '',
    ...(fields['content-digest'] === undefined ? {} : { body: { sha256: digests.claimed(fields) } }),
    ...(Object.keys(conditions).length === 0 ? {} : { conditions }),
    signature: fields,
  };
}

function headersOf(request: FastifyRequest, names: readonly string[]): Readonly<Record<string, string>> {
  const given = names.map((name) => [name, request.headers[name]] as const);
  return Object.fromEntries(given.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}
