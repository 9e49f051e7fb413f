/** Who may import whom: the one place where it is written as data. CONTRIBUTING.md shows it to people. */

/** Files at the top of src that every room may import; they import only each other. */
export const leaves = ['errors.ts', 'clock.ts', 'log.ts', 'metrics.ts', 'rate.ts'];

/** The files at the top of src that belong to a room of their own, by the beginning of their names. */
export const topRooms = ['config', 'daemon', 'main'];

/** Where the parts of the daemon are put together: nothing is decided there. */
export const daemonLists = [
  'daemon.ts',
  'daemon-account.ts',
  'daemon-admin.ts',
  'daemon-bridges.ts',
  'daemon-fetch.ts',
  'daemon-mail-in.ts',
  'daemon-gateways.ts',
  'daemon-mail-out.ts',
];

export const everything = 'everything';

/** room -> the rooms it may import, besides itself and the leaves. A room that is not listed may not exist. */
export const mayImport: Readonly<Record<string, readonly string[] | typeof everything>> = {
  wire: [],
  crypto: [],
  config: ['wire'],
  keys: ['wire', 'crypto'],
  message: ['wire', 'crypto', 'keys'],
  dns: ['wire'],
  outbound: ['wire', 'dns'],
  directory: ['wire', 'crypto', 'keys', 'message', 'dns', 'outbound'],
  store: ['wire'],
  account: ['wire', 'crypto', 'keys', 'message', 'directory', 'store'],
  notify: ['wire', 'crypto', 'keys', 'message', 'dns', 'outbound', 'directory', 'store'],
  fetch: ['wire', 'crypto', 'keys', 'message', 'dns', 'outbound', 'directory', 'store'],
  client: ['wire', 'crypto', 'keys', 'message', 'directory', 'outbound'],
  bridges: ['wire', 'crypto', 'keys', 'message', 'dns', 'outbound', 'directory', 'store', 'client'],
  http: ['wire'],
  admin: ['wire', 'crypto', 'config', 'keys', 'message', 'dns', 'directory', 'outbound', 'store'],
  cli: ['wire', 'client', 'admin', 'config', 'http'],
  daemon: everything,
  main: everything,
  demo: everything,
};

/** Files of these rooms run in a browser too: no module of Node's, none of its globals. */
export const portable = {
  rooms: ['wire', 'crypto', 'keys', 'message', 'client'],
  except: ['crypto/primitives-node.ts'],
  globals: ['Buffer', 'process', '__dirname', '__filename', 'setImmediate'],
};

/**
 * Who owns a library: module (a trailing `*` stands for the rest of the name) -> the rooms and files that may
 * import it.
 */
export const owners: Readonly<Record<string, readonly string[]>> = {
  'sodium-native': ['crypto'],
  '@noble/*': ['crypto'],
  'node:crypto': ['crypto', 'store/digest.ts', 'http/certificates.ts', 'outbound/dane.ts', 'demo'],
  '@scure/bip39': ['keys'],
  '@scure/bip39/*': ['keys'],
  '@peculiar/x509': ['demo'],
  lmdb: ['store'],
  'node:sqlite': ['store'],
  fastify: ['http'],
  '@fastify/*': ['http'],
  'node:dns': ['dns'],
  'node:dns/*': ['dns'],
  dns2: ['dns', 'demo'],
  'dns-packet': ['dns'],
  undici: ['outbound'],
  'undici/*': ['outbound'],
  'node:dgram': ['outbound', 'notify/socket.ts', 'dns/exchange.ts', 'demo'],
  'node:http': ['outbound', 'http', 'demo'],
  'node:http2': ['outbound', 'http'],
  'node:https': ['outbound', 'http'],
  'node:net': ['outbound', 'http', 'bridges', 'dns/exchange.ts', 'dns/servers.ts', 'demo'],
  'node:tls': ['outbound', 'http', 'bridges', 'demo'],
  nodemailer: ['bridges', 'cli'],
  'nodemailer/*': ['bridges', 'cli', 'outbound'],
  'smtp-server': ['bridges', 'demo'],
  'smtp-server/*': ['bridges'],
  mailauth: ['bridges', 'outbound'],
  'mailauth/*': ['bridges', 'outbound'],
  imapflow: ['bridges'],
  pino: ['daemon'],
  piscina: ['daemon'],
  'prom-client': ['metrics.ts'],
  'smol-toml': ['config', 'admin'],
  commander: ['cli', 'main'],
  'cli-progress': ['cli', 'demo'],
  qr: ['cli'],
};

/** What anyone may take from an owned module: it opens nothing. */
export const free: Readonly<Record<string, readonly string[]>> = {
  'node:net': ['isIP', 'isIPv4', 'isIPv6', 'BlockList'],
};

/** Names that say nothing about what is inside. */
export const emptyNames = [
  'utils',
  'util',
  'helpers',
  'helper',
  'manager',
  'misc',
  'common',
  'shared',
  'lib',
];

/** Lines; a longer file holds two ideas. */
export const longestFile = 400;
