/** What each value alone cannot show: keys that contradict one another. */
import type { Config } from './config-schema.ts';
import { isLoopback, type ListenAddress } from './config-values.ts';

/**
 * Calls `refuse` with the key to blame and what is wrong. `given`: whether a key (its name in the file) was set, not
 * left at its default.
 */
export function checkContradictions(
  config: Config,
  given: (name: string) => boolean,
  refuse: (name: string, reason: string) => void,
): void {
  checkTls(config, given, refuse);
  checkProxies(config, refuse);
  checkListeners(config, refuse);
  checkBridges(config, refuse);
}

type Refuse = (name: string, reason: string) => void;

function checkTls({ tls, listen }: Config, given: (name: string) => boolean, refuse: Refuse): void {
  if (tls.mode === 'none' && !isLocal(listen.https))
    refuse('tls.mode', '"none" is plain HTTP: listen.https must be on loopback');
  if (tls.mode !== 'files') {
    const idle = ['tls.directory', 'tls.certificate', 'tls.key'].find(given);
    if (idle !== undefined) refuse(idle, `tls.mode = "${tls.mode}" uses no certificates`);
    return;
  }
  if (tls.certificate !== null && tls.key === null) refuse('tls.certificate', 'tls.key is missing');
  if (tls.key !== null && tls.certificate === null) refuse('tls.key', 'tls.certificate is missing');
  if (tls.directory === null && tls.certificate === null)
    refuse('tls.directory', 'tls.mode = "files" needs a directory or a certificate');
}

function checkProxies({ tls, listen }: Config, refuse: Refuse): void {
  if (tls.mode !== 'proxy') {
    if (listen.trustedProxies.length > 0)
      refuse('listen.trusted_proxies', 'proxies are believed with tls.mode = "proxy" only');
    return;
  }
  if (listen.https.kind === 'tcp' && !isLoopback(listen.https) && listen.trustedProxies.length === 0)
    refuse('listen.trusted_proxies', 'tls.mode = "proxy" beyond loopback needs to know the proxies');
}

function checkListeners({ listen }: Config, refuse: Refuse): void {
  const { https, metrics, admin } = listen;
  if (metrics !== null && metrics.kind === 'tcp' && !isLoopback(metrics))
    refuse('listen.metrics', 'must be on loopback or a socket: the figures are not public');
  if (metrics !== null && same(https, metrics)) refuse('listen.metrics', 'is the same as listen.https');
  if (same(https, admin)) refuse('listen.admin', 'is the same as listen.https');
  if (metrics !== null && same(metrics, admin)) refuse('listen.admin', 'is the same as listen.metrics');
}

function isLocal(address: ListenAddress): boolean {
  return address.kind === 'tcp' && isLoopback(address);
}

function same(a: ListenAddress, b: ListenAddress): boolean {
  if (a.kind === 'unix') return b.kind === 'unix' && a.path === b.path;
  if (b.kind === 'unix') return false;
  return a.port !== 0 && a.port === b.port && (a.host === b.host || a.host === '' || b.host === '');
}

function checkBridges(config: Config, refuse: Refuse): void {
  checkMailOut(config, refuse);
  checkMailIn(config, refuse);
  checkSubmission(config, refuse);
}

function checkMailOut({ smtpOut: { via, passwordFile } }: Config, refuse: Refuse): void {
  const user = via?.kind === 'server' ? via.user : null;
  if (user !== null && passwordFile === null)
    refuse('smtp_out.password_file', 'smtp_out.via names a user: a password is missing');
  if (user === null && passwordFile !== null)
    refuse('smtp_out.password_file', 'smtp_out.via names no user: "smtps://USER@HOST"');
}

function checkSubmission({ submission, tls }: Config, refuse: Refuse): void {
  for (const name of ['listen', 'starttls'] as const)
    if (submission[name] !== null && tls.mode !== 'files')
      refuse(`submission.${name}`, 'passwords travel under TLS only: tls.mode must be "files"');
}

function checkMailIn({ lmtp, smtpIn, postfix, defaults }: Config, refuse: Refuse): void {
  if (lmtp.listen?.kind === 'tcp' && !isLoopback(lmtp.listen))
    refuse('lmtp.listen', 'must be on loopback or a socket: whoever speaks LMTP is believed');
  if (postfix.socketmap?.kind === 'tcp' && !isLoopback(postfix.socketmap))
    refuse('postfix.socketmap', 'must be on loopback or a socket: it tells who has an address');
  if (postfix.socketmap !== null && lmtp.listen === null)
    refuse('postfix.socketmap', 'needs lmtp.listen: that is where native mail is sent to');
  if (postfix.transport !== null && postfix.socketmap === null)
    refuse('postfix.transport', 'needs postfix.socketmap: nobody is told else');
  if (smtpIn.listen !== null && defaults.unknownUsers === 'decoy')
    refuse('defaults.unknown_users', '"decoy" beside smtp_in: SMTP tells who has an address');
}
