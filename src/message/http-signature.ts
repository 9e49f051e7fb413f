/**
 * Account requests signed by a device: HTTP Message Signatures (RFC 9421), wire-spec/account.md section 3.
 *
 * The one library for this needs Node's crypto and Buffer; what a fixed list of components takes is little, so the signature base is
 * built here, over a library for structured fields (RFC 9651). Tests hold it to that other library.
 */
import { base64urlnopad } from '@scure/base';
import { parseDictionary, serializeDictionary, serializeInnerList, type InnerList } from 'structured-headers';
import { sha256 } from '../crypto/kdf.ts';
import { constantTimeEqual, type Secret } from '../crypto/secret.ts';
import { ed25519Sign, ed25519Verify } from '../crypto/sign.ts';
import { BeckonError } from '../errors.ts';
import { authorityOf } from '../wire/domain-name.ts';
import { sizes, times } from '../wire/registry.ts';

const label = 'beckon';
const tag = 'beckon/1 account';
const algorithm = 'ed25519';
const bare = ['@method', '@authority', '@path', '@query'] as const;
const conditions = ['if-match', 'if-none-match'] as const;
const noParameters = new Map<string, never>();

/** The parts of a request that its signature covers. */
export interface SignedRequest {
  /** In upper case, as it is sent. */
  readonly method: string;
  /** The user's domain: the signed authority is `beckon.<domain>`. */
  readonly domain: string;
  /** As it is sent: the path in its percent-encoded form, a query behind `?`, if any. */
  readonly target: string;
  /** Absent where the request has no body. A body that is streamed is given by its SHA-256 (32 bytes). */
  readonly body?: Uint8Array | { readonly sha256: Uint8Array } | undefined;
  /** Fields that make the request depend on what is there: covered where the request has them. */
  readonly conditions?: Conditions | undefined;
}

/** As they are sent, in lower case. */
export type Conditions = { readonly [K in (typeof conditions)[number]]?: string };

/** Headers to send with a request; `Content-Digest` where there is a body. Names are in lower case. */
export interface SignatureHeaders {
  readonly 'signature-input': string;
  readonly signature: string;
  readonly 'content-digest'?: string;
}

/** Signs a request with a device's key pair. */
export function signRequest(
  request: SignedRequest,
  device: { readonly publicKey: Uint8Array; readonly secret: Secret },
  now: number,
): SignatureHeaders {
  const digest = request.body === undefined ? undefined : contentDigest(request.body);
  const input: InnerList = [
    componentsOf(request).map((name) => [name, noParameters]),
    new Map<string, string | number>([
      ['created', now],
      ['keyid', base64urlnopad.encode(device.publicKey)],
      ['alg', algorithm],
      ['tag', tag],
    ]),
  ];
  const signature = ed25519Sign(device.secret.expose(), signatureBase(request, input, digest));
  return {
    'signature-input': serializeDictionary(new Map([[label, input]])),
    signature: serializeDictionary(new Map([[label, [plainBytes(signature), noParameters]]])),
    ...(digest === undefined ? {} : { 'content-digest': digest }),
  };
}

/** What a signature covers, no more and no less. */
function componentsOf({ body, conditions: given = {} }: SignedRequest): readonly string[] {
  const digest = body === undefined ? [] : ['content-digest'];
  return [...bare, ...digest, ...conditions.filter((name) => given[name] !== undefined)];
}

/** The value of `Content-Digest` (RFC 9530) for a body. */
function contentDigest(body: NonNullable<SignedRequest['body']>): string {
  return serializeDictionary(new Map([['sha-256', [plainBytes(digestOf(body)), noParameters]]]));
}

function digestOf(body: NonNullable<SignedRequest['body']>): Uint8Array {
  return body instanceof Uint8Array ? sha256(body) : body.sha256;
}

/** The library writes any buffer source; the compiler wants to see that it is one. */
function plainBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

/** RFC 9421 section 2.5. */
function signatureBase(request: SignedRequest, input: InnerList, digest: string | undefined): Uint8Array {
  const query = request.target.indexOf('?');
  const path = query < 0 ? request.target : request.target.slice(0, query);
  const values: Readonly<Record<string, string | undefined>> = {
    '@method': request.method,
    '@authority': authorityOf(request.domain),
    '@path': path,
    '@query': query < 0 ? '?' : request.target.slice(query),
    'content-digest': digest,
    ...request.conditions,
  };
  const lines = input[0].map(([name]) => `"${String(name)}": ${values[String(name)]}`);
  lines.push(`"@signature-params": ${serializeInnerList(input)}`);
  return new TextEncoder().encode(lines.join('\n'));
}

/** The three headers as received, in lower case; a missing one is undefined. */
export type ReceivedSignature = { readonly [K in keyof SignatureHeaders]?: string | undefined };

/**
 * Verifies a signed request and gives the device's public key (32 bytes), which the caller looks up. Every failure is
 * `unauthorized`, and nothing more is said.
 */
export function verifyRequest(request: SignedRequest, received: ReceivedSignature, now: number): Uint8Array {
  try {
    return verified(request, received, now);
  } catch {
    throw new BeckonError('unauthorized', 'the request is not signed as it must be');
  }
}

function verified(request: SignedRequest, received: ReceivedSignature, now: number): Uint8Array {
  const input = member(received['signature-input']);
  const signature = member(received.signature);
  expect(isInnerList(input) && !isInnerList(signature));
  const [components, parameters] = input;
  const expected = componentsOf(request);
  const names = new Set(components.map(([name, own]) => (own.size === 0 ? name : undefined)));
  expect(components.length === expected.length && expected.every((name) => names.has(name)));
  checkParameters(parameters, now);
  const device = deviceOf(parameters.get('keyid'));
  const digest = request.body === undefined ? undefined : checkedDigest(request.body, received);
  const [value] = signature;
  expect(value instanceof ArrayBuffer);
  expect(ed25519Verify(device, signatureBase(request, input, digest), new Uint8Array(value)));
  return device;
}

function checkParameters(parameters: InnerList[1], now: number): void {
  const created = parameters.get('created');
  const expires = parameters.get('expires') ?? now;
  expect(typeof created === 'number' && Math.abs(now - created) <= times.clockSlack);
  expect(typeof expires === 'number' && expires + times.clockSlack >= now);
  expect(parameters.get('alg') === algorithm && parameters.get('tag') === tag);
}

type Member = ReturnType<typeof parseDictionary> extends Map<string, infer M> ? M : never;

/** Our member of a dictionary header; other signatures beside it are none of our business. */
function member(header: string | undefined): Member {
  expect(header !== undefined);
  const found = parseDictionary(header).get(label);
  expect(found !== undefined);
  return found;
}

function isInnerList(value: Member): value is InnerList {
  return Array.isArray(value[0]);
}

function deviceOf(keyid: unknown): Uint8Array {
  expect(typeof keyid === 'string');
  const device = base64urlnopad.decode(keyid);
  expect(device.length === sizes.ed25519Public);
  return device;
}

/** The header as received, which the signature covers, once its sha-256 is that of the body. */
function checkedDigest(body: NonNullable<SignedRequest['body']>, received: ReceivedSignature): string {
  const header = received['content-digest'];
  expect(header !== undefined && constantTimeEqual(digestIn(header), digestOf(body)));
  return header;
}

function digestIn(header: string): Uint8Array {
  const value = parseDictionary(header).get('sha-256')?.[0];
  expect(value instanceof ArrayBuffer && value.byteLength === sizes.hash);
  return new Uint8Array(value);
}

/**
 * The SHA-256 that a request's `Content-Digest` claims for its body: a server that streams verifies the request with it first, and
 * compares it once the body has passed. Throws `unauthorized`.
 */
export function claimedDigest(received: ReceivedSignature): Uint8Array {
  try {
    return digestIn(received['content-digest'] ?? '');
  } catch {
    throw new BeckonError('unauthorized', 'the request has no digest of its body');
  }
}

function expect(condition: boolean): asserts condition {
  if (!condition) throw new BeckonError('unauthorized', 'the request is not signed as it must be');
}
