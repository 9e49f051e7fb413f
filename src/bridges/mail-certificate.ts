/** The certificate by which clients of mail know this machine: that of its own name, or the one for all names. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { BeckonError } from '../errors.ts';

export interface MailCertificateFiles {
  /** `HOST/fullchain.pem` and `HOST/privkey.pem` in it. */
  readonly directory: string | null;
  readonly certificate: string | null;
  readonly key: string | null;
}

/** PEM. */
export interface MailCertificate {
  readonly cert: string;
  readonly key: string;
}

/** Undefined where there is none for this name. Throws `tls_failed`, naming the file, for one that cannot be used. */
export async function loadMailCertificate(
  { directory, certificate, key }: MailCertificateFiles,
  host: string,
): Promise<MailCertificate | undefined> {
  const own =
    directory === null
      ? undefined
      : await readPair(join(directory, host, 'fullchain.pem'), join(directory, host, 'privkey.pem'));
  if (own !== undefined || certificate === null || key === null) return own;
  const given = await readPair(certificate, key);
  if (given === undefined) throw failed(certificate, 'ENOENT');
  return given;
}

async function readPair(certificate: string, key: string): Promise<MailCertificate | undefined> {
  const cert = await readPem(certificate);
  if (cert === undefined) return undefined;
  const secret = await readPem(key);
  if (secret === undefined) throw failed(key, 'ENOENT');
  try {
    createSecureContext({ cert, key: secret });
  } catch (cause) {
    throw failed(certificate, (cause as NodeJS.ErrnoException).code);
  }
  return { cert, key: secret };
}

async function readPem(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw failed(file, code);
  }
}

function failed(file: string, reason: string | undefined): BeckonError {
  return new BeckonError('tls_failed', `${file}: cannot be used (${reason ?? 'broken'})`);
}
