/** How much mail may wait for one user: a flood for one is not to take the room of all. wire-spec/bridges.md section 8. */
import type { Clock } from '../clock.ts';
import type { DomainKeys } from '../keys/domain-keys.ts';
import type { DeliveryStore } from '../store/api/deliveries.ts';
import { bridgeSender, type BridgeSender, type Ways } from './bridge-sender.ts';
import type { NativeRecipient, NativeRecipients } from './native-recipients.ts';

export interface MailQuotaParts {
  readonly keysOf: (domain: string) => DomainKeys | undefined;
  readonly recipients: NativeRecipients;
  readonly deliveries: Pick<DeliveryStore, 'waitingFor'>;
  readonly ways: Ways;
  /** What one user of a domain may take, in bytes. */
  readonly quotaOf: (domain: string) => Promise<number>;
  readonly clock: Clock;
}

export interface MailQuota {
  /** Whether so many bytes more may wait for a recipient: users elsewhere are their own domain's care. */
  fits(sender: BridgeSender, recipient: NativeRecipient, bytes: number): Promise<boolean>;
  /** The same before the mail is here, by address, for one whose domain's own bridge writes. */
  fitsAddress(address: string, domain: string, bytes: number): Promise<boolean>;
}

export function createMailQuota(parts: MailQuotaParts): MailQuota {
  const { keysOf, recipients, deliveries, ways, quotaOf, clock } = parts;

  async function fits(sender: BridgeSender, recipient: NativeRecipient, bytes: number): Promise<boolean> {
    if (!recipient.local) return true;
    const { domain } = recipient.domain;
    const waiting = await deliveries.waitingFor(domain, ways(sender, recipient).recipientHash);
    return waiting + bytes <= (await quotaOf(domain));
  }

  return {
    fits,
    async fitsAddress(address, domain, bytes) {
      const found = await recipients.find(address);
      if (found.kind !== 'native') return true;
      return await fits(bridgeSender(keysOf(domain), clock.seconds()), found.recipient, bytes);
    },
  };
}
