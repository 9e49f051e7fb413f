/** The sections of the bridges to mail: `smtp_out`, `lmtp`, `smtp_in`, `submission`, `mailbox`, `postfix`. */
import { entry } from './config-entry.ts';
import {
  choice,
  hostName,
  listenAddress,
  mailTransport,
  orNone,
  path,
  size,
  smtpRoute,
  tcpAddress,
} from './config-values.ts';

export const bridgeSections = {
  smtpOut: {
    via: entry(
      orNone(smtpRoute),
      '',
      'How mail to whom is not reachable natively leaves: "smtp://localhost:25", the MTA of this machine; "smtps://USER@HOST" or "smtp://USER@HOST:587", a smarthost; "direct", to the MX of each domain.',
    ),
    passwordFile: entry(orNone(path), '', 'A file whose first line is the password at the smarthost.'),
    hello: entry(orNone(hostName), '', 'The name that is said in EHLO; empty: that of this machine, `host`.'),
  },
  lmtp: {
    listen: entry(
      orNone(listenAddress),
      '',
      'Where the MTA of this machine hands in mail for native users: a socket, or a port on loopback.',
    ),
  },
  smtpIn: {
    listen: entry(
      orNone(tcpAddress),
      '',
      'Mail from everywhere, for domains whose MX this machine is; ":25".',
    ),
    maxSize: entry(size, '50MiB', 'The largest mail that is taken, over SMTP and LMTP alike.'),
    policy: entry(
      choice(['accept', 'mark', 'refuse']),
      'mark',
      'What becomes of mail that fails the policy its claimed sender published (DMARC): "accept", it is delivered with the finding beside it; "mark", and a client shows it as suspect; "refuse", where that policy says reject.',
    ),
  },
  submission: {
    listen: entry(
      orNone(tcpAddress),
      '',
      'Mail from old mail programs of users, over TLS from the first byte; ":465".',
    ),
    starttls: entry(orNone(tcpAddress), '', 'The same with STARTTLS; ":587".'),
  },
  mailbox: {
    push: entry(
      choice(['on', 'off']),
      'on',
      'Whether users may have their messages copied into mail stores of theirs; "off" also stops what was begun before, and takes nothing of it away.',
    ),
  },
  postfix: {
    socketmap: entry(
      orNone(listenAddress),
      '',
      'Tells Postfix which addresses are native (`transport_maps`): a socket, or a port on loopback. With lmtp.listen only.',
    ),
    transport: entry(
      orNone(mailTransport),
      '',
      'What Postfix is told to do with mail for native addresses (`transport(5)`); empty: LMTP to lmtp.listen. Said where Postfix sees that socket elsewhere, in a chroot.',
    ),
  },
};
