/** A domain's DKIM key (RFC 6376): what signs the mail of its users, and how it stands in DNS. wire-spec/bridges.md section 3. */
import { base64 } from '@scure/base';
import { Secret } from '../crypto/secret.ts';
import { objectFromJson, textFromJson, timeFromJson } from './key-file.ts';

/** What stands in DNS of a key. */
export interface DkimPublished {
  /** The key's name in DNS: `<selector>._domainkey.<domain>`. */
  readonly selector: string;
  /** The value of the TXT record. */
  readonly txt: string;
}

export interface DkimKey extends DkimPublished {
  /** PKCS 8 as PEM text. */
  readonly privateKey: Secret;
}

/** A key that signs no more: its private half is gone, and its record is to stay until a time, unix seconds. */
export interface DkimBefore extends DkimPublished {
  readonly until: number;
}

/** Secret. */
export interface DkimKeyJson {
  readonly selector: string;
  readonly privateKey: string;
  readonly txt: string;
}

/** What receivers verify everywhere; Ed25519 (RFC 8463) is not. */
const algorithm = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 2048,
  publicExponent: Uint8Array.of(1, 0, 1),
} as const;

/** The first key of every domain. */
export const dkimSelector = 'beckon1';

export async function createDkimKey(selector: string = dkimSelector): Promise<DkimKey> {
  const { privateKey, publicKey } = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey('pkcs8', privateKey));
  const spki = new Uint8Array(await crypto.subtle.exportKey('spki', publicKey));
  const lines = base64.encode(pkcs8).match(/.{1,64}/g) ?? [];
  pkcs8.fill(0);
  const pem = `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
  return {
    selector,
    privateKey: new Secret(new TextEncoder().encode(pem)),
    txt: `v=DKIM1; k=rsa; p=${base64.encode(spki)}`,
  };
}

/** Where the key stands in DNS. */
export function dkimName({ selector }: Pick<DkimKey, 'selector'>, domain: string): string {
  return `${selector}._domainkey.${domain}`;
}

export function dkimToJson({ selector, privateKey, txt }: DkimKey): DkimKeyJson {
  return { selector, privateKey: new TextDecoder().decode(privateKey.expose()), txt };
}

/** Throws `state_invalid`. */
export function dkimFromJson(value: unknown): DkimKey {
  const fields = objectFromJson(value, ['selector', 'privateKey', 'txt']);
  return {
    selector: textFromJson(fields['selector']),
    privateKey: new Secret(new TextEncoder().encode(textFromJson(fields['privateKey']))),
    txt: textFromJson(fields['txt']),
  };
}

/** Throws `state_invalid`. */
export function dkimBeforeFromJson(value: unknown): DkimBefore {
  const { selector, txt, until } = objectFromJson(value, ['selector', 'txt', 'until']);
  return { selector: textFromJson(selector), txt: textFromJson(txt), until: timeFromJson(until) };
}
