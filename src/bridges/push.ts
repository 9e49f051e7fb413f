/** All users whose messages are copied into mail stores: begun when the daemon starts, or when a user wants it. */
import { base64urlnopad } from '@scure/base';
import type { TextSealer } from '../crypto/sealed-text.ts';
import { BeckonError, codeOf } from '../errors.ts';
import { findKey } from '../keys/key-pair.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { openPush } from '../message/gateway.ts';
import type { GatewayStore } from '../store/api/gateways.ts';
import type { Owner } from '../store/api/terms.ts';
import { splitAddress } from '../wire/address.ts';
import { gatewayPush, type GatewayPush } from '../wire/gateway.ts';
import { sizes } from '../wire/registry.ts';
import { decode, encode } from '../wire/schema.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { PushRun, PushRunParts, PushState } from './push-run.ts';

/** Starts to copy for one user. */
export type BeginPush = (run: Pick<PushRunParts, 'owner' | 'since' | 'push'>) => Promise<PushRun>;

export interface PushParts {
  readonly begin: BeginPush;
  readonly clock: Clock;
  readonly log: Log;
  readonly gateways: GatewayStore;
  readonly keyRing: Pick<KeyRing, 'keysOf'>;
  /** That of the key files; undefined where they are plain. */
  readonly sealer: TextSealer | undefined;
}

export interface Push {
  /** What was sealed for one of our domains. Throws as `openPush`, `key_unknown`, `key_not_active`. */
  open(sealed: Uint8Array, address: string): GatewayPush;
  keep(push: GatewayPush): Promise<Uint8Array>;
  changed(owner: Owner): void;
  report(owner: Owner): PushState | undefined;
  start(): Promise<void>;
  close(): Promise<void>;
}

export function createPush(parts: PushParts): Push {
  const { gateways, keyRing, sealer, clock, log } = parts;
  const running = new Map<string, PushRun>();
  let last: Promise<void> = Promise.resolve();
  let closed = false;

  const nameOf = ({ domain, user }: Owner): string => `${domain} ${base64urlnopad.encode(user)}`;

  async function restart(owner: Owner): Promise<void> {
    const name = nameOf(owner);
    const before = running.get(name);
    running.delete(name);
    await before?.close();
    const row = await gateways.get(owner, 'push');
    if (row === undefined || closed) return;
    const push = await opened(row.sealed);
    running.set(name, await parts.begin({ owner, since: row.created, push }));
  }

  async function opened(kept: Uint8Array): Promise<GatewayPush> {
    const text = new TextDecoder().decode(kept);
    const plain = isPlain(text) ? text : await expectSealer().open(text);
    return decode(gatewayPush, base64urlnopad.decode(plain), sizes.gatewayPushPadded);
  }

  function expectSealer(): TextSealer {
    if (sealer === undefined)
      throw new BeckonError(
        'config_invalid',
        'what is sealed under the passphrase of the keys cannot be opened',
      );
    return sealer;
  }

  function inTurn(action: () => Promise<void>): Promise<void> {
    const turn = last
      .then(action)
      .catch((error: unknown) => log.warn('copies to a mail store do not begin', { code: codeOf(error) }));
    last = turn;
    return turn;
  }

  return {
    open(sealed, address) {
      const keys = keyRing.keysOf(splitAddress(address).domain)?.keys ?? [];
      return openPush(sealed, address, (id) => findKey(keys, 'envelope', id, clock.seconds()));
    },
    async keep(push) {
      const text = base64urlnopad.encode(encode(gatewayPush, push));
      return new TextEncoder().encode(sealer === undefined ? text : await sealer.seal(text));
    },
    changed: (owner) => void inTurn(() => restart(owner)),
    report: (owner) => running.get(nameOf(owner))?.state(),
    async start() {
      for (const owner of await gateways.pushes()) void inTurn(() => restart(owner));
    },
    async close() {
      closed = true;
      await last;
      await Promise.all([...running.values()].map((run) => run.close()));
    },
  };
}

function isPlain(text: string): boolean {
  return /^[A-Za-z0-9_-]+$/.test(text);
}
