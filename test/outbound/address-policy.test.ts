import test from 'ava';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { createAddressPolicy } from '../../src/outbound/address-policy.ts';

const publicOnly = createAddressPolicy();

const refused: [string, string[]][] = [
  ['loopback', ['127.0.0.1', '127.255.255.254', '::1', '0:0:0:0:0:0:0:1', '::0001']],
  [
    'private',
    ['10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.0.1', 'fc00::1', 'fdff::1'],
  ],
  ['unspecified', ['0.0.0.0', '0.1.2.3', '::', '0::0']],
  ['link-local', ['169.254.0.1', '169.254.255.255', 'fe80::1', 'febf::1', 'FE80::1']],
  ['site-local', ['fec0::1', 'feff::1']],
  ['carrier-grade NAT', ['100.64.0.1', '100.127.255.255']],
  ['multicast', ['224.0.0.1', '239.255.255.255', 'ff02::1', 'ff0e::1']],
  ['broadcast', ['255.255.255.255']],
  ['documentation', ['192.0.2.1', '198.51.100.1', '203.0.113.1', '2001:db8::1', '3fff::1']],
  ['benchmarking', ['198.18.0.1', '198.19.255.255', '2001:2::1']],
  [
    'reserved',
    ['192.0.0.1', '192.88.99.1', '240.0.0.1', '254.1.2.3', '100::1', '100:0:0:1::1', '4000::1', 'e000::1'],
  ],
  ['other special', ['192.31.196.1', '192.52.193.1', '192.175.48.1', '2001:10::1', '2001:20::1', '5f00::1']],
  ['metadata', ['169.254.169.254', '100.100.100.200', '168.63.129.16', 'fd00:ec2::254', '169.254.170.2']],
  [
    'IPv4-mapped',
    [
      '::ffff:127.0.0.1',
      '::ffff:10.0.0.1',
      '::ffff:7f00:1',
      '0:0:0:0:0:ffff:169.254.169.254',
      '::FFFF:a9fe:a9fe',
    ],
  ],
  ['IPv4-compatible', ['::127.0.0.1', '::10.0.0.1', '::8.8.8.8', '::808:808']],
  ['IPv4-translated', ['::ffff:0:127.0.0.1', '::ffff:0:8.8.8.8']],
  ['6to4', ['2002:7f00:1::', '2002:a00:1::1', '2002:a9fe:a9fe::1', '2002:808:808::1']],
  ['Teredo', ['2001::1', '2001:0:a00:1::', '2001:0:808:808:0:0:f7f7:f7f7']],
  [
    'NAT64',
    ['64:ff9b::127.0.0.1', '64:ff9b::10.0.0.1', '64:ff9b::a9fe:a9fe', '64:ff9b::0', '64:ff9b:1::8.8.8.8'],
  ],
  [
    'other ways to write an IPv4 address',
    [
      '127.1',
      '2130706433',
      '0x7f.0.0.1',
      '0x7f000001',
      '0177.0.0.1',
      '010.0.0.1',
      '8.8.8',
      '134744072',
      '8.8.8.010',
    ],
  ],
  [
    'no address',
    [
      '',
      ' ',
      'localhost',
      'example.org',
      '8.8.8.8 ',
      ' 8.8.8.8',
      '8.8.8.8.',
      '8.8.8.256',
      '8.8.8.8/32',
      '8.8.8.8:53',
    ],
  ],
  [
    'no IPv6 address',
    ['[::1]', '[2606:4700::1]', 'fe80::1%eth0', '2606:4700::1%1', '::ffff:0x7f.1', ':::', '1::2::3'],
  ],
];
for (const [name, addresses] of refused)
  test(`refuses ${name}`, (t) => {
    for (const address of addresses) t.is(publicOnly(address).kind, 'refused', address);
  });

test('allows public addresses', (t) => {
  const addresses = [
    '8.8.8.8 1.0.0.1 9.255.255.255 11.0.0.0 172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 126.255.255.255',
    '128.0.0.0 100.63.255.255 100.128.0.0 169.253.255.255 169.255.0.0 198.17.255.255 198.20.0.0 223.255.255.255',
    '168.63.129.15 168.63.129.17 2606:4700::1111 2001:4860:4860::8888 2A00:1450::1 ::ffff:8.8.8.8 64:ff9b::8.8.8.8',
  ];
  for (const address of addresses.join(' ').split(' ')) t.is(publicOnly(address).kind, 'allowed', address);
});

test('the allow list opens what is inside, in every way to write it, and nothing else', (t) => {
  const policy = createAddressPolicy(['127.0.0.0/8', '10.1.2.3', 'fd00:1::/32', '::1']);
  for (const address of [
    '127.0.0.1',
    '127.9.9.9',
    '::ffff:127.0.0.1',
    '10.1.2.3',
    'fd00:1::5',
    '::1',
    '8.8.8.8',
  ])
    t.is(policy(address).kind, 'allowed', address);
  for (const address of [
    '10.1.2.4',
    'fd00:2::1',
    '::2',
    '128.0.0.1%',
    '127.1',
    '64:ff9b::127.0.0.1',
    '2002:7f00:1::',
  ])
    t.is(policy(address).kind, 'refused', address);
});

test('an entry that is no range is refused', (t) => {
  const entries =
    ',localhost,10.0.0.0/33,::/129,10/8,10.0.0.0/,10.0.0.0/-1,10.0.0.0/8/8,10.0.0.0/a,::ffff:10.0.0.0/104,010.0.0.0/8';
  for (const entry of [...entries.split(','), '10.0.0.0/1e1', ' 10.0.0.0/8'])
    t.throws(() => createAddressPolicy([entry]), { code: 'config_invalid' }, entry);
});

const octet = fc.nat({ max: 255 });
const hidden = fc.oneof(
  fc.tuple(fc.constant(10), octet, octet, octet),
  fc.tuple(fc.constant(127), octet, octet, octet),
  fc.tuple(fc.constant(192), fc.constant(168), octet, octet),
  fc.tuple(fc.constant(172), fc.integer({ min: 16, max: 31 }), octet, octet),
  fc.tuple(fc.constant(169), fc.constant(254), octet, octet),
  fc.tuple(fc.constant(100), fc.integer({ min: 64, max: 127 }), octet, octet),
  fc.tuple(fc.integer({ min: 224, max: 255 }), octet, octet, octet),
);

test('no way to put a hidden IPv4 address into an IPv6 one is allowed', (t) => {
  const zeros = (count: number) => Array<number>(count).fill(0);
  fc.assert(
    fc.property(hidden, fc.boolean(), (v4, short) => {
      const embeddings = [
        [...zeros(12), ...v4],
        [...zeros(10), 255, 255, ...v4],
        [...zeros(8), 255, 255, 0, 0, ...v4],
        [0, 0x64, 0xff, 0x9b, ...zeros(8), ...v4],
        [0, 0x64, 0xff, 0x9b, 0, 1, ...zeros(6), ...v4],
        [0x20, 2, ...v4, ...zeros(10)],
        [0x20, 1, 0, 0, ...v4, ...zeros(8)],
        [0x20, 1, 0, 0, ...zeros(8), ...v4.map((byte) => byte ^ 255)],
      ].map((bytes) => new ipaddr.IPv6(bytes));
      for (const address of embeddings)
        t.is(publicOnly(short ? address.toString() : address.toNormalizedString()).kind, 'refused');
      t.is(publicOnly(v4.join('.')).kind, 'refused');
    }),
  );
});

test('any text gets a verdict, and only plain addresses an allowing one', (t) => {
  const texts = fc.oneof(fc.string(), fc.ipV4(), fc.ipV4Extended(), fc.ipV6());
  fc.assert(
    fc.property(texts, (text) => {
      if (publicOnly(text).kind === 'allowed') t.regex(text, /^(\d+\.\d+\.\d+\.\d+|[0-9a-fA-F:.]+)$/);
      t.pass();
    }),
  );
});
