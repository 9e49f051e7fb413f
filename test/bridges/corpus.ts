/** Mail that programs stumble over. What bridges do not understand they leave alone. */

export interface DifficultMail {
  readonly name: string;
  /** Its lines end with CR LF, the last one too. */
  readonly bytes: Buffer;
}

function lines(...text: readonly string[]): Buffer {
  return Buffer.from([...text, ''].join('\r\n'), 'latin1');
}

/** All bytes but NUL, CR and LF. */
const everyByte = String.fromCharCode(
  ...Array.from({ length: 255 }, (_, n) => n + 1).filter((byte) => byte !== 10 && byte !== 13),
);

function multipart(subtype: string, depth: number, ...parts: readonly string[]): string[] {
  const boundary = `b${depth}`;
  return [
    `Content-Type: multipart/${subtype}; boundary="${boundary}"`,
    '',
    ...parts.flatMap((part) => [`--${boundary}`, part]),
    `--${boundary}--`,
  ];
}

function nested(depth: number): string[] {
  return depth === 0
    ? ['Content-Type: text/plain', '', 'at last']
    : multipart('mixed', depth, nested(depth - 1).join('\r\n'));
}

const from = ['From: Bob <bob@legacy.test>', 'To: anna@alpha.test', 'MIME-Version: 1.0'];

export const difficultMails: readonly DifficultMail[] = [
  ['nested fifty deep', lines(...from, ...nested(50))],
  [
    'eight bits in header and body',
    lines('From: B\xf6b <bob@legacy.test>', 'Subject: \xfc\xff\x80', '', everyByte),
  ],
  [
    'encoded words, broken and whole',
    lines(
      ...from,
      'Subject: =?utf-8?B?w7w=?= =?utf-8?Q?=C3=?= =?nonsense?X?abc?= =?utf-8?Q?unended',
      '',
      'x',
    ),
  ],
  [
    'a charset that does not exist, and one that lies',
    lines(
      ...from,
      ...multipart(
        'alternative',
        1,
        'Content-Type: text/plain; charset=klingon-8\r\n\r\n\xc3\x28',
        'Content-Type: text/html; charset=utf-8\r\n\r\n<p>\xe9\xfe\xff</p>',
      ),
    ),
  ],
  [
    'signed with S/MIME: not a byte may change',
    lines(
      ...from,
      ...multipart(
        'signed; protocol="application/pkcs7-signature"; micalg=sha-256',
        1,
        'Content-Type: text/plain \r\n\r\n  trailing blanks  \t\r\n\r\n\r\n.\r\n..\r\n',
        'Content-Type: application/pkcs7-signature; name=smime.p7s\r\nContent-Transfer-Encoding: base64\r\n\r\nMIIB\r\n',
      ),
    ),
  ],
  [
    'encrypted with PGP',
    lines(
      ...from,
      ...multipart(
        'encrypted; protocol="application/pgp-encrypted"',
        1,
        'Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1',
        'Content-Type: application/octet-stream\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n\r\n- --\r\n-----END PGP MESSAGE-----',
      ),
    ),
  ],
  ['a line of a megabyte', lines(...from, '', 'x'.repeat(1_000_000))],
  ['a header line of a hundred kilobytes', lines(...from, `X-Long: ${'y'.repeat(100_000)}`, '', 'z')],
  [
    'every byte but NUL, as binary',
    lines(...from, 'Content-Transfer-Encoding: binary', '', ...Array.from({ length: 200 }, () => everyByte)),
  ],
  ['dots alone and in front', lines(...from, '', '.', '..', '...', '.x', ' .', '')],
  [
    'boundaries without end',
    lines(...from, 'Content-Type: multipart/mixed; boundary=""', '', '--', '----', '--b'),
  ],
  ['no body', lines(...from)],
  ['no header', lines('', 'only a body')],
  ['no header and no empty line', lines('just a line of text', 'and another')],
  ['nothing but line ends', lines('', '', '')],
  [
    'a thousand recipients in the header',
    lines(...from, `Cc: ${'x@legacy.test,\r\n '.repeat(1000)}y@legacy.test`, '', 'x'),
  ],
  [
    'folded where nobody folds',
    lines('From:', ' Bob', '\t<bob@legacy.test>', 'Subject:', '   ', ' x', '', 'y'),
  ],
  [
    'fields twice, and without a name',
    lines('From: a@b.test', 'From: c@d.test', ': nameless', 'no field', '', 'x'),
  ],
].map(([name, bytes]) => ({ name, bytes }) as DifficultMail);

/** About 50 MB, made when it is asked for. */
export function largeMail(): Buffer {
  const line = `${'QUJD'.repeat(19)}\r\n`;
  const head = lines(
    ...from,
    'Content-Type: application/octet-stream',
    'Content-Transfer-Encoding: base64',
    '',
    '',
  );
  return Buffer.concat([head, Buffer.from(line.repeat(Math.ceil(50e6 / line.length)))]);
}
