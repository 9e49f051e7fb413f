/** The part of `reduce.ts` about the user's own keys and records. */
import type { UserKeysJson } from '../keys/user-key-file.ts';
import { isForgotten } from '../keys/user-life.ts';
import { ownRecords } from './own-records.ts';
import type { Alarm, AlarmCode, ClientState, OwnDrop, OwnEvent, OwnRecord, SignedRecord } from './state.ts';

type Alarms = NonNullable<ClientState['alarms']>;

export function reduceOwn(state: ClientState, event: OwnEvent): ClientState {
  switch (event.type) {
    case 'rotation-planned':
      return { ...state, rotateAt: Math.max(event.at, state.rotateAt ?? 0) };
    case 'records-signed':
      return recordsSigned(state, event);
    case 'aliases-listed':
      return aliasesListed(state, event.addresses);
    case 'record-published':
      return published(state, event.fingerprint, event.at);
    case 'canary-planned':
      return { ...state, canaryAt: event.at };
    case 'alarm-raised':
      return { ...state, alarms: raised(state.alarms ?? {}, event.alarm) };
    case 'record-seen':
      return recordSeen(state, event);
    case 'alarms-dismissed':
      return { ...state, alarms: dismissed(state.alarms ?? {}) };
  }
}

/** Once is enough: repeated, the first time stays. */
function published(state: ClientState, fingerprint: string, at: number): ClientState {
  const records = ownRecords(state);
  const record = records[fingerprint];
  return record === undefined || record.published !== undefined
    ? state
    : { ...state, records: { ...records, [fingerprint]: { ...record, published: at } } };
}

type Signed = Extract<OwnEvent, { type: 'records-signed' }>;

function recordsSigned(state: ClientState, { records, keys, revoking }: Signed): ClientState {
  const before = revoking === undefined ? ownRecords(state) : revoked(ownRecords(state), revoking.at);
  const signed = records.reduce(withSigned, { ...state, ...keys, records: before });
  return revoking === undefined ? signed : withoutDrops(signed, revoking);
}

function revoked(records: Readonly<Record<string, OwnRecord>>, at: number): typeof records {
  return Object.fromEntries(
    Object.entries(records).map(([name, record]) => [name, { revokedAt: at, ...record }]),
  );
}

function withSigned(state: ClientState, { fingerprint, record, ...known }: SignedRecord): ClientState {
  const records = { ...state.records, [fingerprint]: { ...known } };
  return known.address === state.address
    ? { ...state, records, record }
    : { ...state, records, aliases: { ...state.aliases, [known.address]: record } };
}

/** Their records are remembered: who wrote to one that is no more is no liar. */
function aliasesListed(state: ClientState, addresses: readonly string[]): ClientState {
  const all = Object.entries(state.aliases ?? {});
  const left = all.filter(([address]) => addresses.includes(address));
  return left.length === all.length ? state : { ...state, aliases: Object.fromEntries(left) };
}

/** The drops that were handed out are void: their seeds go, and what they are polled with. */
function withoutDrops(state: ClientState, { master, epoch }: NonNullable<Signed['revoking']>): ClientState {
  const drops = Object.fromEntries(
    Object.entries(state.drops).filter(([, { kind }]) => kind === 'introduced'),
  );
  const contacts = Object.fromEntries(
    Object.entries(state.contacts).map(([address, { handedOut: _, ...contact }]) => [address, contact]),
  );
  const done = Object.fromEntries(Object.entries(state.done).filter(([pollKey]) => pollKey in drops));
  return { ...state, drops, contacts, done, master, epoch, nextDrop: 0 };
}

/** Drops that were handed out before the keys were revoked, wherever they were remembered. */
export function withoutVoidDrops(state: ClientState): ClientState {
  const since = Math.max(0, ...Object.values(ownRecords(state)).map(({ dropsSince = 0 }) => dropsSince));
  const isVoid = ({ kind, created }: OwnDrop): boolean => kind !== 'introduced' && created < since;
  const left = Object.entries(state.drops).filter(([, drop]) => !isVoid(drop));
  return left.length === Object.keys(state.drops).length
    ? state
    : { ...state, drops: Object.fromEntries(left) };
}

/** The state without keys whose time is over: what was sealed to them opens no more. */
export function withoutOldKeys(state: ClientState, now: number): ClientState {
  const saved = state.userKeys as UserKeysJson;
  const keys = saved.keys.filter((key) => !isForgotten(key, now));
  return keys.length === saved.keys.length ? state : { ...state, userKeys: { ...saved, keys } };
}

/** What an alarm is about: seen again it is the same one. */
export function alarmKey({ code, address, by = '' }: Pick<Alarm, 'code' | 'address' | 'by'>): string {
  return `${code} ${address} ${by}`;
}

/** Most alarms that are kept: correspondents must not make the state grow for ever. */
const maxAlarms = 64;

function raised(alarms: Alarms, alarm: Omit<Alarm, 'since' | 'corrected' | 'known'>): Alarms {
  const key = alarmKey(alarm);
  const known = alarms[key];
  if (known === undefined && Object.keys(alarms).length >= maxAlarms) return alarms;
  return {
    ...alarms,
    [key]: { ...alarm, since: known?.since ?? alarm.seen, ...(known?.known ? { known: true } : {}) },
  };
}

/** What is still wrong is found again; a domain that holds its users' keys is known from now on to do so. */
function dismissed(alarms: Alarms): Alarms {
  return Object.fromEntries(
    Object.entries(alarms).flatMap(([key, alarm]): [string, Alarm][] =>
      alarm.code === 'escrow' ? [[key, { ...alarm, known: true }]] : [],
    ),
  );
}

type Seen = Extract<OwnEvent, { type: 'record-seen' }>;

/** A failure that explains itself ends by itself; who was lied to stays worth knowing. */
const passing: readonly AlarmCode[] = ['record_missing', 'not_active', 'record_invalid', 'escrow'];

function recordSeen(state: ClientState, { address, wrong, at }: Seen): ClientState {
  const entries = Object.entries(state.alarms ?? {}).flatMap(([key, alarm]): [string, Alarm][] => {
    const concerned = alarm.address === address && alarm.by === undefined && !wrong.includes(alarm.code);
    if (!concerned) return [[key, alarm]];
    if (passing.includes(alarm.code)) return [];
    return [[key, { corrected: at, ...alarm }]];
  });
  const left = Object.fromEntries(entries);
  const alarms = wrong.reduce<Alarms>((all, code) => raised(all, { code, address, seen: at }), left);
  return Object.keys(alarms).length === 0 && state.alarms === undefined ? state : { ...state, alarms };
}
