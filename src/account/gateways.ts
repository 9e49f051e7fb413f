/**
 * What a user hands to the gateways of their domain, wire-spec/account.md section 14. Keys under a password are kept as they came: nobody here
 * can open them. Those of a push are opened once, to be looked at, and lie here as the daemon keeps secrets.
 */
import type { Clock } from '../clock.ts';
import { assertEd25519Public, ed25519Public } from '../crypto/sign.ts';
import { constantTimeEqual } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { readGatewayWrap } from '../message/gateway.ts';
import type { GatewayStore, Gateway, NewGateway } from '../store/api/gateways.ts';
import type { Owner } from '../store/api/terms.ts';
import type { UserStore } from '../store/api/users.ts';
import { formatAddress } from '../wire/address.ts';
import type { GatewayPush } from '../wire/gateway.ts';
import type { GatewayKind } from '../wire/registry.ts';
import type { AccountUser } from './user.ts';

/** Where mail programs hand in mail. */
export interface SubmissionPlace {
  readonly host: string;
  readonly tls?: number;
  readonly starttls?: number;
}

export interface PushReport {
  readonly state: 'starting' | 'running' | 'waiting' | 'refused';
  readonly code?: string;
  readonly next?: number;
  readonly appended: number;
}

/** The part of the daemon that copies messages. */
export interface PushSide {
  /** What was sealed for this domain. Throws as `openPush`. */
  open(sealed: Uint8Array, address: string): GatewayPush;
  /** As the daemon keeps it. */
  keep(push: GatewayPush): Promise<Uint8Array>;
  /** There is another one of this user now, or none any more. */
  changed(owner: Owner): void;
  report(owner: Owner): PushReport | undefined;
}

export interface GatewayParts {
  readonly gateways: GatewayStore;
  readonly users: UserStore;
  /** undefined where the domain takes no mail from mail programs. */
  readonly submission: () => SubmissionPlace | undefined;
  /** undefined where it copies nothing. */
  readonly push: () => PushSide | undefined;
  readonly clock: Clock;
}

type GatewayState = Omit<Gateway, 'sealed'> & Partial<PushReport>;

export interface AccountGateways {
  list(user: AccountUser): Promise<{
    readonly gateways: readonly GatewayState[];
    readonly submission?: SubmissionPlace;
    readonly push: boolean;
  }>;
  /** Throws `unsupported`, `request_invalid`, `key_invalid`, `conflict`, `unauthorized`, `cbor_*`, `open_failed`. */
  put(user: AccountUser, gateway: Pick<NewGateway, 'kind' | 'device' | 'name' | 'sealed'>): Promise<void>;
  remove(user: AccountUser, kind: GatewayKind): Promise<void>;
}

/** Begun while the hoster allowed it. */
const stopped: PushReport = { state: 'refused', code: 'unsupported', appended: 0 };

export function createGateways({ gateways, users, submission, push, clock }: GatewayParts): AccountGateways {
  async function addressOf({ domain, user }: Owner): Promise<string> {
    const found = await users.get(domain, user);
    if (found === undefined) throw new BeckonError('not_found', 'there is no such user here');
    return formatAddress({ local: found.local, domain });
  }

  async function kept(
    owner: Owner,
    { kind, device, sealed }: Pick<NewGateway, 'kind' | 'device' | 'sealed'>,
  ): Promise<Uint8Array> {
    if (kind === 'submission') {
      if (submission() === undefined) throw notHere('takes no mail from mail programs');
      readGatewayWrap(sealed);
      return sealed;
    }
    const side = push();
    if (side === undefined) throw notHere('copies nothing into mail stores');
    const opened = side.open(sealed, await addressOf(owner));
    if (!constantTimeEqual(ed25519Public(opened.keys.deviceKey), device))
      throw new BeckonError('key_invalid', 'the device is not that of the keys');
    return await side.keep(opened);
  }

  return {
    async list({ owner }) {
      const place = submission();
      const side = push();
      const all = await gateways.list(owner);
      return {
        gateways: all.map(({ sealed: _, ...rest }) => ({
          ...rest,
          ...(rest.kind === 'push' ? (side === undefined ? stopped : side.report(owner)) : {}),
        })),
        push: side !== undefined,
        ...(place === undefined ? {} : { submission: place }),
      };
    },
    async put({ owner, device: by }, gateway) {
      assertEd25519Public(gateway.device);
      const sealed = await kept(owner, gateway);
      await gateways.put(owner, { ...gateway, sealed, by, now: clock.seconds() });
      if (gateway.kind === 'push') push()?.changed(owner);
    },
    async remove({ owner, device: by }, kind) {
      await gateways.remove(owner, kind, by);
      if (kind === 'push') push()?.changed(owner);
    },
  };
}

function notHere(what: string): BeckonError {
  return new BeckonError('unsupported', `this domain ${what}`);
}
