/** A small IMAP store over TLS, as much as appending needs: it keeps what it gets, and fails when told to. */
import { createServer, type Server, type TLSSocket } from 'node:tls';

export interface StoredMail {
  readonly folder: string;
  readonly text: string;
  readonly flags: readonly string[];
}

export interface ImapServer {
  readonly port: number;
  readonly stored: StoredMail[];
  /** How many times it was asked to log in. */
  logins(): number;
  /** Called when a message is stored, before that is answered: throwing breaks the connection off. */
  onStored: (count: number) => void;
  /** Whether it says that a folder is missing, until it is made. */
  readonly folders: Set<string>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

export async function startImap(options: {
  readonly cert: string;
  readonly key: string;
  readonly host: string;
  readonly user: string;
  readonly password: string;
}): Promise<ImapServer> {
  const stored: StoredMail[] = [];
  const folders = new Set(['INBOX']);
  const sockets = new Set<TLSSocket>();
  let logins = 0;
  let port = 0;
  let server: Server | undefined;
  const hooks = { onStored: (_count: number): void => undefined };

  function serve(socket: TLSSocket): void {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
    const say = (line: string): void => void socket.write(`${line}\r\n`);
    let buffered = Buffer.alloc(0);
    let selected = '';
    let literal: { readonly size: number; readonly head: string } | undefined;

    function append(head: string, body: Buffer): void {
      const [tag = ''] = head.split(' ');
      const folder = /APPEND "?([^" ]+)"?/i.exec(head)?.[1] ?? '';
      if (!folders.has(folder)) return say(`${tag} NO [TRYCREATE] no such folder`);
      const flags =
        /\(([^)]*)\)/
          .exec(head)?.[1]
          ?.split(' ')
          .filter((flag) => flag !== '') ?? [];
      stored.push({ folder, text: body.toString('utf8'), flags });
      try {
        hooks.onStored(stored.length);
      } catch {
        return void socket.destroy();
      }
      say(`${tag} OK [APPENDUID 1 ${stored.length}] done`);
    }

    function command(line: string): void {
      const [tag = '', name = ''] = line.split(' ');
      const rest = line.slice(tag.length + name.length + 2);
      switch (name.toUpperCase()) {
        case 'CAPABILITY':
          say('* CAPABILITY IMAP4rev1 UIDPLUS');
          return say(`${tag} OK done`);
        case 'LOGIN': {
          logins++;
          const unquoted = rest.replace(/"/g, '');
          return unquoted === `${options.user} ${options.password}`
            ? say(`${tag} OK [CAPABILITY IMAP4rev1 UIDPLUS] in`)
            : say(`${tag} NO [AUTHENTICATIONFAILED] wrong`);
        }
        case 'CREATE':
          folders.add(rest.replace(/"/g, ''));
          return say(`${tag} OK made`);
        case 'LIST':
          if (rest === '"" ""') say('* LIST (\\Noselect) "/" ""');
          else for (const folder of folders) say(`* LIST () "/" "${folder}"`);
          return say(`${tag} OK done`);
        case 'SELECT':
        case 'EXAMINE': {
          selected = rest.split(' ')[0]?.replace(/"/g, '') ?? '';
          if (!folders.has(selected)) return say(`${tag} NO [NONEXISTENT] none`);
          say(`* ${stored.filter(({ folder }) => folder === selected).length} EXISTS`);
          say('* OK [UIDVALIDITY 1] valid');
          say(`* OK [UIDNEXT ${stored.length + 1}] next`);
          return say(`${tag} OK [READ-ONLY] there`);
        }
        case 'UID': {
          const wanted = /HEADER "?X-BECKON-LETTER"? "?([A-Za-z0-9_-]+)"?/i.exec(rest)?.[1] ?? '';
          const found = stored.flatMap(({ folder, text }, index) =>
            folder === selected && wanted !== '' && text.startsWith(`X-Beckon-Letter: ${wanted}\r\n`)
              ? [index + 1]
              : [],
          );
          say(`* SEARCH${found.map((uid) => ` ${uid}`).join('')}`);
          return say(`${tag} OK done`);
        }
        case 'LOGOUT':
          say('* BYE');
          say(`${tag} OK`);
          return void socket.end();
        default:
          return say(
            ['NOOP', 'CLOSE', 'UNSELECT', 'SUBSCRIBE'].includes(name) ? `${tag} OK` : `${tag} BAD no`,
          );
      }
    }

    function step(): boolean {
      if (literal !== undefined) {
        if (buffered.length < literal.size + 2) return false;
        const body = buffered.subarray(0, literal.size);
        buffered = buffered.subarray(literal.size + 2);
        const { head } = literal;
        literal = undefined;
        append(head, Buffer.from(body));
        return true;
      }
      const end = buffered.indexOf('\r\n');
      if (end < 0) return false;
      const line = buffered.subarray(0, end).toString('utf8');
      buffered = buffered.subarray(end + 2);
      const size = /\{(\d+)(\+?)\}$/.exec(line);
      if (size === null) command(line);
      else {
        literal = { size: Number(size[1]), head: line };
        if (size[2] === '') say('+ go on');
      }
      return true;
    }

    say('* OK IMAP4rev1 ready');
    socket.on('data', (data: Buffer) => {
      buffered = Buffer.concat([buffered, data]);
      while (step());
    });
  }

  async function start(): Promise<void> {
    server = createServer({ cert: options.cert, key: options.key }, serve);
    server.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => server?.listen(port, options.host, resolve));
    const address = server.address();
    port = typeof address === 'object' && address !== null ? address.port : 0;
  }

  async function stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => server?.close(() => resolve()) ?? resolve());
    for (const socket of sockets) socket.destroy();
    await closed;
  }

  await start();
  return {
    port,
    stored,
    folders,
    logins: () => logins,
    get onStored() {
      return hooks.onStored;
    },
    set onStored(next) {
      hooks.onStored = next;
    },
    start,
    stop,
  };
}
