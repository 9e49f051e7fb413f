/** What DNS and keys are not enough for: the certificate of a domain. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { authorityOf } from '../wire/domain-name.ts';

/** One line; none where the certificate is there, or where the daemon does not look for one of this domain. */
export async function certificateLines({ tls }: Config, domain: string): Promise<string[]> {
  if (tls.mode !== 'files' || tls.directory === null || tls.certificate !== null) return [];
  const name = authorityOf(domain);
  const folder = join(tls.directory, name);
  const found = await stat(join(folder, 'fullchain.pem')).catch(() => undefined);
  return found === undefined
    ? [`get a certificate for ${name} into ${folder} (fullchain.pem, privkey.pem)`]
    : [];
}
