/** A client of SMTP that sends exactly what it is told, for tests. */
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface SmtpLine {
  /** Sends bytes as they are (latin1). */
  write(text: string): void;
  /** The next whole answer, lines joined by `\n`. */
  answer(): Promise<string>;
  /** Sends a line with CR LF, and gives the answer. */
  say(line: string): Promise<string>;
  /** The envelope and the data, dots stuffed; gives the answer to the data, or the first refusal. */
  mail(envelope: { from?: string; to: readonly string[] }, data: string): Promise<string>;
  startTls(ca: string, servername: string): Promise<void>;
  /** Resolves once the server has ended the connection. */
  ended(): Promise<void>;
  close(): void;
}

export async function openLine(where: number | string): Promise<SmtpLine> {
  const plain = typeof where === 'number' ? connectTcp(where, '127.0.0.1') : connectTcp(where);
  let socket: Socket = plain;
  let text = '';
  let wake = (): void => undefined;
  let over = false;
  const isOver = () => over;
  const listen = (): void => {
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1');
      wake();
    });
    socket.on('close', () => {
      over = true;
      wake();
    });
    socket.on('error', () => undefined);
  };
  listen();
  const line: SmtpLine = {
    write: (bytes) => void socket.write(bytes, 'latin1'),
    async answer() {
      for (;;) {
        const whole = /^(?:\d{3}-[^\r\n]*\r\n)*\d{3} [^\r\n]*\r\n/.exec(text)?.[0];
        if (whole !== undefined) {
          text = text.slice(whole.length);
          return whole.trimEnd().replaceAll('\r\n', '\n');
        }
        if (over) throw new Error(`the server ended the connection: ${text}`);
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
    async say(words) {
      line.write(`${words}\r\n`);
      return await line.answer();
    },
    async mail({ from = 'bob@legacy.test', to }, data) {
      for (const words of [`MAIL FROM:<${from}>`, ...to.map((one) => `RCPT TO:<${one}>`), 'DATA']) {
        const answer = await line.say(words);
        if (/^[45]/.test(answer)) return answer;
      }
      line.write(`${data.replaceAll('\r\n.', '\r\n..')}\r\n.\r\n`);
      return await line.answer();
    },
    async startTls(ca, servername) {
      socket.removeAllListeners();
      const secure = connectTls({ socket: plain, ca, servername });
      socket = secure;
      listen();
      await once(secure, 'secureConnect');
    },
    async ended() {
      while (!isOver()) await new Promise<void>((resolve) => (wake = resolve));
    },
    close: () => socket.destroy(),
  };
  return line;
}
