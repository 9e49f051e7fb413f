/** Mail that leaves over SMTP, as a client hands it to its domain: wire-spec/bridges.md section 3. */
import { BeckonError } from '../errors.ts';
import { parseAddress } from './address.ts';
import { checkDomain } from './domain-name.ts';
import { addressText, hash, length, time } from './items.ts';
import { counts } from './registry.ts';
import { bytes, field, list, record, text, uint, type ValueOf } from './schema.ts';

/** Who takes mail: the atoms of discovery.md section 1 with a tag among them, and nothing that SMTP or a header would take for its own. */
const atom = "(?:(?![<>])[\\p{L}\\p{M}\\p{N}\\p{S}!#%&'*\\/?_{}\\-])+";
const localForm = new RegExp(`^${atom}(?:\\.${atom})*$`, 'u');
/** Of the local part, tag included, in bytes: RFC 5321 section 4.5.3.1.1. */
const maxLocal = 64;
const maxMailAddress = 305;

function invalid(): BeckonError {
  return new BeckonError('address_invalid', 'no mail can be sent to such an address');
}

/** Throws `address_invalid` or `domain_invalid` unless mail may go to this address as it stands. */
export function checkMailAddress(value: string): void {
  const at = value.lastIndexOf('@');
  const local = value.slice(0, Math.max(at, 0));
  if (!localForm.test(local) || /[<>]/.test(local) || new TextEncoder().encode(local).length > maxLocal)
    throw invalid();
  if (local.normalize('NFC') !== local) throw invalid();
  checkDomain(value.slice(at + 1));
  parseAddress(value);
}

/**
 * The address of somebody who takes mail, as a person typed it: the local part as it is, with its tag, the domain canonical. Throws
 * `address_invalid`, `domain_invalid`.
 */
export function mailAddressOf(typed: string): string {
  const { domain } = parseAddress(typed).address;
  const address = `${typed.slice(0, typed.lastIndexOf('@')).normalize('NFC')}@${domain}`;
  checkMailAddress(address);
  return address;
}

/** What the sender wants to be told, bits of *notify*. */
export const mailNotify = { success: 1, delay: 2, failure: 4 } as const;

const mailRecipient = text(maxMailAddress, 3, checkMailAddress);

export const mailSubmission = record('mail-submission', {
  contentKey: field(1, bytes(32)),
  reversePath: field(2, addressText),
  recipients: field(3, list(mailRecipient, { max: counts.mailRecipients, min: 1 })),
  plaintextHash: field(4, hash),
  plaintextLength: field(5, length),
  created: field(6, time),
  notify: field(7, uint(255)),
});
export type MailSubmission = ValueOf<typeof mailSubmission>;
