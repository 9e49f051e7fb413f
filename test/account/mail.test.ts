import test, { type ExecutionContext } from 'ava';
import { createAccountMail } from '../../src/account/mail.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { createKeyRing } from '../../src/keys/key-ring.ts';
import { createKeyPair } from '../../src/keys/key-pair.ts';
import { sealMail } from '../../src/message/mail-submission.ts';
import { mailSubmission, type MailSubmission } from '../../src/wire/mail-submission.ts';
import { encode } from '../../src/wire/schema.ts';
import { filled, opened, random, sha256, start, uploaded } from '../store/fixture.ts';
import { rejected } from '../support/identities.ts';
import { alpha, amy, ann, asUser, day } from './fixture.ts';

const domain = 'alpha.test';
const key = createKeyPair(domain, 'bridge', systemRandom, {
  notBefore: start - day,
  notAfter: start + 400 * day,
});

async function home(t: ExecutionContext, options: { readonly sendsMail?: boolean } = {}) {
  const { store, clock } = await opened(t);
  const keyRing = createKeyRing();
  keyRing.set({ ...alpha.keys, keys: [...alpha.keys.keys, key] });
  const row = { local: 'ann', record: new Uint8Array(1) };
  const mail = createAccountMail({
    ...store,
    users: {
      get: async (_domain, hash) =>
        (hash === asUser(ann).owner.user ? { ...row, domain } : undefined) as never,
    },
    aliases: { of: async () => [{ local: 'the.ann', domain }] as never },
    keyRing,
    sendsMail: () => options.sendsMail ?? true,
    limitsOf: async () => ({ userMessages: 3 }),
    clock,
  });
  const payload = random(5000);
  const request = async (over: Partial<MailSubmission> = {}, user = asUser(ann)) => {
    const submission = {
      contentKey: random(32),
      reversePath: ann.address,
      recipients: ['Carol+x@gamma.test', 'dave@delta.test'],
      plaintextHash: random(32),
      plaintextLength: 100,
      created: start,
      notify: 4,
      ...over,
    };
    encode(mailSubmission, submission);
    return {
      id: random(10),
      upload: await uploaded(store, user.owner, payload),
      payloadHash: sha256(payload),
      keyId: key.id,
      sealed: sealMail(submission, key.publicKey, { domain, keyId: key.id }, systemRandom),
    };
  };
  return { store, clock, mail, request, user: asUser(ann) };
}

test('mail is queued for as many recipients as its sealed part has, and its user sees what becomes of it', async (t) => {
  const { mail, request, user } = await home(t);
  const one = await request();
  const queued = { state: 'queued', attempts: 0, next: start } as const;
  const shown = await mail.submit(user, one);
  t.like(shown, { created: start, size: 5000 });
  t.deepEqual(shown.recipients, [queued, queued]);
  t.deepEqual(await mail.submit(user, one), shown, 'the answer was lost');
  t.deepEqual((await mail.list(user, { limit: 10 })).items, [shown]);
  t.deepEqual(await mail.find(user, shown.handle), shown);
  const dropped = await mail.drop(user, shown.handle);
  t.deepEqual(
    dropped.recipients.map(({ state }) => state),
    ['dropped', 'dropped'],
  );
  t.is(dropped.ended, start);
});

test('it is its user’s alone', async (t) => {
  const { mail, request, user } = await home(t);
  const { handle } = await mail.submit(user, await request());
  const other = asUser(amy);
  t.is(await rejected(mail.find(other, handle)), 'not_found');
  t.is(await rejected(mail.drop(other, handle)), 'not_found');
  t.deepEqual((await mail.list(other, { limit: 10 })).items, []);
  t.is(await rejected(mail.find(user, 'no handle')), 'not_found');
});

test('an alias may write, and nobody in the name of another', async (t) => {
  const { mail, request, user } = await home(t);
  await mail.submit(user, await request({ reversePath: 'the.ann@alpha.test' }));
  const forged = await request({ reversePath: amy.address });
  t.is(await rejected(mail.submit(user, forged)), 'unauthorized');
  const own = await request({}, asUser(amy));
  t.is(await rejected(mail.submit(asUser(amy), own)), 'unauthorized');
});

test('what is not sealed to a bridge key of the domain is refused, and where no mail leaves all of it', async (t) => {
  const { mail, request, user } = await home(t);
  const one = await request();
  const changed = one.sealed.slice();
  changed[2000] = 1 ^ (changed[2000] ?? 0);
  t.is(await rejected(mail.submit(user, { ...one, sealed: changed })), 'open_failed');
  t.is(await rejected(mail.submit(user, { ...one, sealed: filled(1, 4095) })), 'open_failed');
  t.is(await rejected(mail.submit(user, { ...one, keyId: filled(1, 8) })), 'key_unknown');
  t.is(await rejected(mail.submit(user, { ...one, payloadHash: filled(1) })), 'payload_mismatch');
  const none = await home(t, { sendsMail: false });
  t.is(await rejected(none.mail.submit(none.user, await none.request())), 'unsupported');
  t.is(await rejected(none.mail.list(none.user, { limit: 1 })), 'unsupported');
});

test('it counts as what else waits does', async (t) => {
  const { mail, request, user } = await home(t);
  for (let i = 0; i < 3; i++) await mail.submit(user, await request());
  t.is(await rejected(mail.submit(user, await request())), 'quota_exceeded');
});
