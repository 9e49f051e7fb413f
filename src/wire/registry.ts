/**
 * The constants of the specification, wire-spec/README.md section 6. Constants of this implementation (batch sizes,
 * timeouts, table names) live beside the code that uses them.
 */

/** Versions and types of datagrams: high nibble the version, low nibble the type. */
export const datagramTypes = { notification: 0x11, peerNotification: 0x12 } as const;

/** The two sizes a datagram may have, in bytes. */
export const datagramSizes = [512, 1200] as const;

/** What a key is for; part of its key id. */
export const keyUses = {
  domainIdentity: 1,
  domainSigning: 2,
  notification: 3,
  envelope: 4,
  poll: 5,
  gateway: 6,
  recovery: 7,
  bridge: 9,
  userIdentity: 16,
  addressing: 17,
  sealing: 18,
  device: 19,
} as const;
export type KeyUse = keyof typeof keyUses;

/** Algorithms of keys. For sealing keys a higher rank is stronger (`suiteRanks`). */
export const suites = { xwing: 1, x25519: 2, ed25519: 3 } as const;
export type SuiteName = keyof typeof suites;

/** Rank of each sealing suite; lower than the pinned one needs the user's word. */
export const suiteRanks: ReadonlyMap<number, number> = new Map([[suites.xwing, 1]]);

export const keyStatuses = { pending: 0, active: 1, retired: 2, revoked: 3 } as const;
export type KeyStatus = keyof typeof keyStatuses;

export const userStatuses = { active: 0, suspended: 1, gone: 2 } as const;

/** COSE: algorithm identifier of Ed25519 (RFC 9864) and the labels of the protected header. */
export const coseAlgorithmEd25519 = -19;
export const coseLabels = { algorithm: 1, keyId: 4 } as const;

/** How a letter of a bridge came to be, wire-spec/bridges.md section 4. */
export const mailKinds = { mail: 0, report: 1, copy: 2 } as const;

export const envelopeFlags = { retraction: 1, readReceipt: 2, escrowDisclosed: 4 } as const;
/** Of a private header. `part`: a cover lists the message. */
export const headerFlags = { part: 1 } as const;
export const userFlags = { bridged: 1 } as const;

/** Types of introductions: the high four bits of the bucket field. */
export const introductionTypes = { personal: 0 } as const;

/** What a recipient did with a ref it names in a poll. */
export const dispositions = { done: 0 } as const;

/** What a recipient wants done with refs for a drop. */
export const preferences = { whenAsked: 0, ignore: 1 } as const;

/** What a gateway does for a user. */
export const gatewayKinds = { submission: 1, push: 2 } as const;
export type GatewayKind = keyof typeof gatewayKinds;
export const gatewayKindNames = Object.keys(gatewayKinds) as readonly GatewayKind[];

/** What sorts a message into a folder, wire-spec/bridges.md section 6. */
export const pushRuleKinds = { introductions: 1, sender: 2, tag: 3, mail: 4 } as const;
export type PushRuleKind = keyof typeof pushRuleKinds;

/** Argon2id of a gateway's password: KiB and passes (RFC 9106 section 4, second choice). */
export const gatewayCost = { memory: 65_536, passes: 3 } as const;

/** Why a hoster ended a message of its user, wire-spec/account.md section 6. */
export const takedownReasons = { law: 1, malware: 2, spam: 3, abuse: 4, policy: 5 } as const;
export type TakedownReason = keyof typeof takedownReasons;
export const takedownReasonNames = Object.keys(takedownReasons) as readonly TakedownReason[];

/** Unsigned attachments of a served record. */
export const attachmentTypes = { parentSignature: 1, logProof: 2, identityChanges: 3 } as const;

/**
 * Purposes: the first element of every context, after the prefix `beckon/1 `. Each signature, seal and derivation
 * has its own (wire-spec/README.md section 5).
 */
export const purposes = [
  'address',
  'blind request',
  'bucket',
  'by mail',
  'contact card',
  'contact card seal',
  'decoy',
  'decoy habits',
  'decoy record',
  'delivered',
  'domain record',
  'drop-chain',
  'drop-poll',
  'drop-seal',
  'envelope',
  'envelope body',
  'envelope key',
  'gateway mark',
  'gateway push',
  'gateway wrap',
  'gone',
  'identity',
  'identity change',
  'introduction',
  'introduction seal',
  'kept',
  'key id',
  'ledger',
  'letter',
  'mail',
  'mandate',
  'notification',
  'notification seal',
  'parent signature',
  'payload',
  'poll',
  'poll request',
  'preference request',
  'private header',
  'pull request',
  'receipt',
  'recipient-address',
  'recovery',
  'recovery device',
  'state',
  'state key',
  'state key id',
  'to',
  'trace',
  'user listing',
  'user record',
] as const;
export type Purpose = (typeof purposes)[number];

export const mediaTypes = {
  beckon: 'application/beckon+cbor',
  cover: 'application/beckon-cover+cbor',
  mail: 'message/rfc822',
  events: 'text/event-stream',
} as const;

/** The path of the public interface on `https://beckon.<domain>`. */
export const publicPath = '/.well-known/beckon/';
/** First path segments that version 1 answers with `unsupported` and keeps for later. */
export const reservedPaths = [
  'ledger',
  'reputation',
  'tokens',
  'lists',
  'bundle',
  'transfer',
  'log',
] as const;

/** Sizes in bytes. */
export const sizes = {
  keyId: 8,
  hash: 32,
  signature: 64,
  gone: 69,
  messageId: 32,
  letterId: 16,
  acceptToken: 32,
  pollProof: 16,
  pollNonce: 16,
  traceHandle: 10,
  x25519Public: 32,
  ed25519Public: 32,
  xwingPublic: 1216,
  xwingEnc: 1120,
  introduction: 178,
  introductionLocal: 64,
  privateHeaderUnit: 4096,
  privateHeaderMaxUnits: 16,
  envelopeStep: 2048,
  payloadFloor: 4096,
  payloadChunk: 16384,
  payloadInCommit: 32_768,
  stateSealedMax: 16_773_120,
  cardId: 16,
  cardPadded: 4096,
  cardSealed: 4168,
  mailUnit: 4096,
  mailMaxUnits: 16,
  gatewayKeysPadded: 512,
  gatewayKeysSealed: 528,
  gatewayWrapMax: 640,
  gatewayPushPadded: 16_384,
  gatewayPushSealed: 17_520,
} as const;

/** Times in seconds. */
export const times = {
  clockSlack: 3600,
  datagramSlack: 86_400,
  serialAhead: 86_400,
  recordValidity: 7 * 86_400,
  recordRenewal: 86_400,
  mandateValidity: 400 * 86_400,
  parentValidity: 400 * 86_400,
  userRecordValidity: 400 * 86_400,
  byMailValidity: 7 * 86_400,
  keyPending: 8 * 86_400,
  retiredOverlap: 8 * 86_400,
  retiredEnvelopeOverlap: 97 * 86_400,
  userKeyRotation: 33 * 86_400,
  userKeyRotationSpread: 3 * 86_400,
  retiredUserKey: 97 * 86_400,
  transitDefault: 14 * 86_400,
  transitMin: 3600,
  transitMax: 90 * 86_400,
  partWait: 86_400,
  dropMax: 90 * 86_400,
  dropRenewal: 7 * 86_400,
} as const;

/** Retransmission, wire-spec/timing.md. Delays after the commit, in seconds; then gaps double up to the longest. */
export const repeating = {
  udp: [0, 4, 16],
  door: 64,
  longestGap: 12 * 3600,
  jitter: 0.2,
  afterFetch: 86_400,
  creditBurst: 16,
  creditInterval: 3,
} as const;

/** Most items of the lists that a decoder takes. */
export const counts = {
  keyEntries: 32,
  revokedKeys: 64,
  capabilities: 32,
  attachments: 4,
  identityChanges: 16,
  refs: 13,
  pollEntries: 64,
  pollRefs: 256,
  doneRefs: 256,
  feedEntries: 512,
  parents: 64,
  coverParts: 128,
  bucketBits: 12,
  mailRecipients: 100,
  pushRules: 32,
} as const;
