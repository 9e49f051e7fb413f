/** What the own domain answers on the account interface, as JSON: read strictly, as far as a client needs it. */
import { counts, gatewayKindNames, sizes } from '../wire/registry.ts';
import { arrayOf, bytes64, count, flag, objectOf, oneOf, shortText, type ReaderOf } from './json.ts';

/** Most ids of one reservation and messages of one commit. */
export const maxBatch = 64;
export const progress = objectOf({ size: count, received: count });
export const handle = shortText(16);
export const retractOutcome = oneOf('withdrawn', 'withdrawn_maybe_read', 'already_accepted');
export type RetractOutcome = ReaderOf<typeof retractOutcome>;

export const sentMessage = objectOf(
  {
    handle,
    destination: shortText(255),
    state: oneOf('stored', 'accepted', 'withdrawn', 'expired'),
    created: count,
    expires: count,
    size: count,
  },
  { fetched: count, accepted: count, takedown: shortText(32) },
);
export type SentMessage = ReaderOf<typeof sentMessage>;
export const sentPage = objectOf({ messages: arrayOf(sentMessage, 256) }, { next: shortText(512) });
export type SentPage = ReaderOf<typeof sentPage>;

export const enrolled = objectOf({ addressHash: bytes64(sizes.hash) });
export const reserved = objectOf({ ids: arrayOf(bytes64(sizes.messageId), maxBatch), expires: count });
export const committed = objectOf({ messages: arrayOf(objectOf({ handle }), maxBatch) });
export const retracted = objectOf({ outcome: retractOutcome });

export const ownDevice = objectOf({
  device: bytes64(sizes.ed25519Public),
  name: shortText(64),
  added: count,
  kind: oneOf('device', 'recovery', 'gateway'),
});
export type OwnDevice = ReaderOf<typeof ownDevice>;
export const ownUser = objectOf(
  {
    address: shortText(305),
    local: shortText(sizes.introductionLocal),
    /** The inner user record that the domain lists. */
    record: bytes64(),
    aliases: arrayOf(objectOf({ address: shortText(305) }, { record: bytes64() }), 64),
    devices: arrayOf(ownDevice, 64),
    used: count,
    quota: count,
    /** How long the domain keeps ciphertext, seconds; 0: not at all. */
    keep: count,
  },
  {
    state: objectOf({ size: count, changed: count }),
    /** What the domain pulled for the user; absent where it pulls nothing. */
    pulled: objectOf({ used: count, quota: count, keep: count }),
  },
);
export type OwnUser = ReaderOf<typeof ownUser>;
export const paired = objectOf({ expires: count });

export const pullState = oneOf('set', 'waiting', 'pulled', 'unknown');
export type PullState = ReaderOf<typeof pullState>;
export const pullStates = objectOf({ states: arrayOf(pullState, counts.pollEntries) });

export const ownGateway = objectOf(
  { kind: oneOf(...gatewayKindNames), device: bytes64(sizes.ed25519Public), created: count },
  {
    state: oneOf('starting', 'running', 'waiting', 'refused'),
    code: shortText(64),
    next: count,
    appended: count,
  },
);
export const ownGateways = objectOf(
  { gateways: arrayOf(ownGateway, gatewayKindNames.length), push: flag },
  { submission: objectOf({ host: shortText(255) }, { tls: count, starttls: count }) },
);
export type OwnGateways = ReaderOf<typeof ownGateways>;

export const ownKept = objectOf({ name: bytes64(32), size: count, created: count, expires: count });
export type OwnKept = ReaderOf<typeof ownKept>;
export const ownKeptPage = objectOf({ kept: arrayOf(ownKept, 256) }, { next: shortText(512) });
export type OwnKeptPage = ReaderOf<typeof ownKeptPage>;
