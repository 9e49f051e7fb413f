/** What a bridge says of mail in its letters, and when it is believed: wire-spec/bridges.md section 4. */
import { constantTimeEqual } from '../crypto/secret.ts';
import type { DomainOutcome } from '../directory/domain-lookup.ts';
import type { Domains } from '../directory/domains.ts';
import type { VerifiedDomain } from '../keys/domain-record.ts';
import { traceHandleText } from '../keys/fingerprints.ts';
import { namedBridge } from '../keys/mail-capability.ts';
import type { VerifiedMessage } from '../message/message.ts';
import { splitAddress } from '../wire/address.ts';
import { mailKindOf, mailOf, type Mail } from '../wire/mail.ts';
import type { BridgedMail, MailVerdict, MailVerdicts } from './mail-api.ts';
import type { ClientEvent, ClientState } from './state.ts';

/**
 * What a verified message says of mail. Undefined unless its author is the bridge user that the record of the sender's domain names, and
 * where this version does not know what it says.
 */
export function bridgedMail(
  { letter, envelope }: Pick<VerifiedMessage, 'letter' | 'envelope'>,
  domain: VerifiedDomain,
): BridgedMail | undefined {
  const bridge = namedBridge(domain);
  const isBridge =
    bridge !== undefined &&
    letter.author === bridge.address &&
    envelope.sender === bridge.address &&
    constantTimeEqual(letter.fingerprint, bridge.fingerprint);
  const mail = isBridge ? tryMailOf(letter.extensions) : undefined;
  const kind = mail && mailKindOf(mail);
  if (mail === undefined || kind === undefined) return undefined;
  const { reversePath, recipient, received, from, replyTo, verdicts, reference, client } = mail;
  return {
    kind,
    reversePath,
    recipient,
    received,
    from,
    ...(replyTo === undefined ? {} : { replyTo }),
    ...(verdicts === undefined ? {} : { verdicts: known(verdicts) }),
    ...(reference === undefined ? {} : { reference: traceHandleText(reference) }),
    ...(client === undefined ? {} : { client }),
  };
}

function tryMailOf(extensions: Uint8Array | undefined): Mail | undefined {
  try {
    return mailOf(extensions);
  } catch {
    return undefined;
  }
}

/** Without what later versions added. */
function known({ spf, dkim, dmarc, arc, doubt }: MailVerdicts): MailVerdicts {
  const entries = Object.entries({ spf, dkim, dmarc, arc, doubt }).flatMap(([name, verdict]) =>
    verdict === undefined ? [] : [[name, plain(verdict)] as const],
  );
  return Object.fromEntries(entries);
}

function plain({ result, domain }: MailVerdict): MailVerdict {
  return domain === undefined ? { result } : { result, domain };
}

/** A domain, read again where its remembered record names no bridge: one that it was given since would be missed for an hour. */
export async function withBridge(
  domains: Pick<Domains, 'domain' | 'refresh'>,
  name: string,
): Promise<DomainOutcome> {
  const known = await domains.domain(name);
  if (known.kind !== 'native' || namedBridge(known.record) !== undefined) return known;
  return await domains.refresh(name, known.record.serial + 1);
}

/** The sender's domain: with a bridge, if it has one, where the letter says how it came by mail. */
export async function sayingDomain(
  domains: Pick<Domains, 'domain' | 'refresh'>,
  name: string,
  { letter }: Pick<VerifiedMessage, 'letter'>,
): Promise<DomainOutcome> {
  return tryMailOf(letter.extensions) === undefined
    ? await domains.domain(name)
    : await withBridge(domains, name);
}

/** Whether somebody unknown at the own domain writes, as a bridge does that the domain was given since. */
export function mayBeBridge({ contacts, drops, address }: ClientState): boolean {
  const { domain } = splitAddress(address);
  return Object.values(drops).some(
    (drop) =>
      drop.kind === 'introduced' &&
      splitAddress(drop.claimedAddress).domain === domain &&
      contacts[drop.claimedAddress]?.known !== true,
  );
}

/** What the bridge of the own domain introduces is fetched without asking: its user is known as soon as it writes. */
export function welcomeBridge(
  { contacts, drops }: ClientState,
  domain: VerifiedDomain,
): readonly ClientEvent[] {
  const address = namedBridge(domain)?.address;
  if (address === undefined || contacts[address]?.known === true) return [];
  const writes = Object.values(drops).some(
    (drop) => drop.kind === 'introduced' && drop.claimedAddress === address,
  );
  return writes ? [{ type: 'contact-known', address }] : [];
}
