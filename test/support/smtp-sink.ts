/** An SMTP server on loopback that keeps what it is given, and can be as difficult as servers are. */
import { once } from 'node:events';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  /** As it came, dots unstuffed. */
  readonly bytes: Buffer;
  readonly tls: boolean;
  readonly user: string | undefined;
  /** How the client introduced itself. */
  readonly hello: string;
}

export interface SmtpSinkOptions extends SMTPServerOptions {
  /** A reply code for a recipient that is refused, such as 550 or 451. */
  readonly refuse?: (recipient: string) => number | undefined;
  /** A reply code for mail that is refused after its last byte. */
  readonly refuseData?: () => number | undefined;
  /** Called when mail is here whole, before that is said. */
  readonly beforeAnswer?: () => Promise<void>;
}

export interface SmtpSink {
  readonly port: number;
  readonly mails: readonly ReceivedMail[];
  close(): Promise<void>;
}

/** Listens on 127.0.0.1 (or `host`) until closed. */
export async function startSmtpSink(options: SmtpSinkOptions = {}, host = '127.0.0.1'): Promise<SmtpSink> {
  const { refuse, refuseData, beforeAnswer = async () => {}, ...rest } = options;
  const mails: ReceivedMail[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disableReverseLookup: true,
    // The library has a certificate of its own for who brings none.
    disabledCommands: rest.key === undefined ? ['STARTTLS'] : [],
    onRcptTo({ address }, _session, done) {
      done(refusal(refuse?.(address)));
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.once('end', () => {
        const refused = refusal(refuseData?.());
        if (refused !== null) return done(refused);
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          bytes: Buffer.concat(chunks),
          tls: session.secure,
          user: typeof session.user === 'string' ? session.user : undefined,
          hello: session.hostNameAppearsAs,
        });
        void later(beforeAnswer, done);
      });
    },
    ...rest,
  });
  server.on('error', () => undefined);
  const listening = server.listen(0, host);
  await once(listening, 'listening');
  const bound = listening.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : 0,
    mails,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

async function later(wait: () => Promise<void>, done: () => void): Promise<void> {
  await wait();
  done();
}

function refusal(code: number | undefined): (Error & { responseCode: number }) | null {
  return code === undefined ? null : Object.assign(new Error('refused by the test'), { responseCode: code });
}
