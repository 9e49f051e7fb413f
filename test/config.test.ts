import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { stringify } from 'smol-toml';
import { configReference } from '../src/config-reference.ts';
import { settings } from '../src/config-schema.ts';
import { configTemplate, decodeConfig, isLoopback, loadConfig, restartNeeded } from '../src/config.ts';
import { BeckonError } from '../src/errors.ts';

const host = 'host = "post.example.net"\n';

function failure(text: string, environment: Record<string, string> = {}): string {
  try {
    decodeConfig(text, environment, '/etc/beckon/beckon.toml');
  } catch (error) {
    if (!(error instanceof BeckonError) || error.code !== 'config_invalid') throw error;
    return error.message.replace('/etc/beckon/', '');
  }
  return 'accepted';
}

test('the defaults, each in its unit', (t) => {
  t.deepEqual(decodeConfig(host, {}, '/etc/beckon/beckon.toml'), {
    host: 'post.example.net',
    contact: null,
    data: '/var/lib/beckon',
    logLevel: 'info',
    keys: { rotate: 30 * 86_400, passphraseFile: null },
    listen: {
      https: { kind: 'tcp', host: '', port: 443 },
      udp: { kind: 'tcp', host: '', port: 4620 },
      admin: { kind: 'unix', path: '/run/beckon/admin.sock' },
      metrics: { kind: 'tcp', host: '127.0.0.1', port: 9620 },
      trustedProxies: [],
    },
    dns: { resolvers: [], dnssec: 'auto' },
    tls: { mode: 'files', directory: '/etc/letsencrypt/live', certificate: null, key: null },
    storage: {
      max: 50e9,
      reserve: { percent: 10 },
      pulled: 10e9,
      pulledKeep: 90 * 86_400,
      fetches: 200,
      egress: 1e12,
    },
    defaults: {
      unknownUsers: 'mail',
      introductions: 'open',
      introductionsPerHour: 1000,
      transit: 14 * 86_400,
      keep: 90 * 86_400,
      quota: 2e9,
      pullQuota: 500e6,
    },
    outbound: { allow: [], caFiles: [] },
    smtpOut: { via: null, passwordFile: null, hello: null },
    lmtp: { listen: null },
    smtpIn: { listen: null, maxSize: 50 * 2 ** 20, policy: 'mark' },
    submission: { listen: null, starttls: null },
    mailbox: { push: 'on' },
    postfix: { socketmap: null, transport: null },
  });
});

test('every kind of value', (t) => {
  const config = decodeConfig(
    `${host}contact = "abuse@example.net"
data = "state"
log_level = "debug"
[listen]
https = "[::1]:8443"
udp = ""
admin = "unix:run/admin.sock"
metrics = "unix:/run/metrics"
[dns]
resolvers = ["127.0.0.1:5300", "::1", "192.0.2.1"]
[tls]
certificate = "c.pem"
key = "/k.pem"
[storage]
max = "1.5 TiB"
reserve = "512MiB"
[defaults]
transit = "90m"
introductions_per_hour = 0
[outbound]
allow = ["10.0.0.0/8", "::1"]
ca_files = ["ca.pem"]
`,
    {},
    '/srv/b/beckon.toml',
  );
  t.is(config.data, '/srv/b/state');
  t.deepEqual(config.listen.https, { kind: 'tcp', host: '::1', port: 8443 });
  t.is(config.listen.udp, null);
  t.deepEqual(config.listen.admin, { kind: 'unix', path: '/srv/b/run/admin.sock' });
  t.deepEqual(config.dns.resolvers, ['127.0.0.1:5300', '[::1]:53', '192.0.2.1:53']);
  t.is(config.tls.certificate, '/srv/b/c.pem');
  t.is(config.storage.max, 1.5 * 2 ** 40);
  t.deepEqual(config.storage.reserve, { bytes: 2 ** 29 });
  t.is(config.defaults.transit, 5400);
  t.deepEqual(config.outbound, { allow: ['10.0.0.0/8', '::1/128'], caFiles: ['/srv/b/ca.pem'] });
});

test('the object is frozen at every level', (t) => {
  const config = decodeConfig(host);
  for (const part of [config, config.listen, config.listen.trustedProxies, config.defaults])
    t.true(Object.isFrozen(part));
});

const mistakes: [name: string, text: string, message: RegExp][] = [
  ['not TOML', `${host}x = = 1`, /^beckon\.toml:2: /],
  ['a key twice', `${host}${host}`, /^beckon\.toml:2: /],
  ['no host', 'data = "/x"', /^beckon\.toml: host: must be set$/],
  ['unknown key', `${host}\n# c\ncolour = 1`, /^beckon\.toml:4: colour: no such key$/],
  ['unknown key in a section', `${host}[listen]\nhttps = ":1"\nudpp = ":2"`, /:4: listen\.udpp: no such key/],
  ['unknown section', `${host}\n[pop3]\nlisten = ""`, /:3: pop3: no such key/],
  ['a key of another version', `${host}[tls]\nacme = "on"`, /:3: tls\.acme: no such key/],
  ['a mode that is none', `${host}[dns]\ndnssec = "require"`, /:3: dns\.dnssec: must be/],
  ['a prototype key', `${host}__proto__ = 1`, /:2: __proto__: no such key/],
  ['a section that is no table', `${host}listen = 3`, /:2: listen: must be a table/],
  ['a section that is a date', `${host}listen = 2020-01-01`, /:2: listen: must be a table/],
  ['a section of tables', `${host}[[listen]]\nudp = ""`, /:2: listen: must be a table/],
  ['wrong type', `${host}data = 3`, /:2: data: must be a path/],
  ['a list for a text', `${host}data = ["a"]`, /:2: data: must be a path/],
  ['a text for a list', `${host}[outbound]\nallow = "10.0.0.0/8"`, /:3: outbound\.allow: must be a list/],
  [
    'a value of several lines',
    `${host}[dns]\nresolvers = [\n  "1.1.1.1",\n  "x",\n]\n`,
    /:3: dns\.resolvers: /,
  ],
  ['an inline table', `${host}listen = { udp = ":x" }`, /:2: listen\.udp: /],
  ['a dotted key', `${host}listen.udp = ":x"`, /:2: listen\.udp: /],
  ['control characters', `${host}contact = "a\\nb"`, /:2: contact: must be a text/],
  ['a host that is an address', 'host = "192.0.2.1"', /:1: host: must be a host name/],
  ['a port out of range', `${host}[listen]\nhttps = ":65536"`, /:3: listen\.https: must be an address/],
  ['a name for an address', `${host}[listen]\nhttps = "localhost:443"`, /:3: listen\.https: /],
  ['a socket for UDP', `${host}[listen]\nudp = "unix:/x"`, /:3: listen\.udp: /],
  ['a port for admin', `${host}[listen]\nadmin = ":9"`, /:3: listen\.admin: must be a socket/],
  ['a long socket path', `${host}[listen]\nadmin = "unix:/${'x'.repeat(103)}"`, /:3: listen\.admin: .*103/],
  ['a size without unit', `${host}[storage]\nmax = "50"`, /:3: storage\.max: must be a size/],
  ['a size of unknown unit', `${host}[storage]\nmax = "5gb"`, /:3: storage\.max: /],
  ['a size of an inherited unit', `${host}[storage]\nmax = "5constructor"`, /:3: storage\.max: /],
  ['100 percent', `${host}[storage]\nreserve = "100%"`, /:3: storage\.reserve: /],
  [
    'too short a transit',
    `${host}[defaults]\ntransit = "59m"`,
    /:3: defaults\.transit: .*from "1h" to "90d"/,
  ],
  ['too long a transit', `${host}[defaults]\ntransit = "91d"`, /:3: defaults\.transit: /],
  ['a count below zero', `${host}[defaults]\nintroductions_per_hour = -1`, /:3: .*whole number/],
  ['a broken count', `${host}[defaults]\nintroductions_per_hour = 1.5`, /:3: .*whole number/],
  ['a network too wide', `${host}[outbound]\nallow = ["10.0.0.0/33"]`, /:3: outbound\.allow: /],
  [
    'acme',
    `${host}[tls]\nmode = "acme"`,
    /:3: tls\.mode: not in this version: use "files" with any ACME client/,
  ],
  [
    'another answer for unknown users',
    `${host}[defaults]\nunknown_users = "bounce"`,
    /:3: defaults\.unknown_users: must be "mail" \| "404" \| "decoy"/,
  ],
  ['an inherited choice', `${host}log_level = "constructor"`, /:2: log_level: must be "debug" \|/],
  // contradictions
  ['plain HTTP in public', `${host}[tls]\nmode = "none"`, /:3: tls\.mode: .*loopback/],
  [
    'certificates without TLS',
    `${host}tls.mode = "proxy"\ntls.key = "k"\nlisten.https = "unix:/s"`,
    /:3: tls\.key: /,
  ],
  ['half a pair', `${host}[tls]\ncertificate = "c"`, /:3: tls\.certificate: tls\.key is missing/],
  ['the other half', `${host}[tls]\nkey = "c"`, /:3: tls\.key: tls\.certificate is missing/],
  ['no certificates at all', `${host}[tls]\ndirectory = ""`, /:3: tls\.directory: /],
  ['any proxy', `${host}[tls]\nmode = "proxy"`, /^beckon\.toml: listen\.trusted_proxies: /],
  ['proxies without need', `${host}[listen]\ntrusted_proxies = ["::1"]`, /:3: listen\.trusted_proxies: /],
  ['public figures', `${host}[listen]\nmetrics = ":9620"`, /:3: listen\.metrics: must be on loopback/],
  [
    'one port twice',
    `${host}[listen]\nhttps = "127.0.0.1:1"\nmetrics = "127.0.0.1:1"`,
    /:4: listen\.metrics: /,
  ],
  ['one socket twice', `${host}[listen]\nadmin = "unix:/a"\nmetrics = "unix:/a"`, /:3: listen\.admin: /],
];

for (const [name, text, message] of mistakes)
  test(`refuses ${name}`, (t) => {
    t.regex(failure(text), message);
  });

test('the environment wins, is named in mistakes, and empty counts as absent', (t) => {
  const text = `${host}data = "/a"\n[outbound]\nallow = ["10.0.0.0/8"]`;
  const config = decodeConfig(text, {
    BECKON_DATA: '/b',
    BECKON_OUTBOUND_ALLOW: '127.0.0.0/8, ::1',
    BECKON_DEFAULTS_INTRODUCTIONS_PER_HOUR: '7',
    BECKON_HOST: '',
  });
  t.is(config.data, '/b');
  t.is(config.host, 'post.example.net');
  t.deepEqual(config.outbound.allow, ['127.0.0.0/8', '::1/128']);
  t.is(config.defaults.introductionsPerHour, 7);
  t.is(
    failure(host, { BECKON_STORAGE_MAX: 'lots' }),
    'environment: BECKON_STORAGE_MAX: must be a size such as "50GB" or "512MiB"',
  );
});

test('files: found, absent, too long', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'beckon-config-'));
  const file = join(directory, 'beckon.toml');
  writeFileSync(file, host);
  t.is(loadConfig(file, {}).host, 'post.example.net');
  t.throws(() => loadConfig(join(directory, 'none.toml'), {}), {
    code: 'config_invalid',
    message: /there is no such file/,
  });
  t.throws(() => loadConfig(directory, {}), { code: 'config_invalid' });
  writeFileSync(file, `${host}#${' '.repeat(64 * 1024)}`);
  t.throws(() => loadConfig(file, {}), { code: 'config_invalid', message: /longer than/ });
});

test('what needs a restart', (t) => {
  const before = decodeConfig(host);
  const after = decodeConfig(`${host}listen.udp = ""\ndefaults.transit = "1h"`);
  t.deepEqual(restartNeeded(before, after), ['listen.udp']);
  t.deepEqual(restartNeeded(before, before), []);
});

test('loopback', (t) => {
  for (const address of ['127.0.0.1', '127.8.8.8', '::1'])
    t.true(isLoopback({ kind: 'tcp', host: address, port: 1 }));
  for (const address of ['', '0.0.0.0', '::', '192.0.2.1', '128.0.0.1'])
    t.false(isLoopback({ kind: 'tcp', host: address, port: 1 }));
});

test('a template decodes to its values and otherwise the defaults', (t) => {
  const text = configTemplate({
    host: 'post.example.net',
    'listen.https': ':8443',
    'dns.resolvers': ['127.0.0.1:53'],
  });
  t.deepEqual(
    decodeConfig(text),
    decodeConfig(`${host}listen.https = ":8443"\ndns.resolvers = ["127.0.0.1:53"]`),
  );
  const uncommented = text.replace(/^# ([a-z_]+ = )/gm, '$1');
  t.deepEqual(Object.keys(decodeConfig(uncommented)), Object.keys(decodeConfig(host)));
});

test('the reference page is what the schema generates', (t) => {
  const page = readFileSync(new URL('../docs/configuration.md', import.meta.url), 'utf8');
  t.is(page, configReference(), 'run npm run docs');
  t.true(settings.every(({ name, variable }) => page.includes(`### ${name}\n`) && page.includes(variable)));
});

const word = fc.oneof(
  fc.constantFrom(...settings.flatMap(({ tomlPath }) => tomlPath)),
  fc.constantFrom(
    '"',
    "'''",
    '"""',
    '=',
    '[',
    ']',
    '[[',
    '{',
    '}',
    ',',
    '.',
    '#',
    '\n',
    '1979-05-27',
    '0x1',
    'inf',
  ),
  fc.constantFrom(
    '":443"',
    '"unix:/a"',
    '"50GB"',
    '"14d"',
    '"10%"',
    '"none"',
    '"proxy"',
    'true',
    '[]',
    '__proto__',
  ),
  fc.string({ maxLength: 8, unit: 'binary' }),
);

function onlyConfigInvalid(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    return error instanceof BeckonError && error.code === 'config_invalid';
  }
}

test('whatever the text, it decodes or is config_invalid', (t) => {
  const text = fc.array(word, { maxLength: 60 }).map((words) => words.join(' '));
  fc.assert(
    fc.property(text, (toml) => onlyConfigInvalid(() => decodeConfig(host + toml))),
    { numRuns: 1000 },
  );
  t.pass();
});

test('whatever the values, they decode or are config_invalid', (t) => {
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.stringMatching(/^(unix:)?[0-9a-f.:%/]{0,12}[a-zA-Z]{0,3}$/),
    fc.integer(),
    fc.double(),
    fc.boolean(),
    fc.array(fc.string({ unit: 'binary' }), { maxLength: 4 }),
    fc.constantFrom('__proto__', 'constructor', 'toString'),
  );
  const changes = fc.array(fc.tuple(fc.constantFrom(...settings), value), { maxLength: 4 });
  fc.assert(
    fc.property(changes, (pairs) => {
      const lines = pairs.map(([{ name }, given]) => stringify({ [name]: given }).replace(`"${name}"`, name));
      const environment = Object.fromEntries(pairs.map(([{ variable }, given]) => [variable, String(given)]));
      return (
        onlyConfigInvalid(() => decodeConfig(host + lines.join(''))) &&
        onlyConfigInvalid(() => decodeConfig(host, environment))
      );
    }),
    { numRuns: 2000 },
  );
  t.pass();
});
