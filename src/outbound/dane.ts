/** DANE for SMTP (RFC 7672): whether a server's certificates are what its TLSA records say. Pure but for the parsing of certificates. */
import { createHash, timingSafeEqual, type X509Certificate } from 'node:crypto';
import type { TlsaAnswer } from '../dns/resolver.ts';

/** Certificate usages that count for SMTP (RFC 7672 section 3.1); the two PKIX ones do not. */
const trustAnchor = 2;
const endEntity = 3;
const digests: readonly (string | null)[] = [null, 'sha256', 'sha512'];
const maxChain = 10;

/** The records that can be used. Where there are records and none can, TLS is demanded, and nobody is authenticated. */
export function usableTlsa(records: readonly TlsaAnswer[]): readonly TlsaAnswer[] {
  return records.filter(
    ({ usage, selector, matchingType, data }) =>
      (usage === trustAnchor || usage === endEntity) &&
      (selector === 0 || selector === 1) &&
      matchingType < digests.length &&
      data.length > 0,
  );
}

/**
 * Whether one of the records stands for what the server showed. A record of the server's own certificate needs neither name nor
 * date; one of an authority needs a chain of signatures up to it, dates, and one of `names` in the certificate.
 * @param leaf as `TLSSocket.getPeerX509Certificate` gives it, the chain behind it
 */
export function matchesDane(
  leaf: X509Certificate,
  records: readonly TlsaAnswer[],
  names: readonly string[],
  now: Date,
): boolean {
  const usable = usableTlsa(records);
  if (usable.some((record) => record.usage === endEntity && stands(record, leaf))) return true;
  const anchors = usable.filter(({ usage }) => usage === trustAnchor);
  if (anchors.length === 0 || !names.some((name) => leaf.checkHost(name) !== undefined)) return false;
  const chain = signedChain(leaf, now);
  // The anchor signed something: the server's own certificate is none.
  return chain.slice(1).some((certificate) => anchors.some((record) => stands(record, certificate)));
}

/** From the server's certificate upwards, as far as each was signed by the next and is in force. */
function signedChain(leaf: X509Certificate, now: Date): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let next: X509Certificate | undefined = leaf; next && chain.length < maxChain; next = issuerOf(next)) {
    if (now < next.validFromDate || now > next.validToDate) break;
    chain.push(next);
    if (issuerOf(next) === next) break;
  }
  return chain;
}

function issuerOf(certificate: X509Certificate): X509Certificate | undefined {
  const issuer = certificate.issuerCertificate;
  if (issuer === undefined || !issuer.ca) return undefined;
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey) ? issuer : undefined;
}

function stands({ selector, matchingType, data }: TlsaAnswer, certificate: X509Certificate): boolean {
  const bytes =
    selector === 0 ? certificate.raw : certificate.publicKey.export({ type: 'spki', format: 'der' });
  const digest = digests[matchingType];
  const shown = digest ? createHash(digest).update(bytes).digest() : bytes;
  return shown.length === data.length && timingSafeEqual(shown, data);
}
