/**
 * A door for mail: SMTP from everywhere, or LMTP from the MTA of this machine (RFC 5321, 2033).
 *
 *  1. who connects is counted, and greeted at once
 *  2. the envelope: each recipient is asked for before it is taken; VRFY and EXPN are not known here
 *  3. the data in memory, within limits of size, room and time
 *  4. handed on, and answered: one for all over SMTP, one each over LMTP
 *
 * Commands that came in clear text behind STARTTLS are never run: the parser of that time is closed with them.
 */
import type { Server } from 'node:net';
import { SMTPServer, type SMTPServerSession } from 'smtp-server';
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Strangers } from './incoming-limits.ts';
import { answer, type Answer, type Client, type MailHandler } from './incoming.ts';
import type { MailRoom } from './mail-room.ts';
import { dueAfter, receiveMail } from './receive-mail.ts';
import { refusal } from './smtp-reply.ts';

export interface DoorLimits {
  /** Of one mail, bytes. */
  readonly maxSize: number;
  readonly connections: number;
  readonly recipients: number;
  /** Recipients of one connection that may be refused. */
  readonly strays: number;
  /** Without a byte. */
  readonly idleMs: number;
  /** From one step to the next: a recipient, the beginning of the data, a mail. */
  readonly stepMs: number;
  /** Data has so long, and longer the more has come. */
  readonly dataMs: number;
  readonly bytesPerSecond: number;
  readonly sweepMs: number;
  /** For what is under way when the door closes. */
  readonly closeMs: number;
}

/** RFC 5321 section 4.5.3.2 lets a server wait for five minutes. */
export const defaultDoorLimits: Omit<DoorLimits, 'maxSize'> = {
  connections: 500,
  recipients: 100,
  strays: 20,
  idleMs: 300_000,
  stepMs: 300_000,
  dataMs: 300_000,
  bytesPerSecond: 4096,
  sweepMs: 1000,
  closeMs: 5000,
};

export interface DoorOptions {
  readonly kind: 'smtp' | 'lmtp';
  /** The name of this machine. */
  readonly host: string;
  readonly handler: MailHandler;
  readonly limits: DoorLimits;
  readonly room: MailRoom;
  /** Over SMTP only. */
  readonly strangers?: Strangers;
  /** PEM; without it STARTTLS is not offered. */
  readonly certificate?: { readonly cert: string; readonly key: string } | undefined;
  /** Binds, and gives the port. */
  readonly bind: (server: Server) => Promise<number>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'mails'>;
}

export interface Door {
  readonly port: number;
  connections(): number;
  renew(certificate: { readonly cert: string; readonly key: string }): void;
  close(): Promise<void>;
}

/** What is known of one connection. */
interface Guest {
  readonly connection: SMTPConnection;
  /** When the present step has to be done, monotonic milliseconds. */
  due: number;
  /** As they were taken; the library counts one that is repeated once. */
  recipients: string[];
  strays: number;
}

/** Throws what binding throws. */
export async function openDoor(options: DoorOptions): Promise<Door> {
  const { kind, host, handler, limits, room, strangers, certificate, clock, log, metrics } = options;
  const guests = new Map<string, Guest>();
  const handing = new Set<Promise<unknown>>();
  const known = new Map<string, SMTPConnection>();
  let closing = false;

  const server = new SMTPServer({
    name: host,
    banner: 'Beckon',
    lmtp: kind === 'lmtp',
    size: limits.maxSize,
    maxClients: limits.connections,
    maxRecipients: limits.recipients,
    socketTimeout: limits.idleMs,
    closeTimeout: limits.closeMs,
    authOptional: true,
    disableReverseLookup: true,
    // Of the MTA on this machine, which tells us whom it has the mail from.
    useXForward: kind === 'lmtp',
    disabledCommands: [
      ...unknownCommands,
      ...(certificate === undefined ? ['STARTTLS'] : []),
      ...(kind === 'lmtp' ? [] : ['XFORWARD']),
    ],
    ...certificate,
    minVersion: 'TLSv1.2',
    logger: false,
    onConnect: (session, done) => done(entered(session)),
    onMailFrom: (_address, session, done) => {
      const guest = guests.get(session.id);
      if (guest !== undefined) guest.recipients = [];
      step(session);
      done(
        mayHandIn(session) ? null : refusal(answer(451, '4.7.1 too many mails from there: come again later')),
      );
    },
    onRcptTo: ({ address }, session, done) => void settle(asked(address, session), done),
    onData: (data, session, done) => {
      void reply(taken(data, session), done);
    },
    onClose: (session) => {
      known.delete(session.id);
      if (guests.delete(session.id)) strangers?.leave(session.remoteAddress);
    },
  });
  greetAtOnce(server, (connection) => known.set(connection.id, connection));
  server.on('error', (error) => log.debug('mail connection failed', { door: kind, reason: codeOf(error) }));

  function entered({ id, remoteAddress }: SMTPServerSession): Error | null {
    const connection = known.get(id);
    if (connection === undefined || strangers?.enter(remoteAddress) === false)
      return refusal(answer(421, '4.7.0 too many connections from there: come again later'));
    guests.set(id, { connection, due: clock.monotonic() + limits.stepMs, recipients: [], strays: 0 });
    return null;
  }

  function step(session: SMTPServerSession): void {
    const guest = guests.get(session.id);
    if (guest !== undefined) guest.due = clock.monotonic() + limits.stepMs;
  }

  function mayHandIn({ remoteAddress }: SMTPServerSession): boolean {
    return strangers?.mayHandIn(remoteAddress) ?? true;
  }

  async function asked(address: string, session: SMTPServerSession): Promise<Error | null> {
    const guest = guests.get(session.id);
    if (guest === undefined) return refusal(answer(421, '4.3.0 closing'));
    const refused = await handler.recipient(address, guest.recipients);
    step(session);
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
    const guest = guests.get(session.id);
    const recipients = guest?.recipients ?? [];
    let length = 0;
    const onBytes = (more: number): void => {
      length += more;
      if (guest === undefined) return;
      guest.due = dueAfter(guest.due, clock.monotonic(), more, limits);
      // Who goes on sending what was announced as too much is not waited for.
      if (length > limits.maxSize * 2 + 65_536) end(guest);
    };
    if (guest !== undefined) guest.due = clock.monotonic() + limits.dataMs;
    const received = await receiveMail(data, { maxSize: limits.maxSize, room, onBytes });
    if (guest !== undefined) guest.due = Infinity;
    const answers =
      received.outcome === 'mail'
        ? await handOn(received, session, recipients)
        : recipients.map(() => troubles[received.outcome]);
    step(session);
    log.debug('mail', { door: kind, bytes: length, recipients: answers.length, received: received.outcome });
    for (const { code } of answers)
      metrics.mails.inc({ door: kind, outcome: code < 300 ? 'taken' : code < 500 ? 'later' : 'refused' });
    return answers;
  }

  async function handOn(
    received: { readonly bytes: Uint8Array; release(): void },
    session: SMTPServerSession,
    recipients: readonly string[],
  ): Promise<readonly Answer[]> {
    const { mailFrom } = session.envelope;
    if (closing) return recipients.map(() => answer(421, '4.3.0 closing'));
    const handed = handler.take({
      client: clientOf(session, kind),
      reversePath: mailFrom === false ? '' : mailFrom.address,
      recipients,
      bytes: received.bytes,
    });
    handing.add(handed);
    try {
      return await handed;
    } finally {
      handing.delete(handed);
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

  function end(guest: Guest): void {
    guest.connection.send(421, '4.4.2 too slow, or too much');
    guest.connection.close();
  }

  const sweep = setInterval(() => {
    const now = clock.monotonic();
    for (const guest of guests.values()) if (now > guest.due) end(guest);
  }, limits.sweepMs);

  const port = await options.bind(server.server).catch((error: unknown) => {
    clearInterval(sweep);
    throw error;
  });
  return {
    port,
    connections: () => guests.size,
    renew: (next) => server.updateSecureContext(next),
    async close() {
      closing = true;
      clearInterval(sweep);
      const closed = new Promise<void>((resolve) => server.close(resolve));
      for (const { connection } of guests.values()) if (isIdle(connection)) connection.close();
      await closed;
      await Promise.all(handing);
    },
  };
}

const unknownCommands = ['AUTH', 'VRFY', 'HELP', 'WIZ', 'SHELL', 'KILL', 'XCLIENT'];

const troubles = {
  too_large: answer(552, '5.3.4 the mail is larger than its limit'),
  no_room: answer(452, '4.3.1 no room now: come again later'),
  bare_line_end: answer(550, '5.6.0 a line ends with CR or LF alone (RFC 5321 section 2.3.8)'),
} as const;

/** The library waits for 100 ms to see who talks too soon; who does is told so all the same. */
export function greetAtOnce(server: SMTPServer, meet: (connection: SMTPConnection) => void): void {
  server.connect = (socket, options) => {
    const connection = new SMTPConnection(server, socket, options);
    const ready = connection.connectionReady.bind(connection);
    let greeted = false;
    connection.connectionReady = (next) => {
      if (greeted) return;
      greeted = true;
      ready(next);
    };
    server.connections.add(connection);
    meet(connection);
    connection.on('error', (error: Error) => server.emit('error', error));
    connection.init();
    connection.connectionReady();
  };
}

export function isIdle({ session }: SMTPConnection): boolean {
  return session.envelope === undefined || session.envelope.rcptTo.length === 0;
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

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown';
}
