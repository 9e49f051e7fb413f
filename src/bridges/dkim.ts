/** DKIM (RFC 6376): a domain signs the mail that its users send. wire-spec/bridges.md section 3. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DkimSigner, type HeaderRow } from 'mailauth/lib/dkim/dkim-signer.js';
import type { Clock } from '../clock.ts';
import type { DkimKey } from '../keys/dkim-key.ts';

/** What readers show or go by, and take from the first field of its name: none can be put above ours (RFC 6376 sections 5.4.2 and 8.15). */
export const oversigned: readonly string[] = [
  'From',
  'Reply-To',
  'Subject',
  'To',
  'Cc',
  'MIME-Version',
  'Content-Type',
  'Content-Transfer-Encoding',
];

/** The same where they are there: servers on the way add them to a mail that has none (RFC 6409 section 8). */
export const oversignedIfThere: readonly string[] = ['Date', 'Message-ID'];

/** The header field with its CRLF, to be put on top; undefined for what has no header that could be signed. Reads the message once. */
export async function dkimField(
  message: AsyncIterable<Uint8Array>,
  { domain, key, clock }: { readonly domain: string; readonly key: DkimKey; readonly clock: Clock },
): Promise<Uint8Array | undefined> {
  const privateKey = new TextDecoder().decode(key.privateKey.expose());
  const signer = new DkimSigner({
    signatureData: [{ signingDomain: domain, selector: key.selector, privateKey }],
    canonicalization: 'relaxed/relaxed',
    signTime: new Date(clock.seconds() * 1000),
    strict: true,
  });
  const begin = signer.messageHeaders.bind(signer);
  signer.messageHeaders = async (headers) => {
    oversign(headers.parsed);
    await begin(headers);
  };
  await pipeline(Readable.from(message, { objectMode: false }), signer);
  const [field] = signer.signatureHeaders;
  if (field === undefined || signer.errors.length > 0) return undefined;
  return new TextEncoder().encode(`${field}\r\n`);
}

/**
 * The signer lists each field as often as it occurs, by the name that its row has. So the last one that it comes to of each kind, the topmost,
 * gets its name twice, and that of `From` the names of those that do not occur.
 */
function oversign(rows: readonly HeaderRow[]): void {
  const top = (name: string): HeaderRow | undefined => rows.find(({ key }) => key === name.toLowerCase());
  const from = top('From');
  for (const name of oversigned) {
    const row = top(name) ?? from;
    if (row !== undefined) addName(row, name);
  }
  for (const name of oversignedIfThere) {
    const row = top(name);
    if (row !== undefined) addName(row, name);
  }
}

function addName(row: HeaderRow, name: string): void {
  row.casedKey = `${row.casedKey ?? name}: ${name}`;
}
