/**
 * Two states of one user become one, wire-spec/state.md section 4: commutative, associative, idempotent, whatever the order in which devices
 * meet. Nothing that ended begins again, and what was erased of it stays erased.
 */
import { base64urlnopad } from '@scure/base';
import { bytesToJson } from '../keys/key-file.ts';
import { userKeysFromJson, userKeysToJson } from '../keys/user-key-file.ts';
import { userRecord, type UserRecord } from '../wire/users.ts';
import { decode } from '../wire/schema.ts';
import { decodeSign1 } from '../wire/sign1.ts';
import { isPin, joinPins } from '../directory/pin-join.ts';
import {
  either,
  entries,
  greatest,
  isObject,
  least,
  members,
  ranked,
  textOf,
  whole,
  type Join,
  type Json,
  type JsonObject,
} from './join-values.ts';
import type { ReceivedStatus, StateContent } from './state.ts';

/** From what may still become anything to what stays: reading a message counts more than any way in which it was lost. */
const statusRank: Readonly<Record<ReceivedStatus, number>> = {
  waiting: 0,
  opened: 1,
  expired: 2,
  refused: 3,
  withdrawn: 4,
  ignored: 5,
  accepted: 6,
};

/** Kept at the own domain, and no more. */
const keptRank: Readonly<Record<string, number>> = { kept: 1, gone: 2 };

const rankOf =
  (ranks: Readonly<Record<string, number>>) =>
  (value: Json): number =>
    ranks[textOf(value)] ?? 0;

const statusOf = (received: Json): number =>
  isObject(received) ? rankOf(statusRank)(received['status'] ?? '') : 0;

const saidAt = (value: Json): number => (isObject(value) ? Number(value['at'] ?? 0) : 0);

const receivedMembers = members({
  status: ranked(rankOf(statusRank)),
  expires: greatest,
  firstSeen: least,
  sizeClass: greatest,
  deferred: ranked(saidAt),
  blind: greatest,
  kept: ranked(rankOf(keptRank)),
  keptUntil: greatest,
  opened: entries(whole),
});

/** A refusal's reason belongs to the refusal alone; keys go with the status that erases them. */
const joinReceived: Join<Json> = (a, b) => {
  const joined = receivedMembers(a, b);
  if (!isObject(joined)) return joined;
  const { refusal, ...members } = joined;
  const rest = { ...members, status: joinedStatus(a, b, members['status'] ?? '') };
  const reason = joined['status'] === 'refused' && refusal !== undefined ? { refusal } : {};
  return { ...withoutErased(rest, a, b), ...reason };
};

const blindOf = (received: Json): number => (isObject(received) ? Number(received['blind'] ?? 0) : 0);

/** Whether it is still to come, or was lost: a copy that one side did not know of when it ended brings it back. */
const isOpenEnded = (received: Json): boolean => statusOf(received) <= statusRank.expired;

function joinedStatus(a: Json, b: Json, later: Json): Json {
  if (!isOpenEnded(a) || !isOpenEnded(b) || blindOf(a) === blindOf(b)) return later;
  const lasting = blindOf(a) > blindOf(b) ? a : b;
  return (isObject(lasting) ? lasting['status'] : undefined) ?? later;
}

function withoutErased(joined: JsonObject, a: Json, b: Json): JsonObject {
  const { opened } = joined;
  if (!isObject(opened)) return joined;
  const { contentKey, acceptToken, ...letter } = opened;
  const { status, kept } = joined;
  const readable = status === 'opened' || (status === 'accepted' && kept === 'kept');
  return {
    ...joined,
    opened: {
      ...letter,
      ...(readable && contentKey !== undefined ? { contentKey } : {}),
      ...(acceptToken !== undefined && isOwed(joined, a, b) ? { acceptToken } : {}),
    },
  };
}

/** The token is there until the sender's domain knows: a device that accepted and has none left was answered. */
function isOwed(joined: JsonObject, a: Json, b: Json): boolean {
  if (joined['status'] === 'opened') return true;
  const furthest = [a, b].filter((side) => statusOf(side) === statusOf(joined));
  return joined['status'] === 'accepted' && furthest.every(hasToken);
}

function hasToken(received: Json): boolean {
  const opened = isObject(received) ? received['opened'] : undefined;
  return isObject(opened) && 'acceptToken' in opened;
}

const createdOf = (value: Json): number => (isObject(value) ? Number(value['created'] ?? 0) : 0);

const joinContact = members({
  known: either,
  drop: ranked(createdOf),
  gaveUp: greatest,
  ignored: ranked(saidAt),
  pull: ranked(saidAt),
});

const joinSent = members({ again: entries(whole) });

const sameKind = members({ used: either, notAfter: greatest, created: least });

/** The first to claim a card has it; a seed is erased wherever it was revoked. */
const cardMembers = members({
  notAfter: greatest,
  created: least,
  claimed: ranked((claimed) => (isObject(claimed) ? -Number(claimed['at'] ?? 0) : 0)),
  revoked: either,
});

const joinCard: Join<Json> = (a, b) => {
  const joined = cardMembers(a, b);
  if (!isObject(joined) || joined['revoked'] !== true) return joined;
  const { seed: _, ...card } = joined;
  return card;
};

/** The poll key says which kind it is: of two kinds one is damaged. */
const joinDrop: Join<Json> = (a, b) =>
  isObject(a) && isObject(b) && a['kind'] === b['kind']
    ? (a['kind'] === 'card' ? joinCard : sameKind)(a, b)
    : whole(a, b);

/** Of two records of the user's own the later one. */
const serialOf = (record: Json): number => recordOf(textOf(record)).serial;

function recordOf(record: string): UserRecord {
  return decode(userRecord, decodeSign1(base64urlnopad.decode(record)).payload);
}

const keyStatusRank: Readonly<Record<string, number>> = { pending: 0, active: 1, retired: 2, revoked: 3 };

const joinKey = members({
  status: ranked(rankOf(keyStatusRank)),
  notBefore: least,
  notAfter: least,
  revokedAt: least,
});

/** Key pairs are told apart by their private halves. */
const joinKeys: Join<Json> = (a, b) => {
  const byKey = (list: Json): JsonObject =>
    Object.fromEntries(
      (Array.isArray(list) ? (list as readonly Json[]) : []).map((key) => [
        isObject(key) ? `${textOf(key['use'])} ${textOf(key['secret'])}` : '',
        key,
      ]),
    );
  const joined = entries(joinKey)(byKey(a), byKey(b));
  const keys = isObject(joined) ? Object.entries(joined) : [];
  const notBefore = (key: Json): number => (isObject(key) ? Number(key['notBefore']) : 0);
  return keys
    .toSorted(
      ([one, first], [other, second]) => notBefore(second) - notBefore(first) || (one < other ? -1 : 1),
    )
    .map(([, key]) => key);
};

const joins: { readonly [name in keyof Required<StateContent>]: Join<Json> } = {
  format: whole,
  revision: greatest,
  address: whole,
  record: ranked(serialOf),
  userKeys: members({ keys: joinKeys }),
  master: whole,
  contacts: entries(joinContact),
  drops: entries(joinDrop),
  received: entries(joinReceived),
  sent: entries(joinSent),
  pins: (a, b) => entriesWithNames(joinPin)(a, b),
  letters: entries(whole),
  records: entries(members({ published: least, revokedAt: least })),
  rotateAt: greatest,
  aliases: entries(ranked(serialOf)),
  mail: entries(ranked(saidAt)),
};

/** By the name of the pin, then by the identity that is pinned. */
function joinPin(name: string, a: Json, b: Json): Json {
  if (!isPin(name)) return entries(whole)(a, b);
  return entries((mine, theirs) => {
    const joined = joinPins(name, base64urlnopad.decode(textOf(mine)), base64urlnopad.decode(textOf(theirs)));
    return base64urlnopad.encode(joined);
  })(a, b);
}

function entriesWithNames(join: (name: string, a: Json, b: Json) => Json): Join<Json> {
  return (a, b) => {
    const names = new Set([a, b].flatMap((side) => (isObject(side) ? Object.keys(side) : [])));
    return members(
      Object.fromEntries(
        [...names].map((name) => [name, (mine: Json, theirs: Json) => join(name, mine, theirs)]),
      ),
    )(a, b);
  };
}

/** The state that both become. */
export function joinContents(a: StateContent, b: StateContent): StateContent {
  const joined = members(joins)(a as unknown as Json, b as unknown as Json) as unknown as StateContent;
  const master = ranked(voidBefore, joinMasters)(a, b).master;
  const current = { ...joined, master, drops: withoutVoid(joined) };
  return a.record === b.record ? current : { ...current, userKeys: withoutUnlisted(current) };
}

/** Since when drops are void: the master was another one before. */
function voidBefore({ records = {} }: StateContent): number {
  return Math.max(0, ...Object.values(records).map(({ dropsSince = 0 }) => dropsSince));
}

/** What was handed out before a theft is void, whoever still remembers it. */
function withoutVoid(joined: StateContent): StateContent['drops'] {
  const since = voidBefore(joined);
  return Object.fromEntries(
    Object.entries(joined.drops).filter(([, { kind, created }]) => kind === 'introduced' || created >= since),
  );
}

function joinMasters(a: StateContent, b: StateContent): StateContent {
  return { ...a, master: whole(a.master, b.master) };
}

/**
 * Two devices may have rotated at once: one record counts, and keys that it does not list are no keys to write with. They are retired, for they
 * may have been seen.
 */
function withoutUnlisted({ userKeys, record }: StateContent): unknown {
  const parsed = userKeysFromJson(userKeys);
  const listed = recordOf(record).keys.map(({ id }) => bytesToJson(id));
  const keys = parsed.keys.map((key) =>
    key.status === 'active' && !listed.includes(bytesToJson(key.id))
      ? { ...key, status: 'retired' as const }
      : key,
  );
  return userKeysToJson({ ...parsed, keys });
}
