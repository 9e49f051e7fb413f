/** account.md and fetch.md from a client's side: enrol, submit, feed, poll, fetch, accept, retract. */
import type { Bytes } from './cbor.ts';
import {
  asFields,
  base64url,
  bytesAt,
  decode,
  decodeFields,
  encode,
  encodeFields,
  listAt,
  numberAt,
  refuse,
  textAt,
  unbase64url,
  utf8,
} from './cbor.ts';
import {
  bucket,
  introductionDrop,
  openIntroduction,
  pollEntry,
  recipientHash,
  sealIntroduction,
} from './drops.ts';
import type { Introduction } from './drops.ts';
import type { Answer, Send } from './http.ts';
import { root, signRequest } from './http.ts';
import type { DomainRecord, UserRecord } from './keys.ts';
import {
  addressHash,
  domainOf,
  identityFingerprint,
  keyId,
  makeUserRecord,
  newestActive,
  readInvitation,
  use,
  verifyDomainRecord,
  verifyUserAnswer,
  verifyUserRecord,
} from './keys.ts';
import type { OpenedMessage, Ref, ReplyDrop } from './message.ts';
import { openMessage, sealMessage } from './message.ts';
import { ed25519Public, exchange, publicOf, random, sha256 } from './primitives.ts';

/** What a drop's owner needs: the shared secret of a poll key with the domain's, and the sealing key's seed. */
interface OwnDrop {
  readonly pollKey: Uint8Array;
  readonly sealingSeed: Uint8Array;
  shared(domainKey: Uint8Array): Bytes;
}

/** A user's secrets, and the records made of them. */
export function createPerson(address: string, now: number) {
  const identitySeed = random(32);
  const addressingSecret = random(32);
  const sealingSeed = random(32);
  const identityKey = ed25519Public(identitySeed);
  const addressingKey = publicOf('x25519', addressingSecret);
  const keys = [
    { use: use.addressing, key: addressingKey },
    { use: use.sealing, key: publicOf('xwing', sealingSeed) },
  ];
  const inner = makeUserRecord(address, identitySeed, keys, now);
  const domain = domainOf(address);
  return {
    address,
    domain,
    inner,
    addressingSecret,
    addressingKey,
    sealingSeed,
    fingerprint: identityFingerprint(identityKey),
    signer: { seed: identitySeed, keyId: keyId(domain, use.userIdentity, identityKey) },
    record: verifyUserRecord(inner, address, now),
  };
}

export type Person = ReturnType<typeof createPerson>;

export interface Directory {
  domain(domain: string): Promise<DomainRecord>;
  user(address: string): Promise<UserRecord>;
}

/** @param fingerprints what TXT says of a domain */
export function createDirectory(
  send: Send,
  fingerprints: (domain: string) => Uint8Array,
  now: () => number,
): Directory {
  const directory: Directory = {
    async domain(domain) {
      const answer = await good(send('GET', domain, `${root}domains/${domain}`));
      return verifyDomainRecord(bytesAt(decodeFields(answer.body), 1), domain, [fingerprints(domain)], now());
    },
    async user(address) {
      const domain = domainOf(address);
      const path = `${root}users/${domain}/${base64url(addressHash(address))}`;
      const answer = await good(send('GET', domain, path));
      const record = verifyUserAnswer(answer.body, await directory.domain(domain), address, now());
      if (!record) throw new Error('by mail');
      return record;
    },
  };
  return directory;
}

async function good(sent: Promise<Answer>): Promise<Answer> {
  const answer = await sent;
  if (answer.status >= 300) throw new Error(`${answer.status} ${new TextDecoder().decode(answer.body)}`);
  return answer;
}

/** Sealed to a recipient: what a domain is given to keep. */
export async function writeTo(
  person: Person,
  to: { record: UserRecord; domain: DomainRecord; drop: ReplyDrop | null },
  id: Uint8Array,
  text: Uint8Array,
  replyDrop: ReplyDrop | null,
  now: number,
) {
  const domain = to.domain.domain;
  const envelopeKey = newestActive(to.domain.keys, use.envelope, now);
  const first = to.drop ? null : await introduce(person, to.record, to.domain, now);
  const sealingKey = to.drop?.sealingKey ?? newestActive(to.record.keys, use.sealing, now).key;
  const pollHash = recipientHash(to.drop?.pollKey ?? first?.pollKey ?? new Uint8Array(), domain);
  const author = { ...person, signer: person.signer };
  const target = { record: to.record, domain, envelopeKey, pollHash, sealingKey };
  const sealed = await sealMessage(author, target, id, text, replyDrop, now);
  return { ...sealed, pollHash, introduction: first?.introduction };
}

async function introduce(person: Person, record: UserRecord, domain: DomainRecord, now: number) {
  const recipientKey = newestActive(record.keys, use.addressing, now).key;
  const about: Introduction = {
    senderHash: addressHash(person.address),
    senderKey: person.addressingKey,
    senderFingerprint: person.fingerprint,
    recipientHash: addressHash(record.address),
    recipientKey,
    recipientDomain: domain.domain,
  };
  const { pollKey } = introductionDrop(person.addressingSecret, 'sender', about);
  const senderLocal = person.address.slice(0, person.address.lastIndexOf('@'));
  const introduction = await sealIntroduction(
    { ...about, senderLocal, senderDomain: person.domain },
    {
      recipientKey,
      recipientDomain: domain.domain,
      bucketField: bucket(recipientKey, domain.domain, domain.bucketBits).field,
    },
  );
  return { pollKey, introduction };
}

export function createOwnDrop(): OwnDrop & { readonly handedOver: ReplyDrop } {
  const scalar = random(32);
  const sealingSeed = random(32);
  const pollKey = publicOf('x25519', scalar);
  return {
    pollKey,
    sealingSeed,
    shared: (domainKey) => exchange(scalar, domainKey),
    handedOver: { pollKey, sealingKey: publicOf('xwing', sealingSeed) },
  };
}

/** Fetches, opens and verifies; the content comes with it. */
export async function fetchMessage(
  send: Send,
  directory: Directory,
  person: Person,
  ref: Ref,
  secret: Uint8Array,
) {
  const path = `${root}m/${base64url(ref.id)}`;
  const opened = await openMessage((await good(send('GET', ref.senderDomain, path))).body, ref, [secret]);
  const sender = await directory.user(opened.sender);
  opened.verify(sender, person.record);
  const payload = await good(send('GET', ref.senderDomain, `${path}/payload`));
  refuse(payload.etag !== `"${base64url(sha256(payload.body))}"`, 'etag');
  return { opened, sender, content: opened.content(payload.body) };
}

export async function accept(send: Send, ref: Ref, opened: OpenedMessage): Promise<number> {
  const body = encodeFields({ 1: ref.id, 2: opened.acceptToken });
  return (await send('POST', ref.senderDomain, `${root}m/${base64url(ref.id)}/accept`, body, binary)).status;
}

const binary = { 'content-type': 'application/beckon+cbor' };

/** A user of a Beckon domain. */
export async function enrol(send: Send, invitation: string, now: () => number) {
  const { domain, local, token, fingerprint } = readInvitation(invitation);
  const person = createPerson(`${local}@${domain}`, now());
  const device = random(32);
  const account = (method: string, path: string, body: Uint8Array | null, type = 'application/json') => {
    const target = `${root}${path}`;
    const signed = signRequest(method, domain, target, body, device, now());
    return send(method, domain, target, body, { ...signed, ...(body && { 'content-type': type }) });
  };
  const json = async (method: string, path: string, content?: unknown) => {
    const answer = await good(
      account(method, path, content === undefined ? null : utf8(JSON.stringify(content))),
    );
    return JSON.parse(new TextDecoder().decode(answer.body)) as Record<string, unknown>;
  };
  const own = {
    token: base64url(token),
    record: base64url(person.inner),
    device: base64url(ed25519Public(device)),
  };
  const enrolled = await json('POST', 'account/enroll', own);
  refuse(enrolled['addressHash'] !== base64url(addressHash(person.address)), 'address hash');
  const directory = createDirectory(send, () => fingerprint, now);

  return {
    person,
    fingerprint,
    /** Section 4: an id to seal a message under. */
    async reserve(): Promise<Bytes> {
      const { ids } = await json('POST', 'account/reservations', { count: 1 });
      return unbase64url((ids as string[])[0] ?? '');
    },
    /** Sections 4 and 5: uploads and commits; returns the handle. */
    async submit(
      id: Uint8Array,
      destination: string,
      sealed: Awaited<ReturnType<typeof writeTo>>,
    ): Promise<string> {
      const upload = base64url(random(16));
      await json('PUT', `account/uploads/${upload}`, { size: sealed.payload.length });
      const part = account(
        'PUT',
        `account/uploads/${upload}/parts/0`,
        sealed.payload,
        'application/octet-stream',
      );
      await good(part);
      const { messages } = await json('POST', 'account/messages', {
        upload,
        payloadHash: base64url(sha256(sealed.payload)),
        messages: [
          {
            id: base64url(id),
            destination,
            recipientHash: base64url(sealed.pollHash),
            header: base64url(sealed.header),
            envelope: base64url(sealed.envelope),
            acceptTokenHash: base64url(sha256(sealed.acceptToken)),
            expires: sealed.expires,
            ...(sealed.introduction && { introduction: base64url(sealed.introduction) }),
          },
        ],
      });
      return (messages as { handle: string }[])[0]?.handle ?? '';
    },
    async state(handle: string): Promise<unknown> {
      return (await json('GET', `account/messages/${handle}`))['state'];
    },
    async retract(handle: string): Promise<unknown> {
      return (await json('POST', `account/messages/${handle}/retract`))['outcome'];
    },
    /** fetch.md section 5: the drops of those who introduced themselves. */
    async introductions() {
      const { bucketBits } = await directory.domain(domain);
      const { number } = bucket(person.addressingKey, domain, bucketBits);
      const query = bucketBits > 0 ? `?bucket=${number}` : '';
      const answer = await good(account('GET', `introductions${query}`, null));
      const entries = listAt(decodeFields(answer.body), 1).map(asFields);
      const opened = entries.map((entry) => introducedDrop(person, textAt(entry, 1), bytesAt(entry, 2, 178)));
      // Most of a feed is for others: what does not open is passed over.
      const settled = await Promise.allSettled(opened);
      return settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    },
    /** fetch.md section 4: the refs that wait for one drop. */
    async poll(drop: OwnDrop, done?: readonly Uint8Array[]) {
      const key = newestActive((await directory.domain(domain)).keys, use.poll, now());
      const request = { domain, keyId: key.id, time: now(), nonce: random(16) };
      const entry = pollEntry(request, drop.shared(key.key), drop.pollKey, { done });
      const body = encode(
        new Map<number, unknown>([
          [1, request.time],
          [2, request.nonce],
          [3, key.id],
          [4, [decode(entry)]],
        ]),
      );
      const answer = await good(send('POST', domain, `${root}poll`, body, binary));
      const [found] = listAt(decodeFields(answer.body), 1).map(asFields);
      return (found ? listAt(found, 1) : []).map((item) => {
        const fields = asFields(item);
        const ref: Ref = {
          id: bytesAt(fields, 1, 32),
          senderDomain: textAt(fields, 2),
          recipientDomain: domain,
          recipientHash: recipientHash(drop.pollKey, domain),
        };
        const labels = fields.has(6) ? asFields(fields.get(6)) : new Map<number, unknown>();
        return { ...ref, expires: numberAt(fields, 3), retraction: labels.get(2) === true };
      });
    },
  };
}

export async function introducedDrop(person: Person, senderDomain: string, bytes: Uint8Array) {
  const { senderAddress, senderKey, senderFingerprint } = await openIntroduction(
    bytes,
    person.addressingSecret,
    senderDomain,
    person.domain,
  );
  const { s, pollKey } = introductionDrop(person.addressingSecret, 'recipient', {
    senderHash: addressHash(senderAddress),
    senderKey,
    senderFingerprint,
    recipientHash: addressHash(person.address),
    recipientKey: person.addressingKey,
    recipientDomain: person.domain,
  });
  const shared = (domainKey: Uint8Array): Bytes => exchange(person.addressingSecret, exchange(s, domainKey));
  return { senderAddress, senderFingerprint, pollKey, sealingSeed: person.sealingSeed, shared };
}
