/**
 * The content of the state blob, wire-spec/state.md section 3: what of a client's state all devices of the user share, and back. Numbers, what
 * is held back or put off for now, and which drop a contact got last are each device's own and stay.
 */
import { base64urlnopad } from '@scure/base';
import { adoptedPin, chosenPin, isPin, pinnedIdentity } from '../directory/pin-join.ts';
import { bytesToJson } from '../keys/key-file.ts';
import { canonicalJson, type Json } from './join-values.ts';
import { ownRecords } from './own-records.ts';
import type { ClientState, Received, ReceivedKey, SharedReceived, StateContent, Text64 } from './state.ts';

export const contentFormat: StateContent['format'] = 'beckon-state-1';

/** What a state says to the user's other devices. */
export function contentOf(state: ClientState, revision: number): StateContent {
  return {
    ...state.others,
    format: contentFormat,
    revision,
    address: state.address,
    record: state.record,
    userKeys: state.userKeys,
    master: state.master,
    contacts: mapped(state.contacts, ({ handedOut: _, ...contact }) => contact),
    drops: state.drops,
    received: mapped(state.received, ({ number: _n, held: _h, alone: _a, ...received }) => received),
    sent: Object.fromEntries(
      state.sent.map(({ number: _, ...sent }) => [sent.letterIds[0] ?? '', sent] as const),
    ),
    pins: pinsOf(state),
    letters: state.letters,
    records: ownRecords(state),
    ...(state.rotateAt === undefined ? {} : { rotateAt: state.rotateAt }),
    ...(state.aliases === undefined ? {} : { aliases: state.aliases }),
    ...(state.mail === undefined ? {} : { mail: state.mail }),
  };
}

/** One text for one content: two devices that know the same write the same. The revision is no part of what is known. */
export function knowledgeOf(content: StateContent): string {
  return canonicalJson({ ...content, revision: 0 } as unknown as Json);
}

function pinsOf({ directory, rivals = {} }: ClientState): StateContent['pins'] {
  const own = Object.entries(directory).filter(([key]) => isPin(key));
  const named = own.map(([key, pin]) => [key, { ...rivals[key], [identityIn(key, pin)]: pin }] as const);
  return { ...rivals, ...Object.fromEntries(named) };
}

function identityIn(key: string, pin: Text64): Text64 {
  return bytesToJson(pinnedIdentity(key, base64urlnopad.decode(pin)));
}

/** The state of a device once it knows a content that holds all of its own: what is new gets numbers, in order of time. */
export function withContent(state: ClientState, content: StateContent): ClientState {
  const { format: _f, revision: _r, pins, contacts, received, sent, ...rest } = content;
  const { address, record, userKeys, master, drops, letters, records, rotateAt, aliases, mail, ...others } =
    rest;
  return numbered(
    {
      ...state,
      address,
      record,
      userKeys,
      master,
      drops,
      letters,
      ...(records === undefined ? {} : { records }),
      ...(rotateAt === undefined ? {} : { rotateAt }),
      ...(aliases === undefined ? {} : { aliases }),
      ...(mail === undefined ? {} : { mail }),
      ...(Object.keys(others).length === 0 ? {} : { others }),
      ...withPins(state, pins),
      contacts: withHandedOut(state, contacts),
    },
    received,
    sent,
  );
}

function withHandedOut(state: ClientState, contacts: StateContent['contacts']): ClientState['contacts'] {
  return Object.fromEntries(
    Object.entries(contacts).map(([address, contact]) => {
      const handedOut = state.contacts[address]?.handedOut;
      return [address, handedOut === undefined ? contact : { ...contact, handedOut }];
    }),
  );
}

function withPins(state: ClientState, pins: StateContent['pins']): Pick<ClientState, 'directory' | 'rivals'> {
  const directory = { ...state.directory };
  const rivals: Record<string, Readonly<Record<Text64, Text64>>> = {};
  for (const [key, byIdentity] of Object.entries(pins)) {
    if (!isPin(key)) {
      rivals[key] = byIdentity;
      continue;
    }
    const pin = pinFor(key, directory[key], byIdentity);
    if (pin !== undefined) directory[key] = pin;
    const { [pin === undefined ? '' : identityIn(key, pin)]: _, ...others } = byIdentity;
    if (Object.keys(others).length > 0) rivals[key] = others;
  }
  return { directory, rivals };
}

/** A device that has a pin keeps its identity, but for the user's later word; another takes what stands strongest. */
function pinFor(
  key: string,
  own: Text64 | undefined,
  byIdentity: Readonly<Record<Text64, Text64>>,
): Text64 | undefined {
  const decoded = (pin: Text64): Uint8Array => base64urlnopad.decode(pin);
  const identity = own === undefined ? undefined : identityIn(key, own);
  const mine = identity === undefined ? undefined : (byIdentity[identity] ?? own);
  if (mine === undefined || identity === undefined) {
    const chosen = chosenPin(key, Object.values(byIdentity).map(decoded));
    return chosen && bytesToJson(chosen);
  }
  const rivals = Object.entries(byIdentity).filter(([other]) => other !== identity);
  const adopted = adoptedPin(
    key,
    decoded(mine),
    rivals.map(([, pin]) => decoded(pin)),
  );
  return adopted === undefined ? mine : bytesToJson(adopted);
}

function numbered(
  state: ClientState,
  received: StateContent['received'],
  sent: StateContent['sent'],
): ClientState {
  const numbers = new Map(state.sent.map(({ letterIds: [first = ''], number }) => [first, number]));
  const strange = [
    ...Object.entries(received)
      .filter(([key]) => !(key in state.received))
      .map(([key, { firstSeen }]) => ({ key, at: firstSeen })),
    ...Object.entries(sent)
      .filter(([first]) => !numbers.has(first))
      .map(([key, { created }]) => ({ key, at: created })),
  ].toSorted((a, b) => a.at - b.at || (a.key < b.key ? -1 : 1));
  const fresh = new Map(strange.map(({ key }, index) => [key, state.nextNumber + index]));
  const all = Object.entries(sent).map(([first, one]) => ({
    ...one,
    number: numbers.get(first) ?? fresh.get(first) ?? 0,
  }));
  return {
    ...state,
    received: Object.fromEntries(
      Object.entries(received).map(([key, one]) => [
        key,
        withNumber(state.received[key], one, fresh.get(key) ?? 0),
      ]),
    ),
    sent: all.toSorted((a, b) => a.number - b.number),
    nextNumber: state.nextNumber + strange.length,
    accepts: owed(state, received),
  };
}

function withNumber(own: Received | undefined, shared: SharedReceived, fresh: number): Received {
  if (own === undefined) return { ...shared, number: fresh };
  const isHeld = own.held !== undefined && own.status === shared.status;
  const { number, held, alone } = own;
  return {
    ...shared,
    number,
    ...(isHeld ? { held } : {}),
    ...(alone === undefined ? {} : { alone }),
  };
}

/** Whoever accepted may be lost before it told the sender's domain: all devices owe it, until one was answered. */
function owed({ accepts }: ClientState, received: StateContent['received']): readonly ReceivedKey[] {
  const due = Object.entries(received)
    .filter(([, { status, opened }]) => status === 'accepted' && opened?.acceptToken !== undefined)
    .map(([key]) => key);
  return [...accepts.filter((key) => due.includes(key)), ...due.filter((key) => !accepts.includes(key))];
}

function mapped<T, U>(
  values: Readonly<Record<string, T>>,
  change: (value: T) => U,
): Readonly<Record<string, U>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}
