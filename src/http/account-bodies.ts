/** Bodies of signed requests: what arrives must be what the signature covers, wire-spec/account.md section 3. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { BeckonError } from '../errors.ts';
import { maxPart } from './account-uploads.ts';
import type { UploadPart } from './account-handlers.ts';
import type { BodyDigests, SignedRequest } from './signed-request.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Reads JSON whole and parts as a stream; `signedOf` gives what was gathered before the body arrived. */
export function addBodies(
  scope: FastifyInstance,
  digests: BodyDigests,
  signedOf: (request: FastifyRequest) => SignedRequest,
): void {
  const arrived = new WeakSet<FastifyRequest>();
  const parseJson = scope.getDefaultJsonParser('error', 'error');
  scope.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (body.length === 0) {
      done(null, undefined);
      return;
    }
    arrived.add(request);
    try {
      checkDigest(signedOf(request), digestOf(body, digests));
      void parseJson(request, utf8.decode(body), done);
    } catch (error) {
      const refused =
        error instanceof BeckonError ? error : new BeckonError('request_invalid', 'the body is not UTF-8');
      done(refused);
    }
  });
  scope.addContentTypeParser('application/octet-stream', (request, stream, done) => {
    arrived.add(request);
    done(null, stream);
  });
  scope.addHook('preValidation', (request, _reply, done) => {
    const claimed = request.is404 || arrived.has(request) ? undefined : signedOf(request).body;
    if (claimed === undefined || same(claimed.sha256, digestOf(new Uint8Array(), digests))) done();
    else done(notWhatWasSigned());
  });
}

function digestOf(bytes: Uint8Array, digests: BodyDigests): Uint8Array {
  const hash = digests.createSha256();
  hash.update(bytes);
  return hash.digest();
}

function checkDigest(signed: SignedRequest, digest: Uint8Array): void {
  if (signed.body === undefined || !same(signed.body.sha256, digest)) throw notWhatWasSigned();
}

/** Not in constant time: both sides are known to who asks. */
function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

function notWhatWasSigned(): BeckonError {
  return new BeckonError('unauthorized', 'the body is not the one that was signed');
}

/** The part that a request brings. Throws `request_invalid` without a length, `too_large`, `unauthorized`. */
export function partOf(
  request: FastifyRequest,
  offset: number,
  signed: SignedRequest,
  digests: BodyDigests,
  arrived: () => Promise<void>,
): UploadPart {
  return { offset, ...octetsOf(request, maxPart, signed, digests, arrived) };
}

export interface Octets {
  readonly length: number;
  /** SHA-256, as signed. */
  readonly hash: Uint8Array;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** A body that is streamed; `arrived` is asked at its end, before it counts. Throws `request_invalid` without a length, `too_large`, `unauthorized`. */
export function octetsOf(
  request: FastifyRequest,
  max: number,
  signed: SignedRequest,
  digests: BodyDigests,
  arrived: () => Promise<void>,
): Octets {
  const length = Number(request.headers['content-length']);
  if (!Number.isSafeInteger(length) || length < 1)
    throw new BeckonError('request_invalid', 'the body has a content-length and at least one byte');
  if (length > max) throw new BeckonError('too_large', `the body has at most ${max / 2 ** 20} MiB`);
  if (signed.body === undefined || !(request.body instanceof Readable)) throw notWhatWasSigned();
  const bytes = checkedBytes(request.body, length, signed, digests, arrived);
  return { length, hash: signed.body.sha256, bytes };
}

async function* checkedBytes(
  stream: Readable,
  length: number,
  signed: SignedRequest,
  digests: BodyDigests,
  arrived: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  const hash = digests.createSha256();
  let received = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      received += chunk.length;
      if (received > length) throw new BeckonError('request_invalid', 'the part is longer than announced');
      hash.update(chunk);
      yield chunk;
    }
  } catch (cause) {
    if (cause instanceof BeckonError) throw cause;
    throw new BeckonError('request_invalid', 'the part ended early', { cause });
  }
  if (received < length) throw new BeckonError('request_invalid', 'the part ended early');
  checkDigest(signed, hash.digest());
  await arrived();
}
