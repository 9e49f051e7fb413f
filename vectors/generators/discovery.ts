/** Cases of wire-spec/discovery.md: addresses, domain names, TXT, DNS answers. */
import { collection, type Case, type Collection } from './cases.ts';
import { nameOf } from './conventions.ts';
import { addDnsAnswers } from './dns-answers.ts';
import { seeded } from './random.ts';
import { base64url, ctx, sha256 } from './reference.ts';

export function discovery(): readonly Case[] {
  const cases = collection();
  addDomains(cases);
  addAddresses(cases);
  addWireForms(cases);
  addTxt(cases);
  addDnsAnswers(cases);
  return cases.cases;
}

const section = 'discovery.md section 1';

function addDomains(cases: Collection): void {
  const good: readonly (readonly [string, string, string])[] = [
    ['plain', 'example.org', 'example.org'],
    ['upper case and a final dot', 'EXAMPLE.Org.', 'example.org'],
    ['a U-label', 'bücher.example', 'xn--bcher-kva.example'],
    ['an A-label in upper case', 'XN--BCHER-KVA.example', 'xn--bcher-kva.example'],
    ['sharp s: non-transitional', 'faß.example', 'xn--fa-hia.example'],
    ['ideographic full stop', '例え。テスト', 'xn--r8jz45g.xn--zckzah'],
    ['full width', 'ｅｘａｍｐｌｅ.org', 'example.org'],
    ['digits in labels but the last', '1.2.example', '1.2.example'],
    ['a label of 63', `${'a'.repeat(63)}.org`, `${'a'.repeat(63)}.org`],
    [
      '240 octets',
      `${'a'.repeat(59)}.`.repeat(3) + 'a'.repeat(60),
      `${'a'.repeat(59)}.`.repeat(3) + 'a'.repeat(60),
    ],
  ];
  for (const [description, typed, output] of good)
    cases.positive(nameOf('domain', description), {
      spec: section,
      description,
      operation: 'canonical domain',
      inputs: { typed },
      output,
    });
  const bad: readonly (readonly [string, string])[] = [
    ['empty', ''],
    ['one label', 'localhost'],
    ['an empty label', 'a..org'],
    ['two final dots', 'example.org..'],
    ['a last label of digits', 'example.123'],
    ['an IPv4 address', '192.0.2.1'],
    ['an IPv6 address', '[2001:db8::1]'],
    ['an underscore', '_beckon.example.org'],
    ['a space', 'exam ple.org'],
    ['a leading hyphen', '-a.org'],
    ['a trailing hyphen', 'a-.org'],
    ['hyphens in third and fourth place', 'ab--c.org'],
    ['a label of 64', `${'a'.repeat(64)}.org`],
    ['an A-label that decodes to nothing', 'xn--example.org'],
    ['an A-label of ASCII alone', 'xn--abc-.org'],
    ['a port', 'example.org:443'],
    ['mixed directions in a label', 'aא.example'],
    ['241 octets', `${'a'.repeat(59)}.`.repeat(4) + 'a'],
  ];
  for (const [description, typed] of bad)
    cases.negative(nameOf('domain', description), 'domain_invalid', {
      spec: section,
      description,
      operation: 'canonical domain',
      inputs: { typed },
    });
}

const goodAddresses: readonly (readonly [string, string, string, string?])[] = [
  ['plain', 'alice@alpha.test', 'alice@alpha.test'],
  ['upper case', 'Alice@Alpha.TEST', 'alice@alpha.test'],
  ['tag', 'alice+shop@alpha.test', 'alice@alpha.test', 'shop'],
  ['tag with a plus sign', 'alice+A+b@alpha.test', 'alice@alpha.test', 'A+b'],
  ['empty tag', 'alice+@alpha.test', 'alice@alpha.test'],
  ['atoms of all kinds', "a!#$%&'*/=?^_`{|}~-.1@alpha.test", "a!#$%&'*/=?^_`{|}~-.1@alpha.test"],
  ['decomposed accent', 'jose\u0301@alpha.test', 'jos\u00e9@alpha.test'],
  ['final sigma is mapped as any', 'ΣΑΣ@alpha.test', 'σασ@alpha.test'],
  ['capital I with dot', '\u0130x@alpha.test', 'ix@alpha.test'],
  ['dotless i stays', 'K\u0131r@alpha.test', 'k\u0131r@alpha.test'],
  ['sharp s stays', 'Straße@alpha.test', 'straße@alpha.test'],
  ['capital sharp s', 'STRA\u1e9eE@alpha.test', 'straße@alpha.test'],
  ['Kelvin sign is mapped as k', '\u212alaus@alpha.test', 'klaus@alpha.test'],
  ['Angstrom sign is composed', '\u212bsa@alpha.test', '\u00e5sa@alpha.test'],
  ['mapped before it is composed', 'A\u030asa@alpha.test', '\u00e5sa@alpha.test'],
  ['title case digraph', '\u01c5@alpha.test', '\u01c6@alpha.test'],
  ['A-label of another case in the domain', 'a@XN--E1AFMKFD.test', 'a@xn--e1afmkfd.test'],
  ['no compatibility mapping', '\ufb01x@alpha.test', '\ufb01x@alpha.test'],
  ['both parts international', 'Ж@пример.test', 'ж@xn--e1afmkfd.test'],
  ['symbol', '\u{1f600}@alpha.test', '\u{1f600}@alpha.test'],
  ['64 bytes', `${'a'.repeat(64)}@alpha.test`, `${'a'.repeat(64)}@alpha.test`],
];

const badAddresses: readonly (readonly [string, string])[] = [
  ['no at sign', 'alpha.test'],
  ['no local part', '@alpha.test'],
  ['only a tag', '+shop@alpha.test'],
  ['an empty atom', 'a..b@alpha.test'],
  ['a leading dot', '.a@alpha.test'],
  ['a trailing dot', 'a.@alpha.test'],
  ['a space', 'a b@alpha.test'],
  ['a quoted local part', '"a"@alpha.test'],
  ['a parenthesis', 'a(b)@alpha.test'],
  ['a comma', 'a,b@alpha.test'],
  ['a colon', 'a:b@alpha.test'],
  ['a semicolon', 'a;b@alpha.test'],
  ['an angle bracket', 'a<b@alpha.test'],
  ['a square bracket', 'a[b@alpha.test'],
  ['a backslash', 'a\\b@alpha.test'],
  ['a second at sign', 'a@b@alpha.test'],
  ['a control', 'a\u0000@alpha.test'],
  ['a zero width space', 'a\u200bb@alpha.test'],
  ['a right-to-left override', 'a\u202eb@alpha.test'],
  ['an unassigned code point', 'a\u0378@alpha.test'],
  ['a private code point', 'a\ue000@alpha.test'],
  ['65 bytes', `${'a'.repeat(65)}@alpha.test`],
  ['66 bytes in 33 characters', `${'ä'.repeat(33)}@alpha.test`],
  ['a tag of 65 bytes', `a+${'t'.repeat(65)}@alpha.test`],
  ['a control in the tag', 'a+\u0007@alpha.test'],
];

function addAddresses(cases: Collection): void {
  for (const [description, typed, address, tag] of goodAddresses) {
    const info = ctx('address', address);
    cases.positive(nameOf('address', description), {
      spec: section,
      description,
      operation: 'canonical address',
      inputs: { typed },
      intermediate: { context: info },
      output: { address, ...(tag === undefined ? {} : { tag }), addressHash: sha256(info) },
    });
  }
  for (const [description, typed] of badAddresses)
    cases.negative(nameOf('address', description), 'address_invalid', {
      spec: section,
      description,
      operation: 'canonical address',
      inputs: { typed },
    });
  cases.negative('address-with-a-bad-domain', 'domain_invalid', {
    spec: section,
    description: 'a good local part at a bad domain',
    operation: 'canonical address',
    inputs: { typed: 'alice@localhost' },
  });
}

/** On the wire a form that is not canonical is refused, not mapped. */
function addWireForms(cases: Collection): void {
  const base = { spec: section, operation: 'check address' };
  cases.positive('wire-address', {
    ...base,
    description: 'a canonical address',
    inputs: { address: 'jos\u00e9@alpha.test' },
    output: true,
  });
  for (const [description, address] of [
    ['upper case', 'Alice@alpha.test'],
    ['a decomposed accent', 'jose\u0301@alpha.test'],
    ['a tag', 'alice+shop@alpha.test'],
    ['an angle bracket', 'a>b@alpha.test'],
  ] as const)
    cases.negative(nameOf('wire-address', description), 'address_invalid', {
      ...base,
      description,
      inputs: { address },
    });
  for (const [description, address] of [
    ['an upper case domain', 'alice@Alpha.test'],
    ['a U-label', 'alice@bücher.example'],
    ['a final dot', 'alice@alpha.test.'],
    ['a false A-label', 'alice@xn--example.org'],
  ] as const)
    cases.negative(nameOf('wire-address', description), 'domain_invalid', {
      ...base,
      description,
      inputs: { address },
    });
}

function addTxt(cases: Collection): void {
  const spec = 'discovery.md section 2';
  const first = seeded('txt 1')(32);
  const second = seeded('txt 2')(32);
  const gone = seeded('txt gone')(69);
  const id = base64url(first);
  const found = (fingerprints: readonly Uint8Array[], signature: Uint8Array | null = null): object => ({
    kind: 'found',
    fingerprints,
    gone: signature,
  });
  const outcomes: readonly (readonly [string, readonly string[], object])[] = [
    ['one id', [`v=beckon1; id=${id}`], found([first])],
    ['two ids', [`v=beckon1; id=${id}; id=${base64url(second)}`], found([first, second])],
    ['no spaces', [`v=beckon1;id=${id}`], found([first])],
    ['spaces around semicolons', [`v=beckon1  ;  id=${id} ; `], found([first])],
    ['an unknown name', [`v=beckon1; id=${id}; later=x`], found([first])],
    [
      'beside records of other kinds',
      ['v=spf1 -all', `v=beckon1; id=${id}`, 'v=beckon12; id=x'],
      found([first]),
    ],
    ['gone', [`v=beckon1; id=${id}; gone=${base64url(gone)}`], found([first], gone)],
    ['nothing', [], { kind: 'missing' }],
    ['other kinds alone', ['v=spf1 -all'], { kind: 'missing' }],
    ['two records', [`v=beckon1; id=${id}`, `v=beckon1; id=${base64url(second)}`], { kind: 'ambiguous' }],
    ['no id', ['v=beckon1'], { kind: 'malformed' }],
    [
      'three ids',
      [`v=beckon1; id=${id}; id=${base64url(second)}; id=${base64url(seeded('txt 3')(32))}`],
      { kind: 'malformed' },
    ],
    ['the same id twice', [`v=beckon1; id=${id}; id=${id}`], { kind: 'malformed' }],
    ['an id of 31 bytes', [`v=beckon1; id=${base64url(first.slice(1))}`], { kind: 'malformed' }],
    ['an id with padding', [`v=beckon1; id=${id}=`], { kind: 'malformed' }],
    ['an id in plain base64', [`v=beckon1; id=${'+'.repeat(43)}`], { kind: 'malformed' }],
    ['an id whose last bits are not zero', [`v=beckon1; id=${'A'.repeat(42)}B`], { kind: 'malformed' }],
    ['a name without a value', [`v=beckon1; id=${id}; later`], { kind: 'malformed' }],
    ['gone alone', [`v=beckon1; gone=${base64url(gone)}`], found([], gone)],
    [
      'two ids and gone',
      [`v=beckon1; id=${id}; id=${base64url(second)}; gone=${base64url(gone)}`],
      found([first, second], gone),
    ],
    ['a signature of another length', [`v=beckon1; id=${id}; gone=AA`], { kind: 'malformed' }],
    [
      'a signature without its serial',
      [`v=beckon1; id=${id}; gone=${base64url(gone.slice(5))}`],
      { kind: 'malformed' },
    ],
    [
      'gone twice',
      [`v=beckon1; id=${id}; gone=${base64url(gone)}; gone=${base64url(gone)}`],
      { kind: 'malformed' },
    ],
    ['the version twice', [`v=beckon1; id=${id}; v=beckon1`], { kind: 'malformed' }],
  ];
  for (const [description, values, output] of outcomes)
    cases.positive(nameOf('txt', description), {
      spec,
      description: `${description}; all kinds but found mean later`,
      operation: 'read TXT',
      inputs: { values },
      output: output as never,
    });
}
