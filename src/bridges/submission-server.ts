/**
 * The door for old mail programs (RFC 6409, 8314, 4954): TLS from the first byte or after STARTTLS, and nothing without a password.
 *
 *  1. who connects is counted and greeted; AUTH is offered under TLS only
 *  2. a name and a password become a session (submission-login.ts, submission-session.ts); a wrong one waits for its answer
 *  3. the envelope and the data, within limits of size, room, time and number
 *  4. the end of the connection, whoever ends it, ends the session and its keys
 */
import type { Server } from 'node:net';
import { SMTPServer, type SMTPServerAuthentication, type SMTPServerSession } from 'smtp-server';
import type { SMTPConnection } from 'smtp-server/lib/smtp-connection.js';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Strangers } from './incoming-limits.ts';
import { greetAtOnce, type Door, type DoorLimits } from './incoming-server.ts';
import type { MailRoom } from './mail-room.ts';
import { dueAfter, receiveMail } from './receive-mail.ts';
import { refusal, reply, type Reply } from './smtp-reply.ts';
import type { Login } from './submission-login.ts';
import type { SubmissionSession } from './submission-session.ts';
import type { Headless } from './headless.ts';

export interface SubmissionDoorOptions {
  /** TLS from the first byte; else STARTTLS. */
  readonly implicitTls: boolean;
  /** The name of this machine. */
  readonly host: string;
  readonly login: Login;
  readonly sessionOf: (headless: Headless) => SubmissionSession;
  readonly limits: DoorLimits;
  readonly room: MailRoom;
  readonly strangers: Strangers;
  readonly certificate: { readonly cert: string; readonly key: string };
  /** Binds, and gives the port. */
  readonly bind: (server: Server) => Promise<number>;
  /** Before a wrong guess is answered; `setTimeout` unless told. */
  readonly wait?: (ms: number) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'mails'>;
}

interface Guest {
  readonly connection: SMTPConnection;
  /** When the present step has to be done, monotonic milliseconds. */
  due: number;
  wrong: number;
  strays: number;
  recipients: string[];
  session?: SubmissionSession;
}

/** Passwords that one connection may try. */
const mostTries = 3;

const replies = {
  wrong: reply(535, '5.7.8 the name or the password is wrong'),
  tooOften: reply(454, '4.7.0 too many wrong passwords: try again later'),
  busy: reply(454, '4.7.0 not now: try again in a moment'),
  refused: reply(525, '5.7.13 the domain does not serve this user now'),
  stale: reply(
    535,
    '5.7.8 the recovery phrase was changed since this password was made: make another with "beckon mailbox password"',
  ),
  crowd: reply(421, '4.7.0 too many connections from there: come again later'),
  closing: reply(421, '4.3.0 closing'),
  strays: reply(421, '4.7.1 too many recipients that are not there'),
} as const;

const troubles = {
  too_large: reply(552, '5.3.4 the mail is larger than its limit'),
  no_room: reply(452, '4.3.1 no room now: try again later'),
  bare_line_end: reply(550, '5.6.0 a line ends with CR or LF alone (RFC 5321 section 2.3.8)'),
} as const;

const unknownCommands = ['VRFY', 'HELP', 'WIZ', 'SHELL', 'KILL', 'XCLIENT', 'XFORWARD'];

/** Throws what binding throws. */
export async function openSubmissionDoor(options: SubmissionDoorOptions): Promise<Door> {
  const { implicitTls, host, login, sessionOf, limits, room, strangers, clock, log, metrics } = options;
  const { wait = sleep } = options;
  const guests = new Map<string, Guest>();
  const known = new Map<string, SMTPConnection>();
  const ending = new Set<Promise<unknown>>();
  let closing = false;

  const server = new SMTPServer({
    name: host,
    banner: 'Beckon',
    secure: implicitTls,
    authMethods: ['PLAIN', 'LOGIN'],
    size: limits.maxSize,
    maxClients: limits.connections,
    maxRecipients: limits.recipients,
    socketTimeout: limits.idleMs,
    closeTimeout: limits.closeMs,
    disableReverseLookup: true,
    disabledCommands: [...unknownCommands, ...(implicitTls ? ['STARTTLS'] : [])],
    ...options.certificate,
    minVersion: 'TLSv1.2',
    logger: false,
    onConnect: (session, done) => done(entered(session)),
    onAuth: (auth, session, done) => {
      void settle(authenticated(auth, session), (refused) =>
        refused === undefined ? done(null, { user: 'user' }) : done(refusal(refused)),
      );
    },
    onMailFrom: ({ address }, session, done) => {
      const guest = guests.get(session.id);
      if (guest !== undefined) guest.recipients = [];
      guest?.session?.reset();
      void settle(
        stepping(guest, () => guest?.session?.sender(address)),
        tell(done),
      );
    },
    onRcptTo: ({ address }, session, done) => {
      const guest = guests.get(session.id);
      void settle(
        stepping(guest, () => asked(guest, address)),
        tell(done),
      );
    },
    onData: (data, session, done) => {
      void settle(taken(data, guests.get(session.id)), (given) =>
        given === undefined || given.code === 250 ? done(null, given?.text ?? '') : done(refusal(given)),
      );
    },
    onClose: ({ id, remoteAddress }) => {
      known.delete(id);
      const guest = guests.get(id);
      if (guest === undefined || !guests.delete(id)) return;
      strangers.leave(remoteAddress);
      finish(guest.session);
    },
  });
  greetAtOnce(server, (connection) => known.set(connection.id, connection));
  server.on('error', (error) =>
    log.debug('mail connection failed', {
      door: 'submission',
      reason: (error as NodeJS.ErrnoException).code ?? 'unknown',
    }),
  );

  function entered({ id, remoteAddress }: SMTPServerSession): Error | null {
    const connection = known.get(id);
    if (connection === undefined || closing || !strangers.enter(remoteAddress)) return refusal(replies.crowd);
    const due = clock.monotonic() + limits.stepMs;
    guests.set(id, { connection, due, wrong: 0, strays: 0, recipients: [] });
    return null;
  }

  async function authenticated(
    { username, password }: SMTPServerAuthentication,
    { id, remoteAddress }: SMTPServerSession,
  ): Promise<Reply | undefined> {
    const guest = guests.get(id);
    if (guest === undefined || closing) return replies.closing;
    guest.due = Infinity;
    const outcome = await login({ user: username ?? '', password: password ?? '', source: remoteAddress });
    if (outcome.outcome === 'wrong') {
      await wait(outcome.waitMs);
      guest.wrong++;
    }
    guest.due = clock.monotonic() + limits.stepMs;
    if (outcome.outcome === 'in') {
      const session = sessionOf(outcome.headless);
      // It went while its keys were opened.
      if (guests.get(id) !== guest) return finish(session);
      guest.session = session;
      return undefined;
    }
    if (guest.wrong >= mostTries) setImmediate(() => guest.connection.close());
    return repliesTo[outcome.outcome];
  }

  async function stepping(
    guest: Guest | undefined,
    action: () => Promise<Reply | undefined> | undefined,
  ): Promise<Reply | undefined> {
    if (guest?.session === undefined || closing) return replies.closing;
    const outcome = await action();
    guest.due = clock.monotonic() + limits.stepMs;
    return outcome;
  }

  async function asked(guest: Guest | undefined, address: string): Promise<Reply | undefined> {
    const refused = await guest?.session?.recipient(address);
    if (guest === undefined) return replies.closing;
    if (refused === undefined) guest.recipients.push(address);
    else if (++guest.strays > limits.strays) {
      setImmediate(() => guest.connection.close());
      return replies.strays;
    }
    return refused;
  }

  async function taken(
    data: Parameters<typeof receiveMail>[0],
    guest: Guest | undefined,
  ): Promise<Reply | undefined> {
    if (guest === undefined) throw new Error('nobody hands it in');
    let length = 0;
    const onBytes = (more: number): void => {
      length += more;
      guest.due = dueAfter(guest.due, clock.monotonic(), more, limits);
      if (length > limits.maxSize * 2 + 65_536) end(guest);
    };
    guest.due = clock.monotonic() + limits.dataMs;
    const received = await receiveMail(data, { maxSize: limits.maxSize, room, onBytes });
    guest.due = Infinity;
    const given = received.outcome === 'mail' ? await handOn(guest, received) : troubles[received.outcome];
    guest.due = clock.monotonic() + limits.stepMs;
    const outcome = given.code < 300 ? 'taken' : given.code < 500 ? 'later' : 'refused';
    metrics.mails.inc({ door: 'submission', outcome });
    return given;
  }

  async function handOn(
    { session, recipients }: Guest,
    received: { readonly bytes: Uint8Array; release(): void },
  ): Promise<Reply> {
    if (session === undefined || closing) return replies.closing;
    const handed = session.take({ recipients, bytes: received.bytes });
    ending.add(handed);
    try {
      return await handed;
    } finally {
      ending.delete(handed);
      received.release();
    }
  }

  /** Its keys go, whatever happens. */
  function finish(session: SubmissionSession | undefined): undefined {
    if (session === undefined) return;
    const ended = session.end().catch(() => undefined);
    ending.add(ended);
    void ended.finally(() => ending.delete(ended));
  }

  function end({ connection }: Guest): void {
    connection.send(421, '4.4.2 too slow, or too much');
    connection.close();
  }

  const sweep = setInterval(() => {
    const now = clock.monotonic();
    for (const guest of guests.values()) if (now > guest.due) end(guest);
  }, limits.sweepMs);
  sweep.unref();

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
      // What is being stored ends well; nobody begins anything new.
      await Promise.all(ending);
      for (const { connection } of guests.values()) connection.close();
      await closed;
      await Promise.all(ending);
    },
  };
}

const repliesTo = {
  wrong: replies.wrong,
  too_often: replies.tooOften,
  busy: replies.busy,
  refused: replies.refused,
  stale: replies.stale,
} as const;

function tell(done: (error?: Error | null) => void): (refused: Reply | undefined) => void {
  return (refused) => done(refused === undefined ? null : refusal(refused));
}

async function settle(
  outcome: Promise<Reply | undefined>,
  done: (refused: Reply | undefined) => void,
): Promise<void> {
  done(await outcome.catch(() => reply(451, '4.3.0 try again later')));
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
