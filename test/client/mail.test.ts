import test from 'ava';
import { bridgedMail } from '../../src/client/mail.ts';
import type { VerifiedDomain } from '../../src/keys/domain-record.ts';
import { namedBridge } from '../../src/keys/mail-capability.ts';
import type { VerifiedMessage } from '../../src/message/message.ts';
import { encodeMailExtensions, mailCapability, type Mail } from '../../src/wire/mail.ts';
import { encode } from '../../src/wire/schema.ts';

const fingerprint = new Uint8Array(32).fill(1);
const bridge = 'mail-bridge@here.test';
const mail: Mail = {
  kind: 0,
  reversePath: 'bob@legacy.test',
  recipient: 'anna+x@here.test',
  received: 1_800_000_000,
  from: 'bob@legacy.test',
  replyTo: 'list@legacy.test',
  verdicts: { spf: { result: 'pass', domain: 'legacy.test' }, doubt: { result: 'dmarc' } },
  reference: new Uint8Array(10),
  client: 'mail.legacy.test [192.0.2.7]',
};

function domain(capability: Uint8Array | undefined): VerifiedDomain {
  const capabilities = new Map(capability === undefined ? [] : [['mail', capability]]);
  return { domain: 'here.test', capabilities } as unknown as VerifiedDomain;
}
const here = domain(encode(mailCapability, { local: 'mail-bridge', fingerprint }));

interface From {
  readonly author?: string;
  readonly sender?: string;
  readonly fingerprint?: Uint8Array;
  readonly extensions?: Uint8Array;
}

function message({ author = bridge, sender = author, ...rest }: From): VerifiedMessage {
  const letter = { author, fingerprint, extensions: encodeMailExtensions(mail), ...rest };
  return { letter, envelope: { sender } } as VerifiedMessage;
}

test('a letter of the named bridge user is believed about mail', (t) => {
  t.deepEqual(bridgedMail(message({}), here), {
    ...mail,
    kind: 'mail',
    reference: 'aaaaaaaaaaaaaaaa',
  });
});

test('nobody else is, whatever their letter says', (t) => {
  const other = new Uint8Array(32).fill(2);
  for (const [from, at] of [
    [{ author: 'eve@here.test' }, here],
    [{ author: 'mail-bridge@evil.test' }, here],
    [{ sender: 'eve@here.test' }, here],
    [{ fingerprint: other }, here],
    [{}, domain(undefined)],
    [{}, domain(encode(mailCapability, { local: 'mail-bridge', fingerprint: other }))],
    [{}, domain(encode(mailCapability, { local: 'bridge', fingerprint }))],
    [{}, domain(Uint8Array.of(0xff))],
  ] as const)
    t.is(bridgedMail(message(from), at), undefined);
});

test('what is no mail, or of a kind not known here, is a message like any other', (t) => {
  t.is(bridgedMail(message({ extensions: Uint8Array.of(0xff) }), here), undefined);
  t.is(bridgedMail(message({ extensions: Uint8Array.of(0xa0) }), here), undefined);
  t.is(bridgedMail(message({ extensions: encodeMailExtensions({ ...mail, kind: 9 }) }), here), undefined);
});

test('a bridge whose name could be no address is none', (t) => {
  t.deepEqual(namedBridge(here), { address: bridge, fingerprint });
  t.is(namedBridge(domain(Uint8Array.of(0xa0))), undefined);
});
