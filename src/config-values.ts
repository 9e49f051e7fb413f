/** The kinds of values that a configuration key may have: each reads what TOML or the environment gave. */
import { isIP, isIPv4, isIPv6 } from 'node:net';
import { isAbsolute, resolve } from 'node:path';
import ipaddr from 'ipaddr.js';
import { checkDomain } from './wire/domain-name.ts';

export interface Kind<T> {
  /** What a value must be, for messages and the reference page. */
  readonly expected: string;
  /** How the environment gives it: as is, as a number, or as a comma-separated list. */
  readonly plain: 'text' | 'number' | 'list';
  /**
   * Gives undefined where the value is not of this kind; throws an Error that says more about it where there is more to
   * say. `base`: the directory that relative paths start from.
   */
  read(value: unknown, base: string): T | undefined;
}

export type ListenAddress = TcpAddress | UnixAddress;
export interface TcpAddress {
  readonly kind: 'tcp';
  /** An IP address; empty for all interfaces. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}
export interface UnixAddress {
  readonly kind: 'unix';
  /** Absolute. */
  readonly path: string;
}

/** A part of the disk in percent, or a number of bytes. */
export type Reserve = { readonly percent: number } | { readonly bytes: number };

/** The kernel keeps socket paths in 108 bytes; some systems in 104. */
const maxSocketPath = 103;
const maxText = 1024;

/** Whether a TCP address can be reached from this machine only. */
export function isLoopback({ host }: TcpAddress): boolean {
  return isIP(host) !== 0 && ipaddr.process(host).range() === 'loopback';
}

function textKind<T>(expected: string, read: (text: string, base: string) => T | undefined): Kind<T> {
  return {
    expected,
    plain: 'text',
    read: (value, base) =>
      typeof value === 'string' && value.length <= maxText && !/\p{Cc}/u.test(value)
        ? read(value, base)
        : undefined,
  };
}

export const anyText = textKind('a text', (text) => text);

export const hostName = textKind('a host name such as "post.example.net"', (text) => {
  try {
    checkDomain(text);
    return text;
  } catch {
    return undefined;
  }
});

export const path = textKind('a path', (text, base) => (text === '' ? undefined : resolve(base, text)));

/** Empty text means none. */
export function orNone<T>(kind: Kind<T>): Kind<T | null> {
  return {
    ...kind,
    expected: `${kind.expected}, or "" for none`,
    read: (value, base) => (value === '' ? null : kind.read(value, base)),
  };
}

/** `refused` holds values that other versions know, and what to say about them. */
export function choice<const T extends string>(
  values: readonly T[],
  refused: Readonly<Record<string, string>> = {},
): Kind<T> {
  return textKind(values.map((value) => JSON.stringify(value)).join(' | '), (text) => {
    if (Object.hasOwn(refused, text)) throw new Error(refused[text]);
    return values.find((value) => value === text);
  });
}

export function count(min: number, max: number): Kind<number> {
  return {
    expected: `a whole number from ${min} to ${max}`,
    plain: 'number',
    read: (value) =>
      typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
        ? value
        : undefined,
  };
}

const sizeUnits = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};
const durationUnits = { s: 1, m: 60, h: 3600, d: 86_400 };

function quantity(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,3})?) ?([A-Za-z]+)$/.exec(text);
  const unit = match?.[2] ?? '';
  if (match === null || !Object.hasOwn(units, unit)) return undefined;
  return Math.floor(Number(match[1]) * (units[unit] as number));
}

/** In bytes. */
export const size = textKind('a size such as "50GB" or "512MiB"', (text) => quantity(text, sizeUnits));

/** In seconds, within limits. */
export function duration(min: string, max: string): Kind<number> {
  const [least, most] = [quantity(min, durationUnits) ?? 0, quantity(max, durationUnits) ?? 0];
  return textKind(`a duration such as "14d" or "12h", from "${min}" to "${max}"`, (text) => {
    const seconds = quantity(text, durationUnits);
    return seconds !== undefined && seconds >= least && seconds <= most ? seconds : undefined;
  });
}

export const reserve = textKind<Reserve>('a share of the disk such as "10%", or a size', (text) => {
  const percent = /^(\d{1,2}(?:\.\d)?)%$/.exec(text)?.[1];
  if (percent !== undefined) return { percent: Number(percent) };
  const bytes = quantity(text, sizeUnits);
  return bytes === undefined ? undefined : { bytes };
});

export const tcpAddress = textKind<TcpAddress>('an address such as ":443" or "127.0.0.1:8080"', readTcp);

export const unixAddress = textKind<UnixAddress>(
  `a socket such as "unix:/run/beckon/admin.sock", its path at most ${maxSocketPath} bytes`,
  readUnix,
);

export const listenAddress: Kind<ListenAddress> = textKind<ListenAddress>(
  'an address such as ":443", "127.0.0.1:8080" or "unix:/path"',
  (text, base) => readUnix(text, base) ?? readTcp(text),
);

function readUnix(text: string, base: string): UnixAddress | undefined {
  if (!text.startsWith('unix:') || text === 'unix:') return undefined;
  const name = text.slice('unix:'.length);
  const absolute = isAbsolute(name) ? name : resolve(base, name);
  return Buffer.byteLength(absolute) <= maxSocketPath ? { kind: 'unix', path: absolute } : undefined;
}

function readTcp(text: string): TcpAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]*)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const [, six, four = '', digits] = match;
  const port = Number(digits);
  if (port > 65_535) return undefined;
  if (six !== undefined) return isIPv6(six) ? { kind: 'tcp', host: six, port } : undefined;
  return four === '' || isIPv4(four) ? { kind: 'tcp', host: four, port } : undefined;
}

/** `address:port`, where the port may be left out. */
export const resolverAddress = textKind('an address such as "127.0.0.1:5300"', (text) => {
  if (isIP(text) !== 0) return isIPv6(text) ? `[${text}]:53` : `${text}:53`;
  const address = readTcp(text);
  return address !== undefined && address.host !== '' && address.port > 0 ? text : undefined;
});

/** A network in CIDR form, or one address. */
export const network = textKind('a network such as "10.0.0.0/8", or an address', (text) => {
  const [address = '', prefix, ...rest] = text.split('/');
  const bits = isIPv4(address) ? 32 : isIPv6(address) && !address.includes('%') ? 128 : -1;
  if (bits < 0 || rest.length > 0) return undefined;
  if (prefix === undefined) return `${address}/${bits}`;
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= bits ? text : undefined;
});

const maxItems = 256;

export function listOf<T>(kind: Kind<T>): Kind<readonly T[]> {
  return {
    expected: `a list, each ${kind.expected}`,
    plain: 'list',
    read(value, base) {
      if (!Array.isArray(value) || value.length > maxItems) return undefined;
      const items = value.map((item) => kind.read(item, base));
      return items.some((item) => item === undefined) ? undefined : Object.freeze(items as T[]);
    },
  };
}

/** Where mail leaves to. */
export type SmtpRoute =
  | { readonly kind: 'direct' }
  | {
      readonly kind: 'server';
      readonly host: string;
      readonly port: number;
      /** TLS from the first byte. */
      readonly implicitTls: boolean;
      /** Who logs in; null: nobody. */
      readonly user: string | null;
    };

const smtpPattern =
  /^(smtps?):\/\/(?:([^\s/?#]{1,254})@)?(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9.-]{1,253}))(?::(\d{1,5}))?$/;

/** As transport(5) of Postfix has it. */
export const mailTransport = textKind('a transport such as "lmtp:unix:/beckon/lmtp"', (text) =>
  /^[a-z0-9_-]{1,32}:[!-~]{1,256}$/.test(text) ? text : undefined,
);

/** `direct`, or `smtp://` or `smtps://` with a host, a user and a port where they are wanted. */
export const smtpRoute = textKind<SmtpRoute>(
  '"direct", "smtp://HOST[:PORT]" or "smtps://USER@HOST[:PORT]"',
  (text) => {
    if (text === 'direct') return { kind: 'direct' };
    const [, scheme, user, six, name, digits] = smtpPattern.exec(text) ?? [];
    const host = six ?? name;
    if (scheme === undefined || host === undefined || (six !== undefined && !isIPv6(six))) return undefined;
    const implicitTls = scheme === 'smtps';
    const usual = implicitTls ? 465 : user === undefined ? 25 : 587;
    const port = digits === undefined ? usual : Number(digits);
    if (port < 1 || port > 65_535) return undefined;
    return { kind: 'server', host, port, implicitTls, user: user ?? null };
  },
);
