/** A real Dovecot in a folder of its own: IMAP over TLS, and LMTP that an MTA delivers to. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePlace, startProcess, until } from '../server-process.ts';

export interface DovecotOptions {
  /** An empty directory that every user may enter. */
  readonly dir: string;
  /** Names and passwords. */
  readonly users: Readonly<Record<string, string>>;
  /** PEM. */
  readonly tls: { readonly key: string; readonly cert: string };
}

export interface Dovecot {
  readonly imap: number;
  /** TLS from the first byte. */
  readonly imaps: number;
  /** A socket for `lmtp:unix:`. */
  readonly lmtp: string;
  /** The end of its log. */
  readonly logFile: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** On 127.0.0.1. */
export async function startDovecot(
  { dir, users, tls }: DovecotOptions,
  ports?: { readonly imap: number; readonly imaps: number },
): Promise<Dovecot> {
  const imap = ports?.imap ?? (await freePlace('127.0.0.1')).port;
  const imaps = ports?.imaps ?? (await freePlace('127.0.0.1')).port;
  await chmod(dir, 0o755);
  for (const name of ['mail', 'run', 'state']) await mkdir(join(dir, name), { recursive: true, mode: 0o755 });
  await chmod(join(dir, 'mail'), 0o777);
  await writeFile(join(dir, 'key.pem'), tls.key, { mode: 0o600 });
  await writeFile(join(dir, 'cert.pem'), tls.cert);
  const lines = Object.entries(users).map(([user, password]) => `${user}:{PLAIN}${password}\n`);
  await writeFile(join(dir, 'users'), lines.join(''));
  await writeFile(join(dir, 'dovecot.conf'), conf(dir, { imap, imaps }));
  const logFile = join(dir, 'dovecot.log');
  const server = await startProcess('dovecot', ['-F', '-c', join(dir, 'dovecot.conf')], logFile);
  await until('Dovecot listens', server, () => answers(imap));
  return {
    imap,
    imaps,
    lmtp: join(dir, 'lmtp'),
    logFile,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    const [greeting] = (await once(socket, 'data')) as [Buffer];
    return greeting.toString().startsWith('* OK');
  } finally {
    socket.destroy();
  }
}

function conf(dir: string, { imap, imaps }: { readonly imap: number; readonly imaps: number }): string {
  return `base_dir = ${dir}/run
state_dir = ${dir}/state
log_path = ${dir}/dovecot.log
instance_name = beckon-${imap}
protocols = imap lmtp
listen = 127.0.0.1
default_internal_user = dovecot
default_login_user = dovenull
first_valid_uid = 1
mail_uid = mail
mail_gid = mail
mail_home = ${dir}/mail/%n
mail_location = maildir:~/Maildir
ssl = yes
ssl_cert = <${dir}/cert.pem
ssl_key = <${dir}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%n ${dir}/users
}
userdb {
  driver = static
  args = uid=mail gid=mail home=${dir}/mail/%n
}
namespace inbox {
  inbox = yes
  mailbox Sent {
    auto = subscribe
    special_use = \\Sent
  }
}
service imap-login {
  inet_listener imap {
    port = ${imap}
  }
  inet_listener imaps {
    port = ${imaps}
    ssl = yes
  }
}
service lmtp {
  unix_listener ${dir}/lmtp {
    mode = 0666
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
protocol lmtp {
  auth_username_format = %Ln
}
protocol imap {
  mail_max_userip_connections = 200
}
`;
}
