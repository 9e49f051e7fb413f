/** Cases of wire-spec/account.md: invitation, signed requests. */
import { collection, flipped, now, utf8, type Case, type Collection, type Fields } from './cases.ts';
import { nameOf } from './conventions.ts';
import { encode } from './encode.ts';
import { addGateways } from './gateways.ts';
import { seeded } from './random.ts';
import { base64url, ed25519Public, ed25519Sign, sha256 } from './reference.ts';
import { addDecoding, sampleNode } from './structures.ts';

export function account(): readonly Case[] {
  const cases = collection();
  addDecoding(cases, 'invitation', 'account.md section 2');
  addDecoding(cases, 'pull-entry', 'account.md section 12');
  addInvitations(cases);
  addSignedRequests(cases);
  addGateways(cases);
  return cases.cases;
}

function addInvitations(cases: Collection): void {
  const base = { spec: 'account.md section 2', operation: 'parse invitation' };
  const token = seeded('invitation token')(16);
  const fingerprint = seeded('invitation fingerprint')(32);
  const node = (over: Parameters<typeof sampleNode>[1] = {}): Uint8Array =>
    encode(sampleNode('invitation', { local: 'alice', token, fingerprint, ...over }));
  const word = `beckon-invitation:${base64url(node())}`;
  const output = { domain: 'alpha.test', local: 'alice', token, fingerprint };
  cases.positive('invitation', { ...base, description: 'an invitation', inputs: { word }, output });
  cases.positive('invitation-with-spaces-around', {
    ...base,
    description: 'spaces and line breaks around it are ignored',
    inputs: { word: ` ${word}\n` },
    output,
  });
  const wordOf = (bytes: Uint8Array): string => `beckon-invitation:${base64url(bytes)}`;
  const bad: readonly (readonly [string, string])[] = [
    ['empty', ''],
    ['without its prefix', base64url(node())],
    ['with another prefix', `beckon-invite:${base64url(node())}`],
    ['with padding', `${word}=`],
    ['cut short', word.slice(0, -4)],
    ['with a space inside', `${word.slice(0, 40)} ${word.slice(40)}`],
    ['with a byte behind', wordOf(Buffer.concat([node(), Uint8Array.of(0)]))],
    ['with a local part that is not canonical', wordOf(node({ local: 'Alice' }))],
    ['with a domain that is not canonical', wordOf(node({ domain: 'Alpha.test' }))],
    ['with a token of 15 bytes', wordOf(node({ token: token.slice(1) }))],
    ['of more than 1024 characters', `beckon-invitation:${'A'.repeat(1024)}`],
  ];
  for (const [description, typed] of bad)
    cases.negative(nameOf('invitation', description), 'invitation_invalid', {
      ...base,
      description,
      inputs: { word: typed },
    });
}

interface Parts {
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  readonly query: string;
  readonly body?: Uint8Array;
  /** `if-match` or `if-none-match`, with its value. */
  readonly conditions?: Readonly<Record<string, string>>;
  readonly components: readonly string[];
  readonly parameters: string;
  readonly seed: Uint8Array;
}

const digestOf = (body: Uint8Array): string => `sha-256=:${Buffer.from(sha256(body)).toString('base64')}:`;

/** The signature base of RFC 9421 section 2.5 and the three headers. */
function signed(parts: Parts): { readonly base: string; readonly headers: Record<string, string> } {
  const values: Readonly<Record<string, string>> = {
    '@method': parts.method,
    '@authority': parts.authority,
    '@path': parts.path,
    '@query': parts.query,
    ...(parts.body === undefined ? {} : { 'content-digest': digestOf(parts.body) }),
    ...parts.conditions,
  };
  const input = `(${parts.components.map((name) => `"${name}"`).join(' ')});${parts.parameters}`;
  const lines = parts.components.map((name) => `"${name}": ${values[name]}`);
  const base = [...lines, `"@signature-params": ${input}`].join('\n');
  const signature = Buffer.from(ed25519Sign(parts.seed, utf8(base))).toString('base64');
  return {
    base,
    headers: {
      'signature-input': `beckon=${input}`,
      signature: `beckon=:${signature}:`,
      ...(parts.body === undefined ? {} : { 'content-digest': digestOf(parts.body) }),
    },
  };
}

function addSignedRequests(cases: Collection): void {
  const seed = seeded('device')(32);
  const device = ed25519Public(seed);
  const parametersOf = (
    created: number,
    keyid = base64url(device),
    alg = 'ed25519',
    tag = 'beckon/1 account',
  ): string => `created=${created};keyid="${keyid}";alg="${alg}";tag="${tag}"`;
  const bare = ['@method', '@authority', '@path', '@query'];
  const get: Parts = {
    method: 'GET',
    authority: 'beckon.alpha.test',
    path: '/.well-known/beckon/account/messages',
    query: '?after=&limit=10',
    components: bare,
    parameters: parametersOf(now),
    seed,
  };
  const body = utf8('{"count":2}');
  const post: Parts = {
    ...get,
    method: 'POST',
    path: '/.well-known/beckon/account/reservations',
    query: '?',
    body,
    components: [...bare, 'content-digest'],
  };
  const put: Parts = {
    ...post,
    method: 'PUT',
    path: '/.well-known/beckon/account/state',
    body: utf8('ciphertext'),
    conditions: { 'if-match': '"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"' },
    components: [...bare, 'content-digest', 'if-match'],
  };
  const first: Parts = {
    ...put,
    conditions: { 'if-none-match': '*' },
    components: [...bare, 'content-digest', 'if-none-match'],
  };
  const spec = 'account.md section 3';
  const inputs = (parts: Parts, over: Fields = {}): Fields => ({
    method: parts.method,
    domain: 'alpha.test',
    target: parts.path + (parts.query === '?' ? '' : parts.query),
    ...(parts.body === undefined ? {} : { body: parts.body }),
    ...(parts.conditions === undefined ? {} : { conditions: parts.conditions }),
    now,
    headers: signed(parts).headers,
    ...over,
  });
  for (const [name, parts] of [
    ['without a body', get],
    ['with a body', post],
    ['on condition that nothing changed', put],
    ['on condition that nothing is there', first],
  ] as const) {
    const { base, headers } = signed(parts);
    const { headers: _, ...request } = inputs(parts);
    cases.positive(nameOf('sign-request', name), {
      spec,
      description: `a request ${name}`,
      operation: 'sign request',
      inputs: { ...request, seed },
      intermediate: { signatureBase: base },
      output: headers,
    });
    cases.positive(nameOf('verify-request', name), {
      spec,
      description: `a request ${name}: the device key`,
      operation: 'verify request',
      inputs: inputs(parts),
      output: device,
    });
  }
  for (const created of [now - 3600, now + 3600])
    cases.positive(`verify-request-created-${created - now < 0 ? 'an-hour-ago' : 'an-hour-ahead'}`, {
      spec,
      description: 'created an hour off',
      operation: 'verify request',
      inputs: inputs({ ...get, parameters: parametersOf(created) }),
      output: device,
    });

  const good = signed(post).headers;
  const bad: readonly (readonly [string, Fields])[] = [
    ['another method', inputs(post, { method: 'PUT' })],
    ['another domain', inputs(post, { domain: 'beta.test' })],
    ['another path', inputs(post, { target: '/.well-known/beckon/account/messages' })],
    ['another query', inputs(get, { target: `${get.path}?after=&limit=11` })],
    ['another body', inputs(post, { body: utf8('{"count":3}') })],
    ['created more than an hour ago', inputs({ ...get, parameters: parametersOf(now - 3601) })],
    ['created more than an hour ahead', inputs({ ...get, parameters: parametersOf(now + 3601) })],
    ['expired', inputs({ ...get, parameters: `${parametersOf(now - 3600)};expires=${now - 3601}` })],
    [
      'another algorithm',
      inputs({ ...get, parameters: parametersOf(now, base64url(device), 'rsa-pss-sha512') }),
    ],
    ['another tag', inputs({ ...get, parameters: parametersOf(now, base64url(device), 'ed25519', 'other') })],
    ['another key named', inputs({ ...get, parameters: parametersOf(now, base64url(flipped(device, 5))) })],
    ['a key of 31 bytes', inputs({ ...get, parameters: parametersOf(now, base64url(device.slice(1))) })],
    [
      'no time',
      inputs({ ...get, parameters: `keyid="${base64url(device)}";alg="ed25519";tag="beckon/1 account"` }),
    ],
    ['a component left out', inputs({ ...get, components: bare.slice(0, 3) })],
    [
      'the digest not covered',
      inputs(
        { ...post, components: bare },
        { headers: { ...signed({ ...post, components: bare }).headers } },
      ),
    ],
    ['no signature', inputs(post, { headers: { 'content-digest': good['content-digest'] ?? '' } })],
    [
      'a signature under another label',
      inputs(post, {
        headers: { ...good, signature: (good['signature'] ?? '').replace('beckon=', 'other=') },
      }),
    ],
    [
      'no digest',
      inputs(post, {
        headers: { signature: good['signature'] ?? '', 'signature-input': good['signature-input'] ?? '' },
      }),
    ],
    ['another condition', inputs(put, { conditions: { 'if-match': '"other"' } })],
    ['a condition left out', inputs(put, { conditions: {} })],
    ['a condition added', inputs(post, { conditions: { 'if-none-match': '*' } })],
    ['a condition not covered', inputs({ ...put, components: [...bare, 'content-digest'] })],
    ['malformed headers', inputs(post, { headers: { ...good, signature: 'beckon=:AA' } })],
  ];
  for (const [description, fields] of bad)
    cases.negative(nameOf('verify-request', description), 'unauthorized', {
      spec,
      description,
      operation: 'verify request',
      inputs: fields,
    });
}
