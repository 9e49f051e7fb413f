/** The state as text and back, strictly: a file that was damaged is never taken for an empty or a smaller one. */
import { base64urlnopad } from '@scure/base';
import { isPin, pinnedIdentity } from '../directory/pin-join.ts';
import { BeckonError } from '../errors.ts';
import { bytesToJson } from '../keys/key-file.ts';
import { userKeysFromJson } from '../keys/user-key-file.ts';
import { sizes } from '../wire/registry.ts';
import { decode } from '../wire/schema.ts';
import { decodeSign1 } from '../wire/sign1.ts';
import { userRecord } from '../wire/users.ts';
import {
  arrayOf,
  byKind,
  count,
  exactly,
  flag,
  keeping,
  mapOf,
  oneOf,
  text,
  text64,
  type Reader,
} from './json.ts';
import { contentFormat } from './blob.ts';
import { canonicalJson, type Json } from './join-values.ts';
import { receivedKey } from './reduce.ts';
import type { ClientState, StateContent } from './state.ts';

const key = text64(sizes.x25519Public);
const hash = text64(sizes.hash);
const messageId = text64(sizes.messageId);
const letterId = text64(sizes.letterId);
const way = oneOf('introduction', 'drop', 'card');

const oneTrue: Reader<true> = (value) => {
  if (value !== true) throw new Error('not true');
  return value;
};

const handedDrop = keeping({
  kind: oneOf('handed'),
  epoch: text64(16),
  n: count,
  seed: text64(32),
  correspondent: text,
  created: count,
  notAfter: count,
  used: flag,
});

const cardDrop = keeping(
  {
    kind: oneOf('card'),
    epoch: text64(16),
    n: count,
    card: text64(sizes.cardId),
    key: text64(32),
    note: text,
    created: count,
    notAfter: count,
  },
  { seed: text64(32), claimed: keeping({ by: text, at: count }), revoked: oneTrue },
);

const introducedDrop = keeping({
  kind: oneOf('introduced'),
  scalar: text64(32),
  addressingKeyId: text64(sizes.keyId),
  claimedAddress: text,
  identityFingerprint: hash,
  theirAddressingKey: key,
  created: count,
  notAfter: count,
});

const theirDrop = keeping(
  { pollKey: key, suite: count, sealingKey: text64(), created: count, notAfter: count },
  { identity: hash, to: text },
);
const said = keeping({ on: flag, at: count });
const contact = keeping(
  { address: text, known: flag },
  { drop: theirDrop, handedOut: key, gaveUp: count, ignored: said, pull: said },
);

const listedPart = keeping(
  { id: messageId, expires: count, mediaType: text, length: count },
  { fileName: text },
);

const verdict = keeping({ result: text }, { domain: text });

const bridgedMail = keeping(
  {
    kind: oneOf('mail', 'report', 'copy'),
    reversePath: text,
    recipient: text,
    received: count,
    from: text,
  },
  {
    replyTo: text,
    verdicts: keeping({}, { spf: verdict, dkim: verdict, dmarc: verdict, arc: verdict, doubt: verdict }),
    reference: text,
    client: text,
  },
);

const opened = keeping(
  {
    sender: text,
    author: text,
    forwarded: flag,
    letterId,
    parents: arrayOf(letterId),
    created: count,
    mediaType: text,
    length: count,
    plaintextHash: hash,
    payloadSize: count,
    payloadHash: hash,
  },
  {
    contentKey: text64(32),
    acceptToken: text64(sizes.acceptToken),
    retracts: letterId,
    fileName: text,
    tag: text,
    part: oneTrue,
    to: text,
    parts: arrayOf(listedPart),
    mail: bridgedMail,
  },
);

const kept = oneOf('kept', 'gone');

const receivedFields = {
  id: messageId,
  pollKey: key,
  senderDomain: text,
  expires: count,
  firstSeen: count,
  sizeClass: count,
  status: oneOf('waiting', 'opened', 'accepted', 'withdrawn', 'expired', 'refused', 'ignored'),
} as const;
const deferral = keeping({ until: count, at: count });
/** Once a time alone, which no other device knew of. */
const deferred: Reader<ReturnType<typeof deferral>> = (value) =>
  deferral(typeof value === 'number' ? { until: value, at: 0 } : value);
const received = keeping(
  { ...receivedFields, number: count },
  {
    refusal: text,
    held: text,
    deferred,
    alone: oneTrue,
    blind: count,
    opened,
    kept,
    keptUntil: count,
  },
);

export const sentPart = keeping(
  {
    handle: text,
    messageId,
    letterId,
    to: text,
    way,
    mediaType: text,
    plaintextHash: hash,
    length: count,
    expires: count,
  },
  { fileName: text, card: hash },
);

const sentFields = {
  letterIds: arrayOf(letterId),
  subject: text,
  created: count,
  parts: arrayOf(sentPart),
} as const;
export const sentMail = keeping({
  handle: text,
  to: arrayOf(text),
  plaintextHash: hash,
  length: count,
  created: count,
});
const mailChoice = keeping({ word: oneOf('allow', 'refuse', 'ask'), at: count });

const sentMore = {
  from: text,
  parents: arrayOf(letterId),
  retracts: letterId,
  again: mapOf(sentPart),
  mail: sentMail,
} as const;
const sent = keeping({ ...sentFields, number: count }, sentMore);

const drops = mapOf(byKind({ handed: handedDrop, introduced: introducedDrop, card: cardDrop }), key);
const userKeys: Reader<unknown> = (value) => (userKeysFromJson(value), value);

const pins = mapOf(mapOf(text64(), hash));

const ownRecord = keeping(
  { address: text, serial: count, created: count, expires: count },
  { dropsSince: count, published: count, revokedAt: count },
);

const alarm = exactly(
  {
    code: oneOf(
      'identity_other',
      'record_other',
      'record_older',
      'record_invalid',
      'record_missing',
      'record_shown',
      'not_active',
      'escrow',
    ),
    address: text,
    since: count,
    seen: count,
  },
  { by: text, corrected: count, known: oneTrue },
);

/** Poll key and message id; in states of version 0.1.0 the id alone. */
const receivedName: Reader<string> = (value) => {
  const parts = text(value).split(' ');
  if (parts.length > 2) throw new Error('not the name of a message');
  return parts.map((part) => messageId(part)).join(' ');
};

const sharedName: Reader<string> = (value) => {
  const name = receivedName(value);
  if (!name.includes(' ')) throw new Error('not the name of a message');
  return name;
};

const savedState: Reader<ClientState> = exactly(
  {
    version: oneOf(1),
    address: text,
    record: text64(),
    enrolled: flag,
    userKeys,
    master: text64(32),
    epoch: text64(16),
    nextDrop: count,
    contacts: mapOf(contact),
    drops,
    received: mapOf(received, receivedName),
    sent: arrayOf(sent),
    nextNumber: count,
    accepts: arrayOf(receivedName),
    done: mapOf(arrayOf(messageId), key),
    directory: mapOf(text64()),
    letters: mapOf(hash),
  },
  {
    feedCursor: text64(),
    blob: exactly({ revision: count }, { tag: text, digest: hash }),
    rivals: pins,
    others: mapOf((value) => value),
    bucketCursors: mapOf(text64()),
    told: mapOf(count, key),
    pullsTold: mapOf(count, key),
    canaryAt: count,
    silenceAt: count,
    records: mapOf(ownRecord, hash),
    rotateAt: count,
    aliases: mapOf(text64()),
    mail: mapOf(mailChoice),
    alarms: mapOf(alarm),
  },
);

/** What stands under another name than its own is damaged, but for the names of version 0.1.0. */
const clientState: Reader<ClientState> = (value) => {
  const saved = savedState(value);
  const names = new Map(
    Object.entries(saved.received).map(([name, entry]) => {
      if (name !== receivedKey(entry) && name !== entry.id) throw new Error('not its own name');
      return [name, receivedKey(entry)] as const;
    }),
  );
  return {
    ...saved,
    received: Object.fromEntries(
      Object.values(saved.received).map((entry) => [receivedKey(entry), entry] as const),
    ),
    accepts: saved.accepts.map((name) => names.get(name) ?? name).filter((name) => name.includes(' ')),
  };
};

const sharedReceived = keeping(receivedFields, {
  refusal: text,
  deferred: deferral,
  blind: count,
  opened,
  kept,
  keptUntil: count,
});
const sharedSent = keeping(sentFields, sentMore);
const sharedContact = keeping(
  { address: text, known: flag },
  { drop: theirDrop, gaveUp: count, ignored: said, pull: said },
);

/** A signed record of the user's own. */
const ownRecordText: Reader<string> = (value) => {
  const signed = text64()(value);
  decode(userRecord, decodeSign1(base64urlnopad.decode(signed)).payload);
  return signed;
};

const sharedMessages: Reader<StateContent['received']> = (value) => {
  const read = mapOf(sharedReceived, sharedName)(value);
  if (Object.entries(read).some(([name, entry]) => name !== receivedKey(entry)))
    throw new Error('not its own name');
  return read;
};

/** Each under the identity that it names; what later versions pin is kept as it is. */
const sharedPins: Reader<StateContent['pins']> = (value) => {
  const read = pins(value);
  for (const [name, byIdentity] of Object.entries(read))
    for (const [identity, pin] of isPin(name) ? Object.entries(byIdentity) : [])
      if (bytesToJson(pinnedIdentity(name, base64urlnopad.decode(pin))) !== identity)
        throw new Error('not its own name');
  return read;
};

const stateContent: Reader<StateContent> = keeping(
  {
    format: oneOf(contentFormat),
    revision: count,
    address: text,
    record: ownRecordText,
    userKeys,
    master: text64(32),
    contacts: mapOf(sharedContact),
    drops,
    received: sharedMessages,
    sent: mapOf(sharedSent, letterId),
    pins: sharedPins,
    letters: mapOf(hash),
  },
  {
    records: mapOf(ownRecord, hash),
    rotateAt: count,
    aliases: mapOf(ownRecordText),
    mail: mapOf(mailChoice),
  },
);

/** The content of a state blob as it is sealed. */
export function formatContent(content: StateContent): Uint8Array {
  return new TextEncoder().encode(canonicalJson(content as unknown as Json));
}

/** Reads what `formatContent` wrote. Throws `state_invalid`. */
export function parseContent(bytes: Uint8Array): StateContent {
  return parseSaved(new TextDecoder().decode(bytes), stateContent);
}

export function formatState(state: ClientState): string {
  return `${JSON.stringify(state)}\n`;
}

/** Reads what `formatState` wrote. Throws `state_invalid`. */
export function parseState(saved: string): ClientState {
  return parseSaved(saved, clientState);
}

/** The value that a reader finds in a saved text. Throws `state_invalid`. */
export function parseSaved<T>(saved: string, reader: Reader<T>): T {
  try {
    return reader(JSON.parse(saved));
  } catch (cause) {
    throw new BeckonError('state_invalid', 'what was saved of this client is damaged: it is left as it is', {
      cause,
    });
  }
}
