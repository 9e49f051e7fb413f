/** Whose keys they are: shown, compared out of band, a change accepted on the user's word. */
import { base64urlnopad } from '@scure/base';
import { BeckonError } from '../errors.ts';
import { bytesToJson } from '../keys/key-file.ts';
import { formatAddress, parseAddress, splitAddress } from '../wire/address.ts';
import { sizes } from '../wire/registry.ts';
import type { ClientNetwork, ClientTrust, TrustReport } from './api.ts';
import { resolveRecipients } from './recipients.ts';
import type { Session } from './store.ts';
import type { Clock } from '../clock.ts';

export interface TrustParts {
  readonly session: Session;
  readonly network: Pick<ClientNetwork, 'domains' | 'users'>;
  readonly clock: Clock;
}

export function createTrust({ session, network, clock }: TrustParts): ClientTrust {
  const { domains, users } = network;

  async function show(typed: string = session.state().address): Promise<TrustReport> {
    const address = canonical(typed);
    const outcome = await users.user(address);
    const [resolved] = await resolveRecipients(users, [address], clock.seconds());
    const { code, trust } = resolved?.report ?? {};
    const reported = {
      address,
      outcome: outcome.kind,
      ...(code === undefined ? {} : { code }),
      ...(trust === undefined ? {} : { trust }),
    };
    if (outcome.kind === 'native')
      return { ...reported, fingerprint: bytesToJson(outcome.user.identityFingerprint) };
    if (outcome.kind !== 'changed') return reported;
    const { pinned, offered, of } = outcome;
    return { ...reported, fingerprint: bytesToJson(pinned), offered: bytesToJson(offered), of };
  }

  return {
    show,
    async verify(typed, fingerprint) {
      const address = canonical(typed);
      await users.confirm(address, fingerprintOf(fingerprint));
      return await show(address);
    },
    async accept(typed) {
      const address = canonical(typed);
      const outcome = await users.user(address);
      if (outcome.kind !== 'changed') return await show(address);
      const { domain } = splitAddress(address);
      if (outcome.of === 'user') await users.acceptChange(address, outcome.offered);
      else await domains.acceptChange(domain, outcome.offered);
      return await show(address);
    },
  };
}

function canonical(typed: string): string {
  return formatAddress(parseAddress(typed).address);
}

function fingerprintOf(typed: string): Uint8Array {
  try {
    const bytes = base64urlnopad.decode(typed.trim());
    if (bytes.length === sizes.hash) return bytes;
  } catch {
    // as below
  }
  throw new BeckonError('usage', 'a fingerprint has 43 characters of base64url');
}
