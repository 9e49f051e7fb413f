/** A user's mail store over IMAP, always under TLS, the certificate that of its name. */
import { ImapFlow } from 'imapflow';
import { BeckonError, codeOf } from '../errors.ts';
import type { FindMailStore } from '../outbound/mail-store.ts';

export interface MailStoreTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

export interface MailStore {
  /** Durable where the store keeps its word. Makes the folder where there is none. Throws `network_failed`, `unavailable`. */
  append(folder: string, bytes: Uint8Array, flags: readonly string[], created: number): Promise<void>;
  /** Whether a folder has a message with this value of `X-Beckon-Letter`. */
  has(folder: string, mark: string): Promise<boolean>;
  close(): Promise<void>;
}

/** Throws `network_refused`, `network_failed`, `tls_failed`, and `unauthorized` where the store knows neither name nor password. */
export type ConnectMailStore = (target: MailStoreTarget) => Promise<MailStore>;

/** Of a step without an answer, milliseconds. */
const patience = 30_000;

export function createConnectMailStore(find: FindMailStore): ConnectMailStore {
  async function logIn(target: MailStoreTarget): Promise<ImapFlow> {
    const { addresses, secureContext } = await find(target.host);
    let failure: BeckonError | undefined;
    for (const address of addresses.slice(0, 3)) {
      const flow = new ImapFlow({
        host: address,
        port: target.port,
        servername: target.host,
        secure: true,
        tls: { secureContext, servername: target.host },
        auth: { user: target.user, pass: target.password },
        disableAutoIdle: true,
        logger: false,
        connectionTimeout: patience,
        greetingTimeout: patience,
        socketTimeout: 2 * patience,
      });
      // Whoever waits for an answer is told; between two there is nobody to tell.
      flow.on('error', () => undefined);
      try {
        await flow.connect();
        return flow;
      } catch (error) {
        flow.close();
        failure = failureOf(error);
        if (codeOf(failure) === 'unauthorized') throw failure;
      }
    }
    throw failure ?? new BeckonError('network_failed', 'the mail store has no address');
  }

  return async (target) => {
    const flow = await logIn(target);
    return {
      async append(folder, bytes, flags, created) {
        const put = (): Promise<unknown> =>
          flow.append(folder, Buffer.from(bytes), [...flags], new Date(created * 1000));
        const done = await put().catch(async (error: unknown) => {
          if ((error as { serverResponseCode?: string }).serverResponseCode !== 'TRYCREATE')
            throw failureOf(error);
          await flow.mailboxCreate(folder).catch((failed: unknown) => {
            throw failureOf(failed);
          });
          return await put().catch((failed: unknown) => {
            throw failureOf(failed);
          });
        });
        if (done === false) throw new BeckonError('unavailable', 'the mail store did not take the message');
      },
      async has(folder, mark) {
        try {
          const lock = await flow.getMailboxLock(folder, { readOnly: true });
          try {
            const found = await flow.search({ header: { 'x-beckon-letter': mark } }, { uid: true });
            return Array.isArray(found) && found.length > 0;
          } finally {
            lock.release();
          }
        } catch (error) {
          if ((error as { mailboxMissing?: boolean }).mailboxMissing === true) return false;
          throw failureOf(error);
        }
      },
      async close() {
        await flow.logout().catch(() => flow.close());
      },
    };
  };
}

function failureOf(cause: unknown): BeckonError {
  if (cause instanceof BeckonError) return cause;
  const { authenticationFailed, code = '' } = cause as { authenticationFailed?: boolean; code?: string };
  if (authenticationFailed === true)
    return new BeckonError('unauthorized', 'the mail store refuses name and password', { cause });
  if (/CERT|TLS|SSL|SELF_SIGNED|VERIFY/.test(code))
    return new BeckonError('tls_failed', 'the mail store has no certificate for its name', { cause });
  if (code !== '' && code !== 'NO' && code !== 'BAD')
    return new BeckonError('network_failed', 'the mail store does not answer', { cause });
  return new BeckonError('unavailable', 'the mail store refuses', { cause });
}
