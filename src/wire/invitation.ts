/** Invitations, wire-spec/account.md section 2: what a hoster hands to a new user. */
import { base64urlnopad } from '@scure/base';
import { BeckonError } from '../errors.ts';
import { canonicalLocal } from './address.ts';
import { domainName, hash } from './items.ts';
import { bytes, decode, encode, field, record, text, type ValueOf } from './schema.ts';

export const invitation = record('invitation', {
  domain: field(1, domainName),
  local: field(2, text(64)),
  token: field(3, bytes(16)),
  fingerprint: field(4, hash),
});
export type Invitation = ValueOf<typeof invitation>;

const prefix = 'beckon-invitation:';

/** One word that can be copied and pasted. */
export function formatInvitation(value: Invitation): string {
  return prefix + base64urlnopad.encode(encode(invitation, value));
}

/** Throws `invitation_invalid` for anything that `formatInvitation` does not write. */
export function parseInvitation(typed: string): Invitation {
  try {
    const word = typed.trim();
    if (!word.startsWith(prefix) || word.length > 1024) throw new Error('not an invitation');
    const value = decode(invitation, base64urlnopad.decode(word.slice(prefix.length)));
    if (canonicalLocal(value.local) !== value.local) throw new Error('not a canonical local part');
    return value;
  } catch (cause) {
    throw new BeckonError('invitation_invalid', 'this is not an invitation, or a part of it is missing', {
      cause,
    });
  }
}
