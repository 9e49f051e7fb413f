/**
 * Gateways of users: at most one of each kind, whose device is one of the user's signers; the two come and go in one write. Beside them the
 * marks of what was copied to a mail store, each with its end.
 */
import { hash, time } from '../wire/items.ts';
import { gatewayKindNames, gatewayKinds, type GatewayKind } from '../wire/registry.ts';
import { bytes, field, record, uint, type ValueOf } from '../wire/schema.ts';
import type { Gateway, GatewayStore, NewGateway, PushMark } from './api/gateways.ts';
import type { Owner } from './api/terms.ts';
import { equal } from './digest.ts';
import { emptyCodec, schemaCodec, type Engine } from './engine.ts';
import { behind, joined, ordered, ownerKey } from './keys.ts';
import { withGateway, withoutGateway } from './signers.ts';
import type { SignerItem } from './user-rows.ts';

const timeSize = 6;
const hashSize = 32;
const maxOwners = 1_000_000;
/** Of a user's marks that go at once; what is left goes by its end. */
const maxMarks = 100_000;

export const gatewayRow = record('gateway', {
  device: field(1, hash),
  sealed: field(2, bytes(1, 64 * 1024)),
  created: field(3, time),
});
type GatewayRow = ValueOf<typeof gatewayRow>;

export const pushMarkRow = record('push-mark', {
  state: field(1, uint(255)),
  expires: field(2, time),
});

const states: readonly PushMark[] = ['appending', 'appended', 'named'];

export const gatewayKey = (owner: Owner, kind: GatewayKind): Uint8Array =>
  joined(ownerKey(owner), Uint8Array.of(gatewayKinds[kind]));
/** The place of a mark in the index by end. */
export const markEndKey = (key: Uint8Array, expires: number): Uint8Array => joined(ordered(expires), key);
/** Whose a row is: name of the domain, hash of the user, one byte or more behind. */
export function ownerOf(key: Uint8Array, rest: number): Owner {
  const end = key.length - rest;
  const domain = new TextDecoder().decode(key.subarray(0, end - hashSize - 1));
  return { domain, user: key.slice(end - hashSize, end) };
}
export const markSize = 16;

export interface GatewayTables {
  readonly store: GatewayStore;
  /** Inside a write: they go with their user. */
  removeAll(owner: Owner): void;
  /** Inside a write: what a device was for goes with it. */
  deviceGone(owner: Owner, device: Uint8Array): void;
}

export interface GatewayParts {
  readonly engine: Engine;
  /** Inside a write: who speaks for a user. Throws `not_found`, `conflict`. */
  readonly changeSigners: (
    owner: Owner,
    step: (signers: readonly SignerItem[]) => readonly SignerItem[],
  ) => void;
}

export function createGateways({ engine, changeSigners }: GatewayParts): GatewayTables {
  const gateways = engine.table('gateways', schemaCodec(gatewayRow, 128 * 1024));
  const marks = engine.table('push_marks', schemaCodec(pushMarkRow));
  const marksByEnd = engine.table('push_marks_by_end', emptyCodec);

  function put(owner: Owner, { kind, device, sealed, name: word, by, now }: NewGateway): void {
    const key = gatewayKey(owner, kind);
    const before = gateways.get(key);
    // First the row: what the old device was for must not go with it.
    gateways.remove(key);
    changeSigners(owner, (signers) => {
      const old = before === undefined || equal(before.device, device) ? undefined : before.device;
      const left = old === undefined ? signers : withoutGateway(signers, old, by);
      return withGateway(left, { device, name: word, by, now });
    });
    gateways.put(key, { device, sealed, created: now });
  }

  function removeMark(key: Uint8Array): void {
    const row = marks.get(key);
    if (row === undefined) return;
    marks.remove(key);
    marksByEnd.remove(markEndKey(key, row.expires));
  }

  function removeMarks(owner: Owner): void {
    const prefix = ownerKey(owner);
    for (const key of marks.keys({ from: prefix, to: behind(prefix), limit: maxMarks })) removeMark(key);
  }

  const found = (kind: GatewayKind, row: GatewayRow | undefined): Gateway | undefined =>
    row && { kind, device: row.device, sealed: row.sealed, created: row.created };

  return {
    store: {
      put: (owner, gateway) => engine.write(() => put(owner, gateway)),
      async get(owner, kind) {
        return found(kind, gateways.get(gatewayKey(owner, kind)));
      },
      async list(owner) {
        return gatewayKindNames.flatMap((kind) => found(kind, gateways.get(gatewayKey(owner, kind))) ?? []);
      },
      remove: (owner, kind, by) =>
        engine.write(() => {
          const row = gateways.get(gatewayKey(owner, kind));
          if (row === undefined) return;
          changeSigners(owner, (signers) => withoutGateway(signers, row.device, by));
          gateways.remove(gatewayKey(owner, kind));
        }),
      async pushes() {
        return [...gateways.keys({ limit: maxOwners * 2 })]
          .filter((key) => key.at(-1) === gatewayKinds.push)
          .map((key) => ownerOf(key, 1));
      },
      async mark(owner, mark) {
        return states[marks.get(joined(ownerKey(owner), mark))?.state ?? -1];
      },
      setMark: (owner, mark, state, expires) =>
        engine.write(() => {
          const key = joined(ownerKey(owner), mark);
          removeMark(key);
          marks.put(key, { state: states.indexOf(state), expires });
          marksByEnd.put(markEndKey(key, expires), undefined);
        }),
      expire: (now, limit) =>
        engine.write(() => {
          const due = marksByEnd.keys({ to: ordered(now + 1), limit });
          for (const end of due) {
            removeMark(end.slice(timeSize));
            marksByEnd.remove(end);
          }
          return due.length;
        }),
    },
    removeAll(owner) {
      for (const kind of gatewayKindNames) gateways.remove(gatewayKey(owner, kind));
      removeMarks(owner);
    },
    deviceGone(owner, device) {
      for (const kind of gatewayKindNames) {
        const row = gateways.get(gatewayKey(owner, kind));
        if (row !== undefined && equal(row.device, device)) gateways.remove(gatewayKey(owner, kind));
      }
    },
  };
}
