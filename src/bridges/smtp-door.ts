/**
 * What doors for mail share, whoever comes through them (RFC 5321): incoming-server.ts and submission-server.ts say what is asked there.
 *
 *  1. who connects is counted, and greeted at once
 *  2. each step has its time, and a sweep ends who takes longer
 *  3. the data in memory, within limits of size, room and time
 *  4. closing: what was taken in full is finished and answered, everybody else goes at once
 *
 * Commands that came in clear text behind STARTTLS are never run: the parser of that time is closed with them.
 */
import type { Server, Socket } from 'node:net';
import { SMTPServer, type SMTPServerOptions, type SMTPServerSession } from 'smtp-server';
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Strangers } from './incoming-limits.ts';
import { answer } from './incoming.ts';
import type { MailRoom } from './mail-room.ts';
import { dueAfter, receiveMail, type Received } from './receive-mail.ts';
import { refusal, reply } from './smtp-reply.ts';

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
  /** For who does not go when the door closes. */
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

/** PEM. */
export interface DoorCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface Door {
  readonly port: number;
  connections(): number;
  /** For who connects from now on; a door that had none offers STARTTLS from now on. */
  renew(certificate: DoorCertificate): void;
  close(): Promise<void>;
}

/** What is known of one connection. */
export interface Guest {
  readonly connection: SMTPConnection;
  /** When the present step has to be done, monotonic milliseconds. */
  due: number;
  /** As they were taken; the library counts one that is repeated once. */
  recipients: string[];
  /** Recipients that were refused. */
  strays: number;
  /** What is done for it that closing waits for. */
  held: number;
}

export interface SmtpDoorParts<G extends Guest> {
  /** In logs. */
  readonly name: string;
  /** The name of this machine. */
  readonly host: string;
  /** What is asked at this door: handlers, and what is particular to it. Commands that are not known here stand in it. */
  readonly options: SMTPServerOptions & { readonly disabledCommands: readonly string[] };
  readonly guest: (guest: Guest) => G;
  readonly gone?: (guest: G) => void;
  readonly limits: DoorLimits;
  readonly room: MailRoom;
  /** Undefined: everybody may come as often as they like. */
  readonly strangers: Strangers | undefined;
  /** Without it STARTTLS is not offered. */
  readonly certificate: DoorCertificate | undefined;
  /** Binds, and gives the port. */
  readonly bind: (server: Server) => Promise<number>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface SmtpDoor<G extends Guest> {
  /** Undefined once it is gone. */
  guestOf(session: Pick<SMTPServerSession, 'id'>): G | undefined;
  /** A step is done: the next one has its time from now on. */
  step(guest: G | undefined): void;
  closing(): boolean;
  /** The data of one mail, to its end. Afterwards nothing is due until the next step. Throws where the client goes before. */
  receive(guest: G, data: Parameters<typeof receiveMail>[0]): Promise<Received>;
  /** Closing waits until this is done, and its client has heard of it. */
  hold<T>(guest: G | undefined, work: Promise<T>): Promise<T>;
  /** Throws what binding throws. */
  open(): Promise<Door>;
}

/** What both doors answer to data that is not taken. */
export const dataTroubles = {
  too_large: answer(552, '5.3.4 the mail is larger than its limit'),
  no_room: answer(452, '4.3.1 no room now: come again later'),
  bare_line_end: answer(550, '5.6.0 a line ends with CR or LF alone (RFC 5321 section 2.3.8)'),
} as const;

/** Commands that no door knows. */
export const unknownCommands = ['VRFY', 'HELP', 'WIZ', 'SHELL', 'KILL', 'XCLIENT'] as const;

export function createSmtpDoor<G extends Guest>(parts: SmtpDoorParts<G>): SmtpDoor<G> {
  const { name, options, limits, room, strangers, certificate, clock, log } = parts;
  const guests = new Map<string, G>();
  const known = new Map<string, SMTPConnection>();
  const held = new Set<Promise<unknown>>();
  let closing = false;

  const server = new SMTPServer({
    name: parts.host,
    banner: 'Beckon',
    size: limits.maxSize,
    maxClients: limits.connections,
    maxRecipients: limits.recipients,
    socketTimeout: limits.idleMs,
    closeTimeout: limits.closeMs,
    disableReverseLookup: true,
    minVersion: 'TLSv1.2',
    logger: false,
    ...options,
    disabledCommands: [...options.disabledCommands, ...(certificate === undefined ? ['STARTTLS'] : [])],
    ...certificate,
    onConnect: (session, done) => done(entered(session)),
    onClose: ({ id, remoteAddress }) => {
      known.delete(id);
      const guest = guests.get(id);
      if (guest === undefined || !guests.delete(id)) return;
      strangers?.leave(remoteAddress);
      parts.gone?.(guest);
    },
  });
  greetAtOnce(server, (connection) => known.set(connection.id, connection));
  server.on('error', (error) =>
    log.debug('mail connection failed', {
      door: name,
      reason: (error as NodeJS.ErrnoException).code ?? 'unknown',
    }),
  );

  function entered({ id, remoteAddress }: SMTPServerSession): Error | null {
    const connection = known.get(id);
    if (connection === undefined || closing || strangers?.enter(remoteAddress) === false)
      return refusal(reply(421, '4.7.0 too many connections from there: come again later'));
    const due = clock.monotonic() + limits.stepMs;
    guests.set(id, parts.guest({ connection, due, recipients: [], strays: 0, held: 0 }));
    return null;
  }

  function end({ connection }: Guest): void {
    connection.send(421, '4.4.2 too slow, or too much');
    connection.close();
  }

  function sweep(): void {
    const now = clock.monotonic();
    for (const guest of guests.values()) if (now > guest.due) end(guest);
  }

  async function receive(guest: G, data: Parameters<typeof receiveMail>[0]): Promise<Received> {
    let length = 0;
    const onBytes = (more: number): void => {
      length += more;
      guest.due = dueAfter(guest.due, clock.monotonic(), more, limits);
      // Who goes on sending what was announced as too much is not waited for.
      if (length > limits.maxSize * 2 + 65_536) end(guest);
    };
    guest.due = clock.monotonic() + limits.dataMs;
    const received = await receiveMail(data, { maxSize: limits.maxSize, room, onBytes });
    guest.due = Infinity;
    log.debug('mail', { door: name, bytes: length, received: received.outcome });
    return received;
  }

  async function hold<T>(guest: G | undefined, work: Promise<T>): Promise<T> {
    if (guest !== undefined) guest.held++;
    held.add(work);
    try {
      return await work;
    } finally {
      held.delete(work);
      if (guest !== undefined) guest.held--;
    }
  }

  async function allDone(): Promise<void> {
    while (held.size > 0) await Promise.allSettled(held);
    // What is done is answered in this turn.
    await new Promise((resolve) => setImmediate(resolve));
  }

  return {
    guestOf: ({ id }) => guests.get(id),
    step(guest) {
      if (guest !== undefined) guest.due = clock.monotonic() + limits.stepMs;
    },
    closing: () => closing,
    receive,
    hold,
    async open() {
      const port = await parts.bind(server.server);
      const timer = setInterval(sweep, limits.sweepMs);
      timer.unref();
      return {
        port,
        connections: () => guests.size,
        renew(next) {
          server.updateSecureContext(next);
          server.options.disabledCommands = options.disabledCommands.map(String);
        },
        async close() {
          closing = true;
          clearInterval(timer);
          const closed = new Promise<void>((resolve) => server.close(resolve));
          for (const guest of guests.values()) if (guest.held === 0) guest.connection.close();
          await allDone();
          for (const { connection } of guests.values()) connection.close();
          await closed;
          await allDone();
        },
      };
    },
  };
}

/** The library waits for 100 ms to see who talks too soon; who does is told so all the same. */
function greetAtOnce(server: SMTPServer, meet: (connection: SMTPConnection) => void): void {
  server.connect = (socket, options) => {
    const connection = new SMTPConnection(server, socket, options);
    const ready = connection.connectionReady.bind(connection);
    let greeted = false;
    connection.connectionReady = (next) => {
      if (greeted) return;
      greeted = true;
      ready(next);
    };
    answerTogether(connection);
    server.connections.add(connection);
    meet(connection);
    connection.on('error', (error: Error) => server.emit('error', error));
    connection.init();
    connection.connectionReady();
  };
}

/** Good answers, which more follow: who sends several commands at once waits for the last of them. */
const together = [250, 354];

/** Answers of one turn of the loop leave in one write, which costs as much as all else about a short command. */
function answerTogether(connection: SMTPConnection): void {
  const send = connection.send.bind(connection);
  let corked: Socket | undefined;
  const flush = (): void => {
    corked?.uncork();
    corked = undefined;
  };
  connection.send = (code, ...rest) => {
    if (!together.includes(code)) {
      send(code, ...rest);
      return flush();
    }
    if (corked === undefined) {
      corked = socketOf(connection);
      corked.cork();
      setImmediate(flush);
    }
    send(code, ...rest);
  };
}

/** Of now: another one once there is TLS. The library's types do not know it. */
function socketOf(connection: SMTPConnection): Socket {
  return (connection as unknown as Record<string, Socket>)['_socket'] as Socket;
}
