/** A throwaway certificate authority, for the demo and the tests: nothing is kept, nothing is trusted but by who asks. */
import type { webcrypto } from 'node:crypto';
import 'reflect-metadata';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { X509Certificate } from '@peculiar/x509';

/** A private key (PKCS #8) and its certificate, both PEM. */
export interface IssuedCertificate {
  key: string;
  cert: string;
}

export interface ThrowawayAuthority {
  /** PEM, for whoever shall trust it. */
  readonly cert: string;
  /** A server certificate for these DNS names. */
  issue(names: readonly string[]): Promise<IssuedCertificate>;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 86_400_000;

/** A new authority and its key; it and all it issues are valid from yesterday for `days` days. */
export async function createThrowawayAuthority(days = 30): Promise<ThrowawayAuthority> {
  const keys = await newKeys();
  const validity = { notBefore: new Date(Date.now() - dayMs), notAfter: new Date(Date.now() + days * dayMs) };
  const authority = await X509CertificateGenerator.createSelfSigned({
    ...validity,
    // Names of their own: who trusts two of one name may try the wrong one only.
    name: `CN=Beckon throwaway authority ${crypto.randomUUID()}`,
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  return {
    cert: pem(authority),
    async issue(names) {
      const own = await newKeys();
      const certificate = await X509CertificateGenerator.create({
        ...validity,
        subject: 'CN=Beckon server',
        issuer: authority.subject,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: algorithm,
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
          new SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value }))),
        ],
      });
      const pkcs8 = await crypto.subtle.exportKey('pkcs8', own.privateKey);
      return { key: `${PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n`, cert: pem(certificate) };
    },
  };
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

function pem(certificate: X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}
