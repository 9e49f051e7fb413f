/** A domain's DKIM key: made, kept as text, and as it stands in DNS (RFC 6376 section 3.6.1). */
import { base64 } from '@scure/base';
import type { DkimKey } from './dkim.ts';

/** What receivers verify everywhere; Ed25519 (RFC 8463) is not. */
const algorithm = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 2048,
  publicExponent: Uint8Array.of(1, 0, 1),
} as const;

export interface NewDkimKey extends DkimKey {
  /** The value of the TXT record. */
  readonly txt: string;
}

export async function createDkimKey(selector: string): Promise<NewDkimKey> {
  const { privateKey, publicKey } = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey('pkcs8', privateKey));
  const spki = new Uint8Array(await crypto.subtle.exportKey('spki', publicKey));
  const lines = base64.encode(pkcs8).match(/.{1,64}/g) ?? [];
  return {
    selector,
    privateKey: `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`,
    txt: `v=DKIM1; k=rsa; p=${base64.encode(spki)}`,
  };
}

/** Where the key stands in DNS. */
export function dkimName(selector: string, domain: string): string {
  return `${selector}._domainkey.${domain}`;
}
