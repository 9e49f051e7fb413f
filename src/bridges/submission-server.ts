/**
 * The door for old mail programs (RFC 6409, 8314, 4954): TLS from the first byte or after STARTTLS, and nothing without a password.
 *
 *  1. AUTH is offered under TLS only
 *  2. a name and a password become a session (submission-login.ts, submission-session.ts); a wrong one waits for its answer
 *  3. the envelope and the data
 *  4. the end of the connection, whoever ends it, ends the session and its keys
 *
 * What it shares with the doors for mail that comes in is in smtp-door.ts.
 */
import type { Server } from 'node:net';
import type { SMTPServerAuthentication, SMTPServerSession } from 'smtp-server';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Strangers } from './incoming-limits.ts';
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
  readonly certificate: DoorCertificate;
  /** Binds, and gives the port. */
  readonly bind: (server: Server) => Promise<number>;
  /** Before a wrong guess is answered; `setTimeout` unless told. */
  readonly wait?: (ms: number) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'mails'>;
}

interface Program extends Guest {
  /** Passwords that it got wrong. */
  wrong: number;
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
  closing: reply(421, '4.3.0 closing'),
  strays: reply(421, '4.7.1 too many recipients that are not there'),
} as const;

/** Throws what binding throws. */
export async function openSubmissionDoor(options: SubmissionDoorOptions): Promise<Door> {
  const { implicitTls, login, sessionOf, limits, metrics } = options;
  const { wait = sleep } = options;
  const door = createSmtpDoor<Program>({
    ...options,
    name: 'submission',
    guest: (guest) => ({ ...guest, wrong: 0 }),
    gone: ({ session }) => finish(session),
    options: {
      secure: implicitTls,
      authMethods: ['PLAIN', 'LOGIN'],
      disabledCommands: [...unknownCommands, 'XFORWARD', ...(implicitTls ? ['STARTTLS'] : [])],
      onAuth: (auth, session, done) => {
        void settle(authenticated(auth, session), (refused) =>
          refused === undefined ? done(null, { user: 'user' }) : done(refusal(refused)),
        );
      },
      onMailFrom: ({ address }, session, done) => {
        const guest = door.guestOf(session);
        if (guest !== undefined) guest.recipients = [];
        guest?.session?.reset();
        void settle(
          stepping(guest, () => guest?.session?.sender(address)),
          tell(done),
        );
      },
      onRcptTo: ({ address }, session, done) => {
        const guest = door.guestOf(session);
        void settle(
          stepping(guest, () => asked(guest, address)),
          tell(done),
        );
      },
      onData: (data, session, done) => {
        void settle(taken(data, door.guestOf(session)), (given) =>
          given === undefined || given.code === 250 ? done(null, given?.text ?? '') : done(refusal(given)),
        );
      },
    },
  });

  async function authenticated(
    { username, password }: SMTPServerAuthentication,
    smtp: SMTPServerSession,
  ): Promise<Reply | undefined> {
    const guest = door.guestOf(smtp);
    if (guest === undefined || door.closing()) return replies.closing;
    guest.due = Infinity;
    const outcome = await login({
      user: username ?? '',
      password: password ?? '',
      source: smtp.remoteAddress,
    });
    if (outcome.outcome === 'wrong') {
      await wait(outcome.waitMs);
      guest.wrong++;
    }
    door.step(guest);
    if (outcome.outcome === 'in') {
      const session = sessionOf(outcome.headless);
      // It went while its keys were opened.
      if (door.guestOf(smtp) !== guest) return finish(session);
      guest.session = session;
      return undefined;
    }
    if (guest.wrong >= mostTries) setImmediate(() => guest.connection.close());
    return repliesTo[outcome.outcome];
  }

  async function stepping(
    guest: Program | undefined,
    action: () => Promise<Reply | undefined> | undefined,
  ): Promise<Reply | undefined> {
    if (guest?.session === undefined || door.closing()) return replies.closing;
    const outcome = await action();
    door.step(guest);
    return outcome;
  }

  async function asked(guest: Program | undefined, address: string): Promise<Reply | undefined> {
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
    guest: Program | undefined,
  ): Promise<Reply | undefined> {
    if (guest === undefined) throw new Error('nobody hands it in');
    const received = await door.receive(guest, data);
    const given =
      received.outcome === 'mail' ? await handOn(guest, received) : dataTroubles[received.outcome];
    door.step(guest);
    const outcome = given.code < 300 ? 'taken' : given.code < 500 ? 'later' : 'refused';
    metrics.mails.inc({ door: 'submission', outcome });
    return given;
  }

  async function handOn(
    guest: Program,
    received: { readonly bytes: Uint8Array; release(): void },
  ): Promise<Reply> {
    const { session, recipients } = guest;
    try {
      if (session === undefined || door.closing()) return replies.closing;
      return await door.hold(guest, session.take({ recipients, bytes: received.bytes }));
    } finally {
      received.release();
    }
  }

  /** Its keys go, whatever happens. */
  function finish(session: SubmissionSession | undefined): undefined {
    if (session !== undefined)
      void door.hold(
        undefined,
        session.end().catch(() => undefined),
      );
  }

  return await door.open();
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
