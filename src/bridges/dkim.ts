/** DKIM (RFC 6376): a domain signs the mail that its users send. wire-spec/bridges.md section 3. */
import { Readable } from 'node:stream';
import { dkimSign } from 'mailauth/lib/dkim/sign.js';
import type { Clock } from '../clock.ts';
import type { DkimKey } from '../keys/dkim-key.ts';

/** The header field with its CRLF, to be put on top; undefined for what has no header that could be signed. Reads the message once. */
export async function dkimField(
  message: AsyncIterable<Uint8Array>,
  { domain, key, clock }: { readonly domain: string; readonly key: DkimKey; readonly clock: Clock },
): Promise<Uint8Array | undefined> {
  const signer = {
    signingDomain: domain,
    selector: key.selector,
    privateKey: new TextDecoder().decode(key.privateKey.expose()),
  };
  const { signatures, errors } = await dkimSign(Readable.from(message, { objectMode: false }), {
    ...signer,
    // The library looks here alone, whatever its types say.
    signatureData: [signer],
    canonicalization: 'relaxed/relaxed',
    signTime: new Date(clock.seconds() * 1000),
    strict: true,
  });
  if (signatures === '' || errors.length > 0) return undefined;
  return new TextEncoder().encode(signatures);
}
