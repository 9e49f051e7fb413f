/**
 * Gateways of the user's domain, wire-spec/account.md section 14: a device of its own for each, whose keys the domain gets.
 *
 *   password  sealed under the password: the domain opens them while somebody who knows it is logged in
 *   push      sealed for the domain, which has them all the time; the record says so first, and no more once it is over
 */
import type { Clock } from '../clock.ts';
import type { Random } from '../crypto/random.ts';
import { Secret } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { endOfTime, keyPairOf } from '../keys/key-pair.ts';
import { usableKey } from '../keys/published-key.ts';
import { sealPush, wrapGatewayKeys } from '../message/gateway.ts';
import { splitAddress } from '../wire/address.ts';
import type { GatewayKeys, GatewayPush } from '../wire/gateway.ts';
import { counts, pushRuleKinds, type GatewayKind } from '../wire/registry.ts';
import type { ClientMailbox, ClientNetwork, MailboxStatus, PushTarget } from './api.ts';
import type { OwnDomain, OwnGateways } from './own-domain.ts';
import { expectNative } from './own-request.ts';
import { saysBridged } from './own-records.ts';
import { loadSecrets, type SecretsStore } from './secrets.ts';
import type { Share } from './share.ts';
import type { Session } from './store.ts';

export interface MailboxParts {
  readonly session: Session;
  readonly secrets: SecretsStore;
  readonly network: Pick<ClientNetwork, 'domains'>;
  readonly own: Pick<OwnDomain, 'gateways' | 'putGateway' | 'removeGateway'>;
  readonly share: Pick<Share, 'share'>;
  readonly setBridged: (on: boolean) => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
}

const names: Readonly<Record<GatewayKind, string>> = {
  submission: 'mail programs (password)',
  push: 'copies to a mail store',
};
/** Whoever has the domain's store tries passwords as fast as their machines can: a short one is no password. */
const leastPassword = 12;
/** Letters and digits that look like no other: 32 of them, 5 bits each. */
const letters = 'abcdefghijkmnpqrstuvwxyz23456789';

export function createMailbox(parts: MailboxParts): ClientMailbox {
  const { session, secrets, network, own, random, clock } = parts;

  async function status(): Promise<MailboxStatus> {
    const { gateways, submission, push: offersPush } = await own.gateways();
    const password = gateways.find(({ kind }) => kind === 'submission');
    const push = gateways.find(({ kind }) => kind === 'push');
    return {
      address: session.state().address,
      ...(submission === undefined ? {} : { submission }),
      ...(password === undefined ? {} : { password: { since: password.created } }),
      offersPush,
      ...(push === undefined ? {} : { push: pushOf(push) }),
      bridged: saysBridged(session.state().record),
    };
  }

  /** A device of its own, and the state key that all devices have. */
  async function keysFor(): Promise<{ readonly keys: GatewayKeys; readonly device: Uint8Array }> {
    const { address, epoch } = session.state();
    const { stateKey } = await loadSecrets(secrets, epoch);
    if (stateKey === undefined)
      throw new BeckonError('request_invalid', 'this user has no recovery phrase yet: make one first');
    const { domain } = splitAddress(address);
    const { record } = expectNative(await network.domains.domain(domain));
    const deviceKey = random(32);
    const life = { status: 'active', notBefore: 0, notAfter: endOfTime } as const;
    const { publicKey: device } = keyPairOf(domain, 'device', new Secret(deviceKey), life);
    const keys = { address, fingerprint: record.fingerprint, deviceKey, stateKey: stateKey.expose() };
    return { keys, device };
  }

  async function end(kind: GatewayKind): Promise<void> {
    await own.removeGateway(kind);
    if (kind === 'push') await parts.setBridged(false);
  }

  return {
    status,
    async password(given) {
      const password = given ?? madePassword(random);
      if (password.length < leastPassword)
        throw new BeckonError('request_invalid', `a password has at least ${leastPassword} characters`);
      // What the gateway reads first.
      await parts.share.share();
      const { keys, device } = await keysFor();
      const sealed = await wrapGatewayKeys(keys, password, random);
      keys.deviceKey.fill(0);
      await own.putGateway({ kind: 'submission', device, name: names.submission, sealed });
      return { ...(await status()), ...(given === undefined ? { made: password } : {}) };
    },
    async push(target) {
      checkTarget(target);
      if (!(await own.gateways()).push)
        throw new BeckonError('unsupported', 'this domain copies nothing into mail stores');
      await parts.share.share();
      await parts.setBridged(true);
      const { keys, device } = await keysFor();
      const { record } = expectNative(await network.domains.domain(splitAddress(keys.address).domain));
      const sealed = sealPush(
        pushOfTarget(keys, target),
        usableKey(record, 'envelope', clock.seconds()),
        random,
      );
      keys.deviceKey.fill(0);
      await own.putGateway({ kind: 'push', device, name: names.push, sealed });
      return await status();
    },
    async off(what) {
      if (what !== 'push') await end('submission');
      if (what !== 'password') await end('push');
      return await status();
    },
  };
}

/** 120 bits, in six groups of four. */
function madePassword(random: Random): string {
  const made = Array.from(random(24), (byte) => letters[byte % letters.length]).join('');
  return (made.match(/.{4}/g) ?? []).join('-');
}

function pushOf({
  created,
  state = 'starting',
  code,
  next,
  appended = 0,
}: OwnGateways['gateways'][number]): NonNullable<MailboxStatus['push']> {
  return {
    since: created,
    state,
    appended,
    ...(code === undefined ? {} : { code }),
    ...(next === undefined ? {} : { next }),
  };
}

function pushOfTarget(keys: GatewayKeys, { rules, ...target }: PushTarget): GatewayPush {
  return {
    keys,
    ...target,
    rules: rules.map(({ kind, match, folder }) => ({ kind: pushRuleKinds[kind], match, folder })),
  };
}

/** Throws `request_invalid` for what cannot be a target. */
function checkTarget({ host, port, user, password, folder, rules }: PushTarget): void {
  expect(
    /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(host) && host.length <= 255,
    'the mail store is a host by name',
  );
  expect(Number.isInteger(port) && port > 0 && port <= 65_535, 'a port is from 1 to 65535');
  expect(user !== '' && password !== '', 'the mail store wants a user and a password');
  expect(rules.length <= counts.pushRules, `at most ${counts.pushRules} rules`);
  for (const name of [folder, ...rules.map((rule) => rule.folder)])
    expect(name !== '' && !hasControl(name), 'a folder has a name, without control characters');
}

function hasControl(text: string): boolean {
  return text.split('').some((letter) => letter < ' ' || letter === '\u007f');
}

function expect(condition: boolean, reason: string): asserts condition {
  if (!condition) throw new BeckonError('request_invalid', reason);
}
