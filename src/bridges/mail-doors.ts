/** The doors for mail that comes in, as far as they are wanted, over one pipeline and one room of memory. */
import type { Server } from 'node:net';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Deliver } from './deliver-api.ts';
import { createStrangers, defaultStrangerLimits, type StrangerLimits } from './incoming-limits.ts';
import { openDoor } from './incoming-server.ts';
import type { MailCertificate } from './mail-certificate.ts';
import { createMailIn } from './mail-in.ts';
import type { MailPolicy } from './mail-policy.ts';
import type { MailQuota } from './mail-quota.ts';
import { createFindMailRecipient, type FindMailRecipientParts } from './mail-recipients.ts';
import { createMailRoom } from './mail-room.ts';
import { createCheckMail, type MailResolver } from './mail-verdicts.ts';
import type { NativeRecipients } from './native-recipients.ts';
import { defaultDoorLimits, type Door, type DoorLimits } from './smtp-door.ts';

type Bind = (server: Server) => Promise<number>;

export interface MailDoorsParts {
  /** Undefined: that door is not wanted. */
  readonly smtp: Bind | undefined;
  readonly lmtp: Bind | undefined;
  /** The name of this machine. */
  readonly host: string;
  /** Of one mail, bytes; four such are in memory at a time, or as many smaller ones. */
  readonly maxSize: number;
  readonly certificate: MailCertificate | undefined;
  readonly recipients: NativeRecipients;
  readonly standing: FindMailRecipientParts['standing'];
  readonly policyOf: (domain: string) => Promise<MailPolicy>;
  /** Our domains with a bridge; the first writes to natives elsewhere for who is of none of them. */
  readonly bridges: () => readonly string[];
  readonly deliver: Deliver;
  readonly quota: Pick<MailQuota, 'fitsAddress'>;
  readonly resolver: MailResolver;
  readonly limits?: { readonly door?: Partial<DoorLimits>; readonly strangers?: Partial<StrangerLimits> };
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

export interface MailDoors {
  /** Null for a door that is not there; 0 for a socket. */
  readonly ports: { readonly smtp: number | null; readonly lmtp: number | null };
  renew(certificate: MailCertificate): void;
  /** Finishes what was taken in full. */
  close(): Promise<void>;
}

/** Throws what binding throws, and then none is open. */
export async function openMailDoors(parts: MailDoorsParts): Promise<MailDoors> {
  const { host, maxSize, recipients, standing, bridges, certificate, clock, limits } = parts;
  const room = createMailRoom(4 * maxSize);
  const check = createCheckMail(parts);
  await using open = new AsyncDisposableStack();

  async function door(kind: 'smtp' | 'lmtp', bind: Bind | undefined): Promise<Door | undefined> {
    if (bind === undefined) return undefined;
    const elsewhere = kind === 'lmtp';
    const find = createFindMailRecipient({ recipients, standing, elsewhere });
    const opened = await openDoor({
      ...parts,
      kind,
      bind,
      handler: createMailIn({ ...parts, kind, find, check, bridgeFor: (path) => bridgeFor(path, bridges()) }),
      limits: { ...defaultDoorLimits, ...limits?.door, maxSize },
      room,
      ...(elsewhere
        ? { certificate: undefined }
        : {
            strangers: createStrangers({ ...defaultStrangerLimits, ...limits?.strangers }, clock),
            certificate,
          }),
    });
    open.defer(() => opened.close());
    return opened;
  }

  const smtp = await door('smtp', parts.smtp);
  const lmtp = await door('lmtp', parts.lmtp);
  if (smtp !== undefined && certificate === undefined)
    parts.log.warn('no certificate for mail: it comes in clear text only; get one, then: beckon reload', {
      name: host,
    });
  const running = open.move();
  return {
    ports: { smtp: smtp?.port ?? null, lmtp: lmtp?.port ?? null },
    renew: (next) => smtp?.renew(next),
    close: () => running.disposeAsync(),
  };
}

function bridgeFor(reversePath: string, bridges: readonly string[]): string | undefined {
  const domain = reversePath.slice(reversePath.lastIndexOf('@') + 1).toLowerCase();
  return bridges.find((one) => one === domain) ?? bridges[0];
}
