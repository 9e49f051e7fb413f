/** Requests that no client of ours would make, over the real network. */
import { base64urlnopad } from '@scure/base';
import { createSecretsStore } from '../../src/client/secrets.ts';
import type { KeyPair } from '../../src/keys/key-pair.ts';
import { signRequest } from '../../src/message/http-signature.ts';
import type { HttpsRequest } from '../../src/outbound/https.ts';
import { mediaTypes, publicPath } from '../../src/wire/registry.ts';
import { problem } from '../../src/wire/collect.ts';
import { decode } from '../../src/wire/schema.ts';
import { memoryCache } from '../support/directory-cache.ts';
import { connect, type Files } from './person.ts';
import type { Town } from './town.ts';

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly bytes: Uint8Array;
  /** The code of a problem in either form; undefined for what is none. */
  readonly code: string | undefined;
  /** Of a JSON body. */
  json(): unknown;
}

export interface Call {
  readonly method?: HttpsRequest['method'];
  /** Signs the request. */
  readonly device?: KeyPair;
  readonly body?: Uint8Array | object;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Caller {
  /** `path` stands below the public path. */
  call(domain: string, path: string, call?: Call): Promise<Answer>;
  readonly network: ReturnType<typeof connect>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Somebody who knows the protocol and does as they like. */
export function openCaller(town: Town): Caller {
  const network = connect(memoryCache(), town.clock, town.surroundings);
  return {
    network,
    async call(domain, path, { method, device, body, type, headers = {} } = {}) {
      const peer = await network.domains.domain(domain);
      if (peer.kind !== 'native') throw new Error(`${domain} is ${peer.kind}`);
      const target = publicPath + path;
      const bytes = body === undefined || body instanceof Uint8Array ? body : json(body);
      const verb = method ?? (bytes === undefined ? 'GET' : 'POST');
      const signature =
        device === undefined
          ? {}
          : signRequest({ method: verb, domain, target, body: bytes }, device, town.clock.seconds());
      const usual = body instanceof Uint8Array ? mediaTypes.beckon : 'application/json';
      const answer = await network.https.request({
        domain,
        targets: peer.targets,
        method: verb,
        path: target,
        maxBytes: 8 * 1024 * 1024,
        headers: {
          ...signature,
          ...(bytes === undefined ? {} : { 'content-type': type ?? usual }),
          ...headers,
        },
        ...(bytes === undefined ? {} : { body: bytes }),
      });
      return describe(answer.status, answer.headers['content-type'] ?? '', answer.body);
    },
    [Symbol.asyncDispose]: () => network.close(),
  };
}

function describe(status: number, type: string, bytes: Uint8Array): Answer {
  const read = (): unknown => JSON.parse(new TextDecoder().decode(bytes));
  const code = (): string | undefined => {
    if (status < 400) return undefined;
    if (type.startsWith(mediaTypes.beckon)) return decode(problem, bytes).code;
    return type.startsWith('application/problem+json') ? (read() as { code: string }).code : undefined;
  };
  return { status, type, bytes, code: code(), json: read };
}

function json(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** The key with which somebody's device signs. */
export async function deviceOf({ secrets }: Pick<Files, 'secrets'>): Promise<KeyPair> {
  const loaded = await createSecretsStore(secrets).load();
  if (loaded === undefined) throw new Error('nobody enrolled');
  return loaded.device;
}

export const b64 = base64urlnopad.encode;
