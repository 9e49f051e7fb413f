import test from 'ava';
import { codeOf } from '../../src/errors.ts';
import {
  canonicalLocal,
  checkAddress,
  formatAddress,
  parseAddress,
  splitAddress,
} from '../../src/wire/address.ts';
import { authorityOf, canonicalDomain, checkDomain } from '../../src/wire/domain-name.ts';

function codeFrom(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

const typed: readonly (readonly [string, string, string?])[] = [
  ['alice@alpha.test', 'alice@alpha.test'],
  ['Alice@Alpha.TEST', 'alice@alpha.test'],
  ['alice@alpha.test.', 'alice@alpha.test'],
  ['alice+tag@alpha.test', 'alice@alpha.test', 'tag'],
  ['alice+a+B@alpha.test', 'alice@alpha.test', 'a+B'],
  ['alice+@alpha.test', 'alice@alpha.test'],
  ["o'brien.j_r-2@alpha.test", "o'brien.j_r-2@alpha.test"],
  ['a!#$%&*/=?^`{|}~b@alpha.test', 'a!#$%&*/=?^`{|}~b@alpha.test'],
  ['josé@münchen.test', 'josé@xn--mnchen-3ya.test'],
  ['jose\u0301@alpha.test', 'jos\u00e9@alpha.test'],
  ['ΣΑΣ@alpha.test', 'σασ@alpha.test'],
  ['\u0130x@alpha.test', 'ix@alpha.test'],
  ['Ж@пример.test', 'ж@xn--e1afmkfd.test'],
  ['用户@例子.test', '用户@xn--fsqu00a.test'],
  ['\ud83d\ude00@alpha.test', '\ud83d\ude00@alpha.test'],
  ['a@faß.test', 'a@xn--fa-hia.test'],
];

for (const [text, canonical, tag] of typed) {
  test(`${text} is ${canonical}${tag === undefined ? '' : ` with tag ${tag}`}`, (t) => {
    const parsed = parseAddress(text);
    t.is(formatAddress(parsed.address), canonical);
    t.is(parsed.tag, tag);
    t.notThrows(() => checkAddress(canonical));
    t.deepEqual(splitAddress(canonical), parsed.address);
  });
}

const badLocals: readonly (readonly [string, string])[] = [
  ['nothing', ''],
  ['a dot at the start', '.a'],
  ['a dot at the end', 'a.'],
  ['two dots', 'a..b'],
  ['a space', 'a b'],
  ['a no-break space', 'a\u00a0b'],
  ['a quote', '"a"'],
  ['a parenthesis', 'a(b)'],
  ['a comma', 'a,b'],
  ['a colon', 'a:b'],
  ['a semicolon', 'a;b'],
  ['angle brackets', '<a>'],
  ['square brackets', '[a]'],
  ['a backslash', 'a\\b'],
  ['an at sign', 'a@b'],
  ['a plus sign', 'a+b'],
  ['a control', 'a\u0000'],
  ['a line break', 'a\n'],
  ['an invisible character', 'a\u200bb'],
  ['a right-to-left override', 'a\u202eb'],
  ['a lone surrogate', 'a\ud800'],
  ['an unassigned code point', 'a\u0378'],
  ['a private code point', 'a\ue000'],
  ['65 bytes', 'a'.repeat(65)],
  ['66 bytes in 33 characters', 'ä'.repeat(33)],
];

for (const [what, local] of badLocals) {
  test(`address_invalid: a local part with ${what}`, (t) => {
    t.is(
      codeFrom(() => canonicalLocal(local)),
      'address_invalid',
    );
    t.is(
      codeFrom(() => checkAddress(`${local}@alpha.test`)),
      'address_invalid',
    );
  });
}

test('64 bytes of local part are taken', (t) => {
  t.is(canonicalLocal('a'.repeat(64)).length, 64);
  t.is(canonicalLocal('ä'.repeat(32)).length, 32);
});

for (const text of [
  'alpha.test',
  '@alpha.test',
  'Alice@alpha.test',
  'jose\u0301@alpha.test',
  'a+b@alpha.test',
]) {
  test(`address_invalid on the wire: ${text}`, (t) => {
    t.is(
      codeFrom(() => checkAddress(text)),
      'address_invalid',
    );
  });
}

test('address_invalid: typed text without a local part, too long, or with a tag that no header can carry', (t) => {
  for (const text of [
    '',
    'alpha.test',
    '@alpha.test',
    '+tag@alpha.test',
    `${'a'.repeat(600)}@alpha.test`,
    `a+${'t'.repeat(65)}@alpha.test`,
    'a+\ud800@alpha.test',
    'a+\u0007@alpha.test',
  ])
    t.is(
      codeFrom(() => parseAddress(text)),
      'address_invalid',
      text,
    );
});

const domains: readonly (readonly [string, string])[] = [
  ['example.org', 'example.org'],
  ['EXAMPLE.Org.', 'example.org'],
  ['bücher.example', 'xn--bcher-kva.example'],
  ['XN--BCHER-KVA.example', 'xn--bcher-kva.example'],
  ['例え。テスト', 'xn--r8jz45g.xn--zckzah'],
  ['ｅｘａｍｐｌｅ.org', 'example.org'],
  ['a.b.c.d.e.example.org', 'a.b.c.d.e.example.org'],
  ['1.2.3.example', '1.2.3.example'],
  ['4u.example', '4u.example'],
  [`${'a'.repeat(63)}.example`, `${'a'.repeat(63)}.example`],
];

for (const [name, canonical] of domains) {
  test(`the domain ${name} is ${canonical}`, (t) => {
    t.is(canonicalDomain(name), canonical);
    t.notThrows(() => checkDomain(canonical));
  });
}

const fiftyNine = `${'a'.repeat(59)}.`;
const badDomains: readonly (readonly [string, string])[] = [
  ['nothing', ''],
  ['a dot', '.'],
  ['a single label', 'localhost'],
  ['two final dots', 'example.org..'],
  ['an empty label', 'a..org'],
  ['a dot at the start', '.org'],
  ['an underscore', '_beckon.example.org'],
  ['a space', 'exa mple.org'],
  ['a hyphen at the start of a label', '-a.org'],
  ['a hyphen at the end of a label', 'a-.org'],
  ['hyphens where A-labels have them', 'ab--c.org'],
  ['a label of 64 octets', `${'a'.repeat(64)}.org`],
  ['an IPv4 address', '192.0.2.1'],
  ['an IPv6 address', '[2001:db8::1]'],
  ['a last label of digits', 'example.123'],
  ['an A-label that is no Punycode', 'xn--example.org'],
  ['an A-label of ASCII alone', 'xn--abc-.org'],
  ['a port', 'example.org:443'],
  ['a slash', 'example.org/x'],
  ['an invisible character at the end', 'example.org\u200e'],
  ['241 octets', `${fiftyNine.repeat(4)}a`],
  ['a megabyte', 'ü'.repeat(2 ** 20)],
];

for (const [what, name] of badDomains) {
  test(`domain_invalid: ${what}`, (t) => {
    t.is(
      codeFrom(() => canonicalDomain(name)),
      'domain_invalid',
    );
    t.is(
      codeFrom(() => checkDomain(name)),
      'domain_invalid',
    );
  });
}

test('240 octets are the most', (t) => {
  const longest = `${fiftyNine.repeat(3)}${'a'.repeat(60)}`;
  t.is(longest.length, 240);
  t.is(canonicalDomain(longest), longest);
});

test('domain_invalid on the wire: upper case, U-labels, final dots', (t) => {
  for (const name of ['Example.org', 'bücher.example', 'example.org.', 'XN--BCHER-KVA.example'])
    t.is(
      codeFrom(() => checkDomain(name)),
      'domain_invalid',
      name,
    );
});

test('the authority of a domain is one label longer', (t) => {
  t.is(authorityOf('example.org'), 'beckon.example.org');
});

test('what is plain is read as it is beside what is not', (t) => {
  for (let code = 0; code < 128; code++) {
    for (const local of [`a${String.fromCharCode(code)}b`, String.fromCharCode(code)]) {
      // A letter beyond ASCII takes the long way, and changes nothing before it.
      const code1 = codeFrom(() => canonicalLocal(local));
      const code2 = codeFrom(() => canonicalLocal(`${local}é`));
      t.is(code1, local === '.' ? 'address_invalid' : code2, local);
      if (code1 === undefined) t.is(`${canonicalLocal(local)}é`, canonicalLocal(`${local}é`), local);
    }
  }
  t.is(
    codeFrom(() => canonicalLocal('a'.repeat(64))),
    undefined,
  );
  for (const wrong of ['a'.repeat(65), '.a', 'a.', 'a..b', ''])
    t.is(
      codeFrom(() => canonicalLocal(wrong)),
      'address_invalid',
      wrong,
    );
  // Capitals are mapped, so these take the long way.
  for (const name of ['a.test', '1-2.a-b.test', 'a1.2b.3.test', 'x'.repeat(63) + '.test', 'ab-c.test'])
    t.is(canonicalDomain(name), canonicalDomain(name.toUpperCase()));
  for (const name of [
    'ab--c.test',
    'xn--a.test',
    '-a.test',
    'a-.test',
    'a..test',
    'a.1',
    'x'.repeat(64) + '.test',
  ])
    t.is(
      codeFrom(() => canonicalDomain(name)),
      codeFrom(() => canonicalDomain(name.toUpperCase())) ?? 'none',
      name,
    );
});
