/** What the operations of vectors/README.md are in the second implementation. Null: it has no such operation. */
import * as cbor from './stranger/cbor.ts';
import { hex, unhex } from './stranger/cbor.ts';
import * as drops from './stranger/drops.ts';
import { signRequest } from './stranger/http.ts';
import * as identity from './stranger/identity.ts';
import * as keys from './stranger/keys.ts';
import * as mail from './stranger/mail.ts';
import * as message from './stranger/message.ts';
import { openDatagram, sealDatagram, sizeClass } from './stranger/notification.ts';
import * as primitives from './stranger/primitives.ts';
import { fromEntropy, openState, readPairing, sealState } from './stranger/state.ts';
import * as trust from './stranger/trust.ts';
import type { Suite } from './stranger/primitives.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- vectors are data of many shapes
export type Inputs = Record<string, any>;
type Operation = (i: Inputs) => unknown;

const b = (value: unknown): cbor.Bytes => unhex(String(value));
const list = (values: readonly unknown[]): cbor.Bytes[] => values.map(b);
const at = (i: Inputs): string => String(i['domain']);
const domainRecord = (i: Inputs) =>
  keys.verifyDomainRecord(b(i['record']), at(i), list(i['fingerprints']), i['now']);

/** Output for output the same. */
export const operations: Record<string, Operation> = {
  'check item': (i) => cbor.decode(b(i['encoded'])) !== undefined,
  pad: (i) => hex(primitives.pad(b(i['content']), i['size'])),
  unpad: (i) => hex(primitives.unpad(b(i['plaintext']))),
  context: (i) => hex(primitives.context(i['purpose'], ...i['parts'].map(part))),
  'key id': (i) => hex(keys.keyId(at(i), keys.use[i['use'] as keyof typeof keys.use], b(i['publicKey']))),
  sign: (i) =>
    hex(primitives.sign({ seed: b(i['seed']), keyId: b(i['keyId']) }, i['purpose'], at(i), b(i['payload']))),
  verify: (i) => {
    const signed = primitives.readSigned(b(i['signed']));
    return hex(signed.verified(b(i['publicKey']), b(i['keyId']), i['purpose'], at(i)));
  },
  seal: async (i) =>
    hex(await primitives.seal(suite(i), b(i['publicKey']), ...about(i), b(i['plaintext']), random(i))),
  open: async (i) => hex(await primitives.open(suite(i), b(i['privateKey']), ...about(i), b(i['sealed']))),
  'encrypt chunked': (i) =>
    hex(primitives.encryptChunked(b(i['key']), b(i['context']), b(i['plaintext']), b(i['salt']))),
  'decrypt chunked': (i) => hex(primitives.decryptChunked(b(i['key']), b(i['context']), b(i['ciphertext']))),
  'domain fingerprint': (i) => hex(primitives.sha256(b(i['identityKey']))),
  'recovery hash': (i) => hex(primitives.sha256(primitives.context('recovery', b(i['recoveryKey'])))),
  'identity fingerprint': (i) => hex(keys.identityFingerprint(b(i['identityKey']))),
  'record fingerprint': (i) => hex(primitives.sha256(b(i['inner']))),
  'key to use': (i) =>
    hex(keys.newestActive(domainRecord(i).keys, keys.use[i['use'] as keyof typeof keys.use], i['now']).id),
  'sign identity change': (i) => {
    const to = {
      identityKey: b(i['identityKey']),
      ...('recoveryHash' in i ? { recoveryHash: b(i['recoveryHash']) } : {}),
    };
    return hex(identity.signChange(at(i), i['by'], b(i['seed']), to, i['now']));
  },
  'verify identity change': (i) => shown(identity.verifyChange(b(i['signed']), at(i), i['now'])),
  'verify pinned answer': (i) => {
    const { fingerprint, recoveryHash, left } = i['pinned'] as Inputs;
    const pinned = {
      fingerprint: b(fingerprint),
      recoveryHash: recoveryHash === undefined ? undefined : b(recoveryHash),
      left: list(left),
    };
    const found = identity.verifyPinnedAnswer(b(i['answer']), at(i), pinned, list(i['txt']), i['now']);
    return { fingerprint: hex(found.fingerprint), steps: found.steps.map(hex) };
  },
  'verify parent signature': (i) =>
    shown(identity.verifyParent(b(i['signed']), at(i), b(i['fingerprint']), i['now'])),
  'sign gone': (i) => hex(identity.signGone(at(i), b(i['seed']), i['serial'])),
  'follow user records': (i) =>
    trust.follow({
      records: list(i['records']),
      domain: at(i),
      addressHash: b(i['addressHash']),
      confirmed: i['confirmed'],
      escrow: i['escrow'],
      sealingRank: i['sealingRank'],
    }),
  'moves agree': (i) => trust.movesAgree(b(i['old']), i['oldAddress'], b(i['next']), i['nextAddress']),
  'fingerprint words': (i) => trust.words(b(i['fingerprint'])),
  'fingerprint digits': (i) => trust.digits(b(i['fingerprint'])),
  'compare fingerprint': (i) => trust.compare(i['typed'], b(i['fingerprint'])),
  'recipient hash': (i) => hex(drops.recipientHash(b(i['pollKey']), at(i))),
  bucket: (i) => drops.bucket(b(i['addressingKey']), at(i), i['bits']),
  'poll proof': (i) => {
    const more = { done: i['done']?.map(b), after: i['after'] && b(i['after']) };
    return hex(drops.pollEntry(pollRequest(i), sharedOf(i), b(i['pollKey']), more));
  },
  'check poll proof': (i) => drops.checkEntry(pollRequest(i), b(i['secret']), b(i['entry'])),
  'preference proof': (i) => {
    const wish = { counter: i['counter'], preference: i['preference'], until: i['until'] };
    return hex(drops.preferenceEntry(pollRequest(i), sharedOf(i), b(i['pollKey']), wish));
  },
  'check preference proof': (i) =>
    drops.checkEntry(pollRequest(i), b(i['secret']), b(i['entry']), 'preference request'),
  'pull proof': (i) => {
    const message = i['sender'] === undefined ? undefined : ([i['sender'], b(i['id'])] as const);
    const wish = { user: b(i['user']), until: i['until'], message };
    return hex(drops.pullEntry(pollRequest(i), sharedOf(i), b(i['pollKey']), wish));
  },
  'check pull proof': (i) => drops.checkEntry(pollRequest(i), b(i['secret']), b(i['entry']), 'pull request'),
  'blind proof': (i) => {
    const wanted = { sender: i['sender'], id: b(i['id']) };
    return hex(drops.blindEntry(pollRequest(i), sharedOf(i), b(i['pollKey']), wanted));
  },
  'check blind proof': (i) =>
    drops.checkEntry(pollRequest(i), b(i['secret']), b(i['entry']), 'blind request'),
  'introduction drop for sender': (i) => introduction(i, 'sender'),
  'introduction drop for recipient': (i) => introduction(i, 'recipient'),
  'seal introduction': async (i) => {
    const from = { senderKey: b(i['senderKey']), senderFingerprint: b(i['senderFingerprint']) };
    const sender = { ...from, senderLocal: i['senderLocal'], senderDomain: i['senderDomain'] };
    const to = { recipientKey: b(i['recipientKey']), recipientDomain: i['recipientDomain'] };
    return hex(await drops.sealIntroduction(sender, { ...to, bucketField: i['bucketField'] }, random(i)));
  },
  'open introduction': async (i) =>
    shown(
      await drops.openIntroduction(
        b(i['introduction']),
        b(i['secret']),
        i['senderDomain'],
        i['recipientDomain'],
      ),
    ),
  'derive drop': (i) => {
    const drop = drops.deriveDrop(b(i['master']), b(i['epoch']), b(i['chain']), i['n']);
    const { pollKey, sealingSeed, sealingKey, nextChain } = drop;
    return shown({ pollKey, sealingSeed, sealingKey, nextChain });
  },
  'size class': (i) => sizeClass(i['size']),
  'seal notification': async (i) => {
    const signer = { seed: b(i['seed']), keyId: b(i['signingKeyId']) };
    const receiver = { domain: i['receiver'], key: b(i['receiverKey']), keyId: b(i['receiverKeyId']) };
    return hex(await sealDatagram(b(i['notification']), signer, receiver, random(i)));
  },
  'open notification': async (i) =>
    hex((await openDatagram(b(i['datagram']), b(i['secret']), i['receiver'])).notification),
  'part by itself': (i) => message.partByItself(i['firstSeen'], i['expires']),
  'trace handle': (i) => message.traceHandle(b(i['messageId'])),
  'payload size': (i) => message.payloadSize(i['plaintextLength']),
  'encrypt payload': (i) => hex(message.sealPayload(b(i['plaintext']), b(i['contentKey']), b(i['salt']))),
  'seal private header': async (i) =>
    hex(await message.sealHeader(b(i['header']), b(i['sealingKey']), ref(i), random(i))),
  'open private header': async (i) => hex(await message.openHeader(b(i['sealed']), list(i['seeds']), ref(i))),
  'open envelope as domain': async (i) => {
    const signed = await message.openEnvelopeAsDomain(b(i['envelope']), at(i), b(i['key'].secret));
    return hex(primitives.readSigned(signed).payload);
  },
  'sign request': (i) => {
    const body = 'body' in i ? b(i['body']) : null;
    return signRequest(i['method'], at(i), i['target'], body, b(i['seed']), i['now'], i['conditions']);
  },
  'parse invitation': (i) => shown(keys.readInvitation(i['word'])),
  'seal state': (i) => hex(sealState(b(i['stateKey']), i['address'], b(i['content']), random(i))),
  'open state': (i) => hex(openState(b(i['stateKey']), i['address'], b(i['blob']))),
  'kept name': (i) => hex(primitives.hkdf(b(i['contentKey']), primitives.context('kept', at(i)))),
  'parse pairing': (i) => shown(readPairing(i['word'])),
};

/** What a letter says of mail, from its extensions or, `wrapped`, from the mail alone. */
export function shownExtensions(encoded: string, wrapped: boolean): object {
  const item = cbor.decode(b(encoded));
  const { mail: read } = mail.readExtensions(wrapped ? new Map([[1, item]]) : item);
  return read === undefined ? {} : { mail: shown(read) };
}

/** All but the words, which any library of BIP-39 knows. */
export const withoutPhrase: Operation = (i) => shown(fromEntropy(b(i['entropy']), i['address']));

/** It is enough that they take what is good. */
export const accepting: Record<string, Operation> = {
  decode: (i) => cbor.decode(b(i['encoded'])),
  'verify domain record': domainRecord,
  'verify user record': (i) => primitives.readSigned(b(i['inner'])).payload,
  'verify user answer': (i) => keys.verifyUserAnswer(b(i['answer']), domainRecord(i), i['address'], i['now']),
  'verify notification': async (i) => {
    const { signed, time } = await openDatagram(b(i['datagram']), b(i['secret']), i['receiver']);
    return domainRecord(i).verified(signed, 'notification', i['receiver'], time);
  },
  'receive message': async (i) => message.openMessage(b(i['object']), ref(i), list(i['seeds'])),
};

function part(one: Inputs): string | number | Uint8Array {
  return 'bytes' in one ? b(one['bytes']) : ((one['text'] ?? one['uint']) as string | number);
}

const suite = (i: Inputs): Suite => i['suite'] as Suite;
const about = (i: Inputs): [cbor.Bytes, cbor.Bytes] => [b(i['info']), b(i['aad'])];
const random = (i: Inputs): cbor.Bytes => b(i['randomness']);

const ref = (i: Inputs): message.Ref => ({
  id: b(i['messageId']),
  senderDomain: String(i['senderDomain']),
  recipientDomain: at(i),
  recipientHash: b(i['recipientHash']),
});

function pollRequest(i: Inputs): drops.PollRequest {
  return { domain: at(i), keyId: b(i['keyId']), time: i['time'], nonce: b(i['nonce']) };
}

/** What the owner of a drop shares with the domain. */
function sharedOf(i: Inputs): cbor.Bytes {
  const dh = (scalar: string): cbor.Bytes => primitives.exchange(b(i[scalar]), b(i['domainKey']));
  return 'scalar' in i ? dh('scalar') : primitives.exchange(b(i['addressing']), dh('shared'));
}

function introduction(i: Inputs, side: 'sender' | 'recipient') {
  const { pollKey } = drops.introductionDrop(b(i['addressing']), side, {
    senderHash: b(i['senderAddressHash']),
    senderKey: b(i['senderKey']),
    senderFingerprint: b(i['senderFingerprint']),
    recipientHash: b(i['recipientAddressHash']),
    recipientKey: b(i['recipientKey']),
    recipientDomain: i['recipientDomain'],
  });
  return shown({ pollKey, recipientHash: drops.recipientHash(pollKey, i['recipientDomain']) });
}

function shown(fields: object): object {
  const entries = Object.entries(fields).map(([name, value]) => [
    name,
    value instanceof Uint8Array ? hex(value) : value,
  ]);
  return Object.fromEntries(entries);
}
