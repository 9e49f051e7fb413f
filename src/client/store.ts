/** The state in memory and where it is saved: nothing counts before it is durable. */
import { base64urlnopad } from '@scure/base';
import type { DirectoryCache } from '../directory/cache.ts';
import { BeckonError } from '../errors.ts';
import { bytesToJson } from '../keys/key-file.ts';
import { userKeysFromJson } from '../keys/user-key-file.ts';
import type { UserKeys } from '../keys/user-keys.ts';
import type { TextFile } from './api.ts';
import { reduce } from './reduce.ts';
import { formatState, parseState } from './state-json.ts';
import type { ClientEvent, ClientState } from './state.ts';

export interface StateStore {
  /** Throws `state_invalid` for what is damaged, which stays as it is. */
  load(): Promise<ClientState | undefined>;
  /** Durable when it resolves. */
  save(state: ClientState): Promise<void>;
}

/** Over a text file, which holds private keys in the clear. */
export function createStateStore(file: TextFile): StateStore {
  return {
    async load() {
      const saved = await file.read();
      return saved === undefined ? undefined : parseState(saved);
    },
    save: (state) => file.write(formatState(state)),
  };
}

export interface Session {
  /** Undefined before enrolment was begun. */
  current(): ClientState | undefined;
  /** Throws `unauthorized` before enrolment was begun. */
  state(): ClientState;
  /** The user's keys in the state. Throws as `state`. */
  keys(): UserKeys;
  /** The first state; what the directory learned until then goes into it. */
  begin(state: ClientState): Promise<void>;
  /** Reduces, saves, and only then shows the new state. Calls take turns. */
  commit(...events: readonly ClientEvent[]): Promise<void>;
  /** The directory's pins and records, in the state. */
  readonly cache: DirectoryCache;
  /** Forgets what the directory learned before there was a state. */
  forgetEarly(): void;
}

interface ParsedKeys {
  readonly json: unknown;
  readonly parsed: UserKeys;
}

/** Loads the state. Throws `state_invalid`. */
export async function createSession(store: StateStore): Promise<Session> {
  let current = await store.load();
  let keys: ParsedKeys | undefined;
  let last: Promise<void> = Promise.resolve();
  const early = new Map<string, string>();

  /** One change after another, also after one that failed. */
  function change(next: () => ClientState): Promise<void> {
    const turn = replaceAfter(last, next);
    last = turn;
    return turn;
  }

  async function replaceAfter(before: Promise<void>, make: () => ClientState): Promise<void> {
    await before.catch(() => undefined);
    const next = make();
    if (next === current) return;
    await store.save(next);
    current = next;
  }

  function state(): ClientState {
    if (current === undefined) throw new BeckonError('unauthorized', 'no address is enrolled here yet');
    return current;
  }

  function commit(...events: readonly ClientEvent[]): Promise<void> {
    return change(() => events.reduce(reduce, state()));
  }

  const cache: DirectoryCache = {
    async get(key) {
      const value = current === undefined ? early.get(key) : current.directory[key];
      return value === undefined ? undefined : base64urlnopad.decode(value);
    },
    async put(key, value) {
      if (current === undefined) early.set(key, bytesToJson(value));
      else await commit({ type: 'directory-put', key, value: bytesToJson(value) });
    },
    async delete(key) {
      if (current === undefined) early.delete(key);
      else await commit({ type: 'directory-deleted', key });
    },
  };

  return {
    current: () => current,
    state,
    keys() {
      const json = state().userKeys;
      const known: ParsedKeys =
        keys !== undefined && keys.json === json ? keys : { json, parsed: userKeysFromJson(json) };
      keys = known;
      return known.parsed;
    },
    begin: (first) =>
      change(() => ({ ...first, directory: { ...first.directory, ...Object.fromEntries(early) } })),
    commit,
    cache,
    forgetEarly: () => early.clear(),
  };
}
