/** account.md section 3 and the HTTPS requests beneath fetch.md and account.md. */
import { createHash } from 'node:crypto';
import { request } from 'node:https';
import type { Bytes } from './cbor.ts';
import { base64url, plain } from './cbor.ts';
import { ed25519Public, signBytes } from './primitives.ts';

export const root = '/.well-known/beckon/';

/** @returns the header fields that sign a request */
export function signRequest(
  method: string,
  domain: string,
  target: string,
  body: Uint8Array | null,
  seed: Uint8Array,
  now: number,
  conditions: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const [path = '', query = ''] = target.split('?');
  const digest = body && `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
  const named = [...(digest ? ['content-digest'] : []), ...Object.keys(conditions)];
  const names = ['@method', '@authority', '@path', '@query', ...named];
  const keyid = base64url(ed25519Public(seed));
  const list = names.map((name) => `"${name}"`).join(' ');
  const parameters = `(${list});created=${now};keyid="${keyid}";alg="ed25519";tag="beckon/1 account"`;
  const base = [
    `"@method": ${method}`,
    `"@authority": beckon.${domain}`,
    `"@path": ${path}`,
    `"@query": ?${query}`,
    ...(digest ? [`"content-digest": ${digest}`] : []),
    ...Object.entries(conditions).map(([name, value]) => `"${name}": ${value}`),
    `"@signature-params": ${parameters}`,
  ].join('\n');
  const signature = Buffer.from(signBytes(seed, Buffer.from(base))).toString('base64');
  return {
    'signature-input': `beckon=${parameters}`,
    signature: `beckon=:${signature}:`,
    ...(digest ? { 'content-digest': digest } : {}),
  };
}

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly etag: string | undefined;
  readonly body: Bytes;
}

export type Send = (
  method: string,
  domain: string,
  target: string,
  body?: Uint8Array | null,
  headers?: Readonly<Record<string, string>>,
) => Promise<Answer>;

/** Requests over TLS 1.3 to the port on loopback where a domain is. */
export function createSend(ca: string, portOf: (domain: string) => number): Send {
  return async (method, domain, target, body = null, headers = {}) => {
    const name = `beckon.${domain}`;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const outgoing = request(
      {
        host: '127.0.0.1',
        port: portOf(domain),
        servername: name,
        minVersion: 'TLSv1.3',
        ca,
        agent: false,
        method,
        path: target,
        headers: { host: name, ...(body && { 'content-length': String(body.length) }), ...headers },
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (part: Buffer) => chunks.push(part));
        incoming.on('error', reject);
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            type: incoming.headers['content-type'] ?? '',
            etag: incoming.headers.etag,
            body: plain(Buffer.concat(chunks)),
          }),
        );
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body ?? undefined);
    return promise;
  };
}
