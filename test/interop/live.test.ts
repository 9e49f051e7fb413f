/** A second implementation, written from the specification alone, talks with a Beckon daemon and its command line. */
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import nodemailer from 'nodemailer';
import { startHoster } from './hoster.ts';
import type { Hoster, Place } from './hoster.ts';
import { enrol } from './stranger/account.ts';
import type { Bytes } from './stranger/cbor.ts';
import { base64url, utf8 } from './stranger/cbor.ts';
import * as client from './stranger/client.ts';
import { startDomain } from './stranger/domain.ts';
import { recipientHash } from './stranger/drops.ts';
import type { Send } from './stranger/http.ts';
import { createSend } from './stranger/http.ts';
import { believedMail } from './stranger/mail.ts';
import { readInvitation } from './stranger/keys.ts';
import type { Kind, ReplyDrop } from './stranger/message.ts';
import { coverOf, listedBy, traceHandle } from './stranger/message.ts';
import { random } from './stranger/primitives.ts';

const now = (): number => Math.floor(Date.now() / 1000);
const mail = (body: string): Bytes => utf8(`Subject: Lighthouse\r\n\r\n${body}\r\n`);
const asText = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

const people = ['sam@alpha.test', 'sue@alpha.test', 'cleo@beta.test'];

let hoster: Hoster;
let invitations: string[];
let places: Map<string, Place>;
let send: Send;
let directory: client.Directory;
let sam: Awaited<ReturnType<typeof enrol>>;
let sue: typeof sam;
let toCleo: ReplyDrop | null = null;

test.before(async () => {
  hoster = await startHoster(['alpha.test', 'beta.test']);
  invitations = await Promise.all(people.map((address) => hoster.invitation(address)));
  const read = invitations.map(readInvitation);
  places = new Map(
    read.map(({ domain, fingerprint }) => [
      domain,
      { domain, fingerprint, https: hoster.https, udp: hoster.udp },
    ]),
  );
  hoster.publish([...places.values()]);
  send = createSend(hoster.authority.cert, (domain) => place(domain).https);
  directory = client.createDirectory(send, (domain) => place(domain).fingerprint, now);
  const [samsWord = '', suesWord = '', cleosWord = ''] = invitations;
  [sam, sue] = await Promise.all([
    enrol(send, samsWord, now),
    enrol(send, suesWord, now),
    cleo('enroll', cleosWord),
  ]);
});
test.after.always(async () => hoster.close());

test.serial(
  'a stranger introduces itself to the command line and is answered over the drop it handed over',
  async (t) => {
    const drop = client.createOwnDrop();
    const { handle } = await write(sam, 'cleo@beta.test', null, 'It still stands.', drop);
    t.is(await sam.state(handle), 'stored');

    await cleoWaits(1);
    const { mail: shown, entry } = await cleo('read', '1');
    t.like(shown, { subject: 'Lighthouse', text: 'It still stands.\n' });
    t.like(entry, { from: 'sam@alpha.test', fromVerified: true, forwarded: false });
    t.is(await sam.state(handle), 'accepted');

    await cleo('reply', '1', '--body', 'So it does.');
    const [ref] = await until(async () => sam.poll(drop));
    const message = await client.fetchMessage(send, directory, sam.person, ref, drop.sealingSeed);
    t.is(message.sender.address, 'cleo@beta.test');
    t.true(asText(message.content).includes('So it does.'));
    t.is(await client.accept(send, ref, message.opened), 204);
    t.deepEqual(await sam.poll(drop, [ref.id]), []);
  },
);

test.serial(
  'the command line introduces itself to a stranger, who answers over the drop that was handed over',
  async (t) => {
    await cleo('send', 'sue@alpha.test', '--subject', 'Boats', '--body', 'Three today.');
    const [drop] = await until(async () => sue.introductions());
    t.is(drop.senderAddress, 'cleo@beta.test');
    const [ref] = await until(async () => sue.poll(drop));
    const message = await client.fetchMessage(send, directory, sue.person, ref, drop.sealingSeed);
    t.deepEqual(message.sender.identityFingerprint, drop.senderFingerprint);
    t.true(asText(message.content).includes('Three today.'));
    t.is(await client.accept(send, ref, message.opened), 204);

    toCleo = message.opened.replyDrop;
    const { handle } = await write(sue, 'cleo@beta.test', toCleo, 'Four, with mine.', null);
    await cleoWaits(4);
    const { mail: shown } = await cleo('read', '4');
    t.like(shown, { text: 'Four, with mine.\n' });
    t.is(await sue.state(handle), 'accepted');
  },
);

test.serial('a stranger takes back what was not accepted, and another sees that it was', async (t) => {
  const { handle, id } = await write(sue, 'sam@alpha.test', null, 'Never mind.', null);
  const [drop] = await until(async () => sam.introductions());
  const [ref] = await until(async () => sam.poll(drop));
  t.deepEqual(ref.id, id);
  t.is(await sue.retract(handle), 'withdrawn');
  await until(async () => (await sam.poll(drop)).filter((one) => one.retraction));
  await t.throwsAsync(client.fetchMessage(send, directory, sam.person, ref, drop.sealingSeed), {
    message: /^404/u,
  });
});

test.serial(
  'what comes by SMTP is read as mail of the bridge of the own domain, and nobody else is believed',
  async (t) => {
    const { bridge } = await directory.domain('alpha.test');
    const smtp = nodemailer.createTransport({ host: '127.0.0.1', port: hoster.smtp, ignoreTLS: true });
    const raw = 'From: Carol <carol@legacy.test>\r\nSubject: By post\r\n\r\nA boat came in.\r\n';
    const envelope = { from: 'bounces@legacy.test', to: ['sue@alpha.test'] };
    const before = (await sue.introductions()).map(({ senderAddress }) => senderAddress);
    await smtp.sendMail({ raw, envelope });
    const [drop] = await until(async () =>
      (await sue.introductions()).filter(
        ({ senderAddress }) => senderAddress === `${bridge?.local}@alpha.test`,
      ),
    );
    t.false(before.includes(drop.senderAddress));
    const [ref] = await until(async () => sue.poll(drop));
    const message = await client.fetchMessage(send, directory, sue.person, ref, drop.sealingSeed);
    t.true(asText(message.content).endsWith(raw));
    const { letter } = message.opened;
    const alpha = await directory.domain('alpha.test');
    t.like(believedMail(letter, message.sender, alpha), {
      kind: 0,
      reversePath: 'bounces@legacy.test',
      recipient: 'sue@alpha.test',
      from: 'carol@legacy.test',
    });
    t.is(believedMail(letter, sue.person.record, alpha), undefined);
    t.is(believedMail(letter, message.sender, await directory.domain('beta.test')), undefined);
    t.is(await client.accept(send, ref, message.opened), 204);
  },
);

test.serial("mail comes from a stranger's domain, and its answer goes there", async (t) => {
  const gus = client.createPerson('gus@gamma.test', now());
  const gamma = await startDomain(gus, await hoster.authority.issue(['beckon.gamma.test']), now());
  t.teardown(async () => gamma.close());
  places.set(gamma.domain, gamma);
  hoster.publish([...places.values()]);

  const id = random(32);
  const drop = client.createOwnDrop();
  const to = {
    record: await directory.user('cleo@beta.test'),
    domain: await directory.domain('beta.test'),
    drop: null,
  };
  const sealed = await client.writeTo(gus, to, id, mail('From afar.'), drop.handedOver, now());
  const ref = { recipientHash: sealed.pollHash, introduction: sealed.introduction };
  await gamma.keep(id, sealed, ref, to.domain, hoster.udp);
  await cleoWaits(5);
  const { mail: shown } = await cleo('read', '5');
  t.like(shown, { text: 'From afar.\n' });
  t.true(gamma.accepted(id));

  await cleo('reply', '5', '--body', 'And back.');
  const [heard] = await until(async () => gamma.heard);
  const beta = await directory.domain('beta.test');
  t.notThrows(() => beta.verified(heard.signed, 'notification', gamma.domain));
  const [told] = heard.refs;
  t.deepEqual(told?.recipientHash, recipientHash(drop.pollKey, gamma.domain));
  const answer = { id: told?.id ?? id, senderDomain: heard.sender, recipientDomain: gamma.domain };
  const found = { ...answer, recipientHash: recipientHash(drop.pollKey, gamma.domain) };
  const message = await client.fetchMessage(send, directory, gus, found, drop.sealingSeed);
  t.true(asText(message.content).includes('And back.'));
  t.is(await client.accept(send, found, message.opened), 204);
});

test.serial('parts of a stranger wait for the cover that lists them, and are one message then', async (t) => {
  const texts = [mail('The lamp.'), mail('The lens.')];
  const parts = [];
  for (const content of texts) parts.push({ ...(await writeOver(content, { part: true })), content });
  const [waiting] = await until(async () => {
    const found = (await cleoInbox()).filter(({ restUntil }) => restUntil !== undefined);
    return found.length === 2 ? [found] : [];
  });
  t.true(waiting.every(({ status, from }) => status === 'waiting' && from === 'sue@alpha.test'));

  await writeOver(coverOf(parts), { mediaType: coverType });
  const [entries] = await until(async () => {
    const found = await cleoInbox();
    return found.some((entry) => entry.cover) ? [found] : [];
  });
  const cover = entries.at(-1);
  const known = waiting.map(({ number }) => number);
  t.is(cover?.parts?.length, 2);
  t.false(entries.some(({ number }) => known.includes(number)));
  const { mail: shown } = await cleo('read', String(cover?.number));
  t.like(shown, { text: 'The lamp.\n' });
});

test.serial('what a cover of the command line lists says so of itself, and nothing else does', async (t) => {
  const file = join(tmpdir(), `beckon-interop-${base64url(random(8))}.txt`);
  await writeFile(file, 'a keeper');
  t.teardown(async () => rm(file));
  const words = ['--subject', 'Keys', '--body', 'Two of them.', file];
  const { recipients } = await cleo('send', 'sue@alpha.test', ...words);
  const [{ handles = [] } = {}] = recipients as unknown as { handles?: string[] }[];
  t.is(handles.length, 3);
  // Each introduction of hers leads to the same drop.
  const [drop] = await until(async () => sue.introductions());
  const [refs] = await until(async () => {
    const found = (await sue.poll(drop)).filter(({ id }) => handles.includes(traceHandle(id)));
    return found.length === 3 ? [found] : [];
  });
  const messages = await Promise.all(
    refs.map(async (ref) => ({
      ref,
      ...(await client.fetchMessage(send, directory, sue.person, ref, drop.sealingSeed)),
    })),
  );
  const [covers, others] = [true, false].map((wanted) =>
    messages.filter(({ opened }) => (opened.letter.get(9) === coverType) === wanted),
  );
  t.deepEqual(
    [covers?.map(({ opened }) => opened.part), others?.map(({ opened }) => opened.part)],
    [[false], [true, true]],
  );
  const listed = listedBy(covers?.[0]?.content ?? random(1)).map((id) => base64url(id));
  t.deepEqual(listed.toSorted(), (others ?? []).map(({ ref }) => base64url(ref.id)).toSorted());
});

interface Listed {
  readonly number: number;
  readonly status: string;
  readonly from?: string;
  readonly restUntil?: number;
  readonly cover?: boolean;
  readonly parts?: readonly object[];
}

const coverType = 'application/beckon-cover+cbor';

async function cleoInbox(): Promise<readonly Listed[]> {
  return (await cleo('inbox')) as unknown as readonly Listed[];
}

/** From Sue to Cleo, over the drop that Cleo handed over. */
async function writeOver(content: Bytes, what: Kind) {
  const id = await sue.reserve();
  const to = {
    record: await directory.user('cleo@beta.test'),
    domain: await directory.domain('beta.test'),
    drop: toCleo,
  };
  const sealed = await client.writeTo(sue.person, to, id, content, null, now(), what);
  await sue.submit(id, 'beta.test', sealed);
  return { id, expires: sealed.expires };
}

function place(domain: string): Place {
  const found = places.get(domain);
  if (!found) throw new Error(`no place ${domain}`);
  return found;
}

async function cleo(...words: string[]): Promise<Record<string, object>> {
  return (await hoster.run(...words, ...hoster.home('cleo'))) as Record<string, object>;
}

/** Until the user of the command line is told of a message under a number. */
async function cleoWaits(number: number): Promise<void> {
  await until(async () => {
    const entries = (await cleo('inbox')) as unknown as { number: number }[];
    return entries.filter((entry) => entry.number === number);
  });
}

async function write(
  from: typeof sam,
  address: string,
  drop: Parameters<typeof client.writeTo>[1]['drop'],
  body: string,
  reply: ReturnType<typeof client.createOwnDrop> | null,
) {
  const id = await from.reserve();
  const domain = address.slice(address.indexOf('@') + 1);
  const to = { record: await directory.user(address), domain: await directory.domain(domain), drop };
  const sealed = await client.writeTo(from.person, to, id, mail(body), reply?.handedOver ?? null, now());
  return { id, handle: await from.submit(id, domain, sealed) };
}

/** Asks again until there is something: notifications take their time. */
async function until<T>(ask: () => Promise<readonly T[]>): Promise<[T, ...T[]]> {
  for (;;) {
    const [first, ...others] = await ask();
    if (first !== undefined) return [first, ...others];
    await sleep(50);
  }
}
