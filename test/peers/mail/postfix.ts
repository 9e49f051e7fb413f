/** A real Postfix in a folder of its own: the MX of one domain, and whatever else a test makes of it. Needs to be started as root. */
import { chmod, chown, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:net';
import { once } from 'node:events';
import { freePlace, run, startProcess, until, type ServerProcess } from '../server-process.ts';

export interface PostfixOptions {
  /** An empty directory that every user may enter. */
  readonly dir: string;
  readonly domain: string;
  /** Local parts. */
  readonly mailboxes: readonly string[];
  /** Where mail for the mailboxes goes; into files here unless told (`received`). */
  readonly mailboxTransport?: string;
  /** PEM; no TLS unless told. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** More of main.cf, or other values. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface Postfix {
  readonly port: number;
  /** The mails of a mailbox, as they were written, in no order. */
  received(mailbox: string): Promise<readonly string[]>;
  /** How many wait in the queue. */
  queued(): Promise<number>;
  /** Tries at once what waits. */
  flush(): Promise<void>;
  log(): Promise<string>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** On 127.0.0.1, or at `place`. Retries, and bounces, come within seconds. */
export async function startPostfix(
  options: PostfixOptions,
  place?: { readonly address: string; readonly port: number },
): Promise<Postfix> {
  const { dir, tls } = options;
  const { address, port } = place ?? (await freePlace('127.0.0.1'));
  const [uid, gid] = await ownerOf('postfix');
  for (const [name, owned] of [
    ['conf', false],
    ['queue', false],
    ['queue/pid', false],
    ['data', true],
    ['mail', true],
  ] as const) {
    await mkdir(join(dir, name), { mode: 0o755 });
    if (owned) await chown(join(dir, name), uid, gid);
  }
  await chmod(dir, 0o755);
  if (tls !== undefined) {
    await writeFile(join(dir, 'key.pem'), tls.key, { mode: 0o600 });
    await writeFile(join(dir, 'cert.pem'), tls.cert);
  }
  await writeFile(join(dir, 'conf', 'main.cf'), mainCf(options, { address, uid, gid }));
  await writeFile(join(dir, 'conf', 'master.cf'), masterCf(`${address}:${port}`));
  const conf = join(dir, 'conf');
  const server = await startProcess('postfix', ['-c', conf, 'start-fg'], join(dir, 'master.log'));
  await until('Postfix listens', server, () => answers(address, port));
  return {
    port,
    received: (mailbox) => mailsIn(join(dir, 'mail', mailbox, 'new')),
    queued: async () => (await run('postqueue', ['-c', conf, '-j'])).split('\n').filter(Boolean).length,
    flush: async () => void (await run('postqueue', ['-c', conf, '-f'])),
    log: () => readFile(join(dir, 'mail.log'), 'utf8').catch(() => ''),
    [Symbol.asyncDispose]: () => stop(server, conf),
  };
}

async function stop(server: ServerProcess, conf: string): Promise<void> {
  await run('postfix', ['-c', conf, 'stop']).catch(() => undefined);
  await server[Symbol.asyncDispose]();
}

async function ownerOf(user: string): Promise<readonly [number, number]> {
  if (userInfo().uid !== 0) throw new Error('Postfix can be started by root only');
  const [uid, gid] = await Promise.all([run('id', ['-u', user]), run('id', ['-g', user])]);
  return [Number(uid), Number(gid)];
}

async function mailsIn(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory).catch(() => []);
  return await Promise.all(names.map((name) => readFile(join(directory, name), 'latin1')));
}

async function answers(address: string, port: number): Promise<boolean> {
  const socket = connect(port, address);
  try {
    const [greeting] = (await once(socket, 'data')) as [Buffer];
    return greeting.toString().startsWith('220');
  } finally {
    socket.destroy();
  }
}

function mainCf(
  { dir, domain, mailboxes, mailboxTransport, tls, settings = {} }: PostfixOptions,
  { address, uid, gid }: { readonly address: string; readonly uid: number; readonly gid: number },
): string {
  const boxes = mailboxes.map((local) => `{ ${local}@${domain} = ${local}/ }`).join(', ');
  const values = {
    compatibility_level: '3.6',
    queue_directory: join(dir, 'queue'),
    data_directory: join(dir, 'data'),
    command_directory: '/usr/sbin',
    daemon_directory: '/usr/lib/postfix/sbin',
    mail_owner: 'postfix',
    setgid_group: 'postdrop',
    maillog_file_prefixes: dir,
    maillog_file: join(dir, 'mail.log'),
    myhostname: `mx.${domain}`,
    mydomain: domain,
    myorigin: domain,
    mydestination: '',
    inet_interfaces: address,
    inet_protocols: 'ipv4',
    smtp_bind_address: '127.0.0.1',
    mynetworks: '127.0.0.0/8',
    alias_maps: '',
    alias_database: '',
    local_recipient_maps: '',
    local_transport: 'error:no local delivery',
    biff: 'no',
    virtual_mailbox_domains: domain,
    virtual_mailbox_base: join(dir, 'mail'),
    virtual_mailbox_maps: `inline:{ ${boxes} }`,
    virtual_uid_maps: `static:${uid}`,
    virtual_gid_maps: `static:${gid}`,
    virtual_minimum_uid: '1',
    ...(mailboxTransport === undefined ? {} : { virtual_transport: mailboxTransport }),
    ...(tls === undefined
      ? { smtpd_tls_security_level: 'none' }
      : {
          smtpd_tls_security_level: 'may',
          smtpd_tls_cert_file: join(dir, 'cert.pem'),
          smtpd_tls_key_file: join(dir, 'key.pem'),
        }),
    smtpd_relay_restrictions: 'permit_mynetworks, reject_unauth_destination',
    smtpd_client_connection_count_limit: '0',
    smtpd_client_event_limit_exceptions: '127.0.0.0/8',
    queue_run_delay: '2s',
    minimal_backoff_time: '2s',
    maximal_backoff_time: '4s',
    maximal_queue_lifetime: '1h',
    bounce_queue_lifetime: '1h',
    ...settings,
  };
  return `${Object.entries(values)
    .map(([name, value]) => `${name} = ${value}`)
    .join('\n')}\n`;
}

/** Nothing in a chroot: what its services need stands elsewhere. */
function masterCf(place: string): string {
  const services = [
    `${place} inet n - n - - smtpd`,
    'pickup unix n - n 60 1 pickup',
    'cleanup unix n - n - 0 cleanup',
    'qmgr unix n - n 300 1 qmgr',
    'tlsmgr unix - - n 1000? 1 tlsmgr',
    'rewrite unix - - n - - trivial-rewrite',
    'bounce unix - - n - 0 bounce',
    'defer unix - - n - 0 bounce',
    'trace unix - - n - 0 bounce',
    'verify unix - - n - 1 verify',
    'flush unix n - n 1000? 0 flush',
    'proxymap unix - - n - - proxymap',
    'smtp unix - - n - - smtp',
    'relay unix - - n - - smtp',
    'showq unix n - n - - showq',
    'error unix - - n - - error',
    'retry unix - - n - - error',
    'discard unix - - n - - discard',
    'virtual unix - n n - - virtual',
    'lmtp unix - - n - - lmtp',
    'anvil unix - - n - 1 anvil',
    'scache unix - - n - 1 scache',
    'postlog unix-dgram n - n - 1 postlogd',
  ];
  return `${services.join('\n')}\n`;
}
