/**
 * A door for mail: SMTP from everywhere, or LMTP from the MTA of this machine (RFC 5321, 2033). What it shares with that of mail programs is in
 * smtp-door.ts.
 *
 *  1. the envelope: each recipient is asked for before it is taken; VRFY and EXPN are not known here
 *  2. the data in memory
 *  3. handed on, and answered: one for all over SMTP, one each over LMTP
 */
import type { Server } from 'node:net';
import type { SMTPServerSession } from 'smtp-server';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Strangers } from './incoming-limits.ts';
import { answer, type Answer, type Client, type MailHandler } from './incoming.ts';
import type { MailRoom } from './mail-room.ts';
import type { receiveMail } from './receive-mail.ts';
import {
  createSmtpDoor,
  dataTroubles,
  unknownCommands,
  type Door,
  type DoorCertificate,
  type DoorLimits,
  type Guest,
} from './smtp-door.ts';
import { refusal } from './smtp-reply.ts';

export interface DoorOptions {
  readonly kind: 'smtp' | 'lmtp';
  /** The name of this machine. */
  readonly host: string;
  readonly handler: MailHandler;
  readonly limits: DoorLimits;
  readonly room: MailRoom;
  /** Over SMTP only. */
  readonly strangers?: Strangers;
  /** Without it STARTTLS is not offered. */
  readonly certificate?: DoorCertificate | undefined;
  /** Binds, and gives the port. */
  readonly bind: (server: Server) => Promise<number>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'mails'>;
}

/** Throws what binding throws. */
export async function openDoor(options: DoorOptions): Promise<Door> {
  const { kind, handler, limits, strangers, metrics } = options;
  const door = createSmtpDoor({
    ...options,
    name: kind,
    strangers,
    certificate: options.certificate,
    guest: (guest) => guest,
    options: {
      lmtp: kind === 'lmtp',
      authOptional: true,
      // Of the MTA on this machine, which tells us whom it has the mail from.
      useXForward: kind === 'lmtp',
      disabledCommands: [...unknownCommands, 'AUTH', ...(kind === 'lmtp' ? [] : ['XFORWARD'])],
      onMailFrom: (_address, session, done) => {
        const guest = door.guestOf(session);
        if (guest !== undefined) guest.recipients = [];
        door.step(guest);
        done(
          mayHandIn(session)
            ? null
            : refusal(answer(451, '4.7.1 too many mails from there: come again later')),
        );
      },
      onRcptTo: ({ address }, session, done) => void settle(asked(address, session), done),
      onData: (data, session, done) => void reply(taken(data, session), done),
    },
  });

  function mayHandIn({ remoteAddress }: SMTPServerSession): boolean {
    return strangers?.mayHandIn(remoteAddress) ?? true;
  }

  async function asked(address: string, session: SMTPServerSession): Promise<Error | null> {
    const guest = door.guestOf(session);
    if (guest === undefined) return refusal(answer(421, '4.3.0 closing'));
    const refused = await handler.recipient(address, guest.recipients, announcedSize(session));
    door.step(guest);
    if (refused === undefined) {
      guest.recipients.push(address);
      return null;
    }
    return refused.code < 500 || mayAskOn(guest, session)
      ? refusal(refused)
      : refusal(answer(421, '4.7.1 too many recipients that are not here'));
  }

  function mayAskOn(guest: Guest, { remoteAddress }: SMTPServerSession): boolean {
    guest.strays++;
    return guest.strays <= limits.strays && (strangers?.mayStray(remoteAddress) ?? true);
  }

  async function taken(
    data: Parameters<typeof receiveMail>[0],
    session: SMTPServerSession,
  ): Promise<readonly Answer[]> {
    const guest = door.guestOf(session);
    if (guest === undefined) throw new Error('nobody hands it in');
    const { recipients } = guest;
    const received = await door.receive(guest, data);
    const answers =
      received.outcome === 'mail'
        ? await handOn(guest, received, session)
        : recipients.map(() => dataTroubles[received.outcome]);
    door.step(guest);
    for (const { code } of answers)
      metrics.mails.inc({ door: kind, outcome: code < 300 ? 'taken' : code < 500 ? 'later' : 'refused' });
    return answers;
  }

  async function handOn(
    guest: Guest,
    received: { readonly bytes: Uint8Array; release(): void },
    session: SMTPServerSession,
  ): Promise<readonly Answer[]> {
    const { mailFrom } = session.envelope;
    const { recipients } = guest;
    try {
      if (door.closing()) return recipients.map(() => answer(421, '4.3.0 closing'));
      const mail = {
        client: clientOf(session, kind),
        reversePath: mailFrom === false ? '' : mailFrom.address,
        recipients,
        bytes: received.bytes,
      };
      return await door.hold(guest, handler.take(mail));
    } finally {
      received.release();
    }
  }

  /** Where the client is gone, there is nobody to tell. */
  async function reply(
    answers: Promise<readonly Answer[]>,
    done: (error: null, message: never) => void,
  ): Promise<void> {
    const given = await answers.catch(() => undefined);
    if (given !== undefined) done(null, replies(given));
  }

  /** Over SMTP the worst of them is for all: what was stored is known again when the mail comes once more. */
  function replies(answers: readonly Answer[]): never {
    const each = kind === 'lmtp' ? answers : [worst(answers)];
    const shown = each.map((one) => (one.code === 250 ? one.text : refusal(one)));
    // The library's types know one text only; its code takes one answer for each.
    return shown as never;
  }

  return await door.open();
}

/** As MAIL FROM said (RFC 1870). */
function announcedSize({ envelope: { mailFrom } }: SMTPServerSession): number {
  const args: unknown = mailFrom === false ? undefined : mailFrom.args;
  const size = Number((args as { readonly SIZE?: unknown } | undefined)?.SIZE ?? 0);
  return Number.isSafeInteger(size) && size > 0 ? size : 0;
}

function clientOf(session: SMTPServerSession, kind: 'smtp' | 'lmtp'): Client {
  const { hostNameAppearsAs, remoteAddress, transmissionType, xForward } = session;
  const forwarded = xForward.get('ADDR');
  const address = kind === 'lmtp' ? forwarded : remoteAddress;
  const helo = (kind === 'lmtp' ? xForward.get('HELO') : undefined) ?? hostNameAppearsAs;
  return {
    helo: String(helo),
    ...(typeof address === 'string' && address !== '' ? { address } : {}),
    protocol: transmissionType,
  };
}

function worst(answers: readonly Answer[]): Answer {
  const later = answers.find(({ code }) => code >= 400 && code < 500);
  const refused = answers.find(({ code }) => code >= 500);
  const [first] = answers;
  return later ?? refused ?? first ?? answer(451, '4.3.0 try again later');
}

async function settle(outcome: Promise<Error | null>, done: (error?: Error | null) => void): Promise<void> {
  done(await outcome.catch(() => refusal(answer(451, '4.3.0 try again later'))));
}
