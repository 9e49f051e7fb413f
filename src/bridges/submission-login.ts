/**
 * Who hands in mail with an old mail program: from a name and a password to the user's client. wire-spec/bridges.md section 5.
 *
 *  1. who guessed wrong too often has to wait, whether the name is somebody's or not
 *  2. the wrapped keys of the user; for a name without any, others that no password opens: both take as long
 *  3. the keys are derived, few at a time: each takes 64 MiB of memory; first for who came from their network before, so that others, be they
 *     ever so many, keep nobody out
 *  4. a client with these keys, for this session
 */
import type { Random } from '../crypto/random.ts';
import { BeckonError, codeOf } from '../errors.ts';
import { addressHash } from '../keys/fingerprints.ts';
import type { Log } from '../log.ts';
import { unwrapGatewayKeys } from '../message/gateway.ts';
import type { AliasStore } from '../store/api/aliases.ts';
import type { GatewayStore } from '../store/api/gateways.ts';
import type { Owner } from '../store/api/terms.ts';
import type { UserStore } from '../store/api/users.ts';
import { networkOf } from '../rate.ts';
import { formatAddress, parseAddress, splitAddress } from '../wire/address.ts';
import { gatewayWrap, type GatewayKeys } from '../wire/gateway.ts';
import { gatewayCost, sizes } from '../wire/registry.ts';
import { encode } from '../wire/schema.ts';
import type { Guesses } from './guesses.ts';
import type { Headless, OpenHeadless } from './headless.ts';

export interface LoginParts {
  readonly users: Pick<UserStore, 'get'>;
  readonly aliases: Pick<AliasStore, 'get'>;
  readonly gateways: Pick<GatewayStore, 'get'>;
  readonly guesses: Guesses;
  readonly open: OpenHeadless;
  readonly random: Random;
  readonly log: Log;
  /** Derivations at a time, and such that wait for one. */
  readonly derivations?: Partial<TurnLimits>;
}

export interface LoginAttempt {
  /** As typed. */
  readonly user: string;
  readonly password: string;
  /** The address of the client. */
  readonly source: string;
}

export type LoginOutcome =
  | { readonly outcome: 'in'; readonly headless: Headless; readonly address: string }
  /** The answer is to wait for so long: who guesses has time. */
  | { readonly outcome: 'wrong'; readonly waitMs: number }
  | { readonly outcome: 'too_often' | 'busy' }
  /** The password is right, and the domain does not serve the user: suspended. */
  | { readonly outcome: 'refused' }
  /** The password is right, and the keys open nothing any more: a later recovery phrase. */
  | { readonly outcome: 'stale' };

export type Login = (attempt: LoginAttempt) => Promise<LoginOutcome>;

const defaultDerivations: TurnLimits = { atOnce: 2, waiting: 32, ofNetwork: 8 };
/** Longer names are nobody's, and need not be remembered. */
const maxName = 320;

export function createLogin(parts: LoginParts): Login {
  const { users, aliases, gateways, guesses, open, random, log } = parts;
  const derivations = createTurns({ ...defaultDerivations, ...parts.derivations });
  const nobodys = encode(gatewayWrap, {
    ...gatewayCost,
    salt: random(16),
    nonce: random(24),
    sealed: random(sizes.gatewayKeysSealed),
  });

  /** The user's address and wrapped keys, undefined where there are none. */
  async function find(
    address: string,
  ): Promise<{ readonly address: string; readonly wrap: Uint8Array } | undefined> {
    const { domain } = splitAddress(address);
    const hash = addressHash(address);
    const alias = await aliases.get(domain, hash);
    const owner: Owner = { domain, user: alias?.gone === undefined ? (alias?.user ?? hash) : hash };
    const user = await users.get(domain, owner.user);
    const gateway = await gateways.get(owner, 'submission');
    return user === undefined || gateway === undefined
      ? undefined
      : { address: formatAddress({ local: user.local, domain }), wrap: gateway.sealed };
  }

  async function unwrap(name: string, password: string): Promise<GatewayKeys | undefined> {
    const found = name === '' ? undefined : await find(name);
    const [wrap, address] = [found?.wrap ?? nobodys, found?.address ?? 'nobody@nowhere.invalid'];
    try {
      return await unwrapGatewayKeys(wrap, address, password);
    } catch (error) {
      if (!['open_failed', 'key_invalid'].includes(codeOf(error))) throw error;
      return undefined;
    }
  }

  async function enter(keys: GatewayKeys): Promise<LoginOutcome> {
    const { address } = keys;
    try {
      return { outcome: 'in', headless: await open(keys), address };
    } catch (error) {
      const code = codeOf(error);
      if (code === 'unauthorized') return { outcome: 'refused' };
      if (code === 'key_unknown') return { outcome: 'stale' };
      log.warn('a mail program could not be served', { code });
      return { outcome: 'busy' };
    }
  }

  return async ({ user, password, source }) => {
    const name = canonical(user);
    const counted = name === '' ? user.slice(0, maxName) : name;
    if (!guesses.mayTry(counted, source)) return { outcome: 'too_often' };
    const lane = guesses.isKnown(counted, source) ? 'known' : networkOf(source);
    const keys = await derivations(lane, () => unwrap(name, password));
    if (keys === undefined) return { outcome: 'wrong', waitMs: guesses.waitFor(counted, source) };
    if (keys === 'busy') {
      guesses.take(counted, source);
      return { outcome: 'busy' };
    }
    guesses.right(counted, source);
    return await enter(keys);
  };
}

/** Empty for what is no address. */
function canonical(typed: string): string {
  try {
    return formatAddress(parseAddress(typed).address);
  } catch (error) {
    if (error instanceof BeckonError) return '';
    throw error;
  }
}

interface TurnLimits {
  readonly atOnce: number;
  /** Who is known, and strangers: so many of each. */
  readonly waiting: number;
  /** Of strangers of one network. */
  readonly ofNetwork: number;
}

/**
 * So many at a time; others wait, and beyond a number of them are told so. `lane`: "known", whose turn is next whoever waits, or the network
 * of a stranger, which takes a part of the places only.
 */
function createTurns({ atOnce, waiting, ofNetwork }: TurnLimits) {
  let running = 0;
  const known: (() => void)[] = [];
  const strangers: { readonly lane: string; readonly go: () => void }[] = [];

  function isFull(lane: string): boolean {
    if (lane === 'known') return known.length >= waiting;
    return strangers.length >= waiting || strangers.filter((one) => one.lane === lane).length >= ofNetwork;
  }

  return async <T>(lane: string, action: () => Promise<T>): Promise<T | 'busy'> => {
    if (running >= atOnce) {
      if (isFull(lane)) return 'busy';
      await new Promise<void>((go) => {
        if (lane === 'known') known.push(go);
        else strangers.push({ lane, go });
      });
    } else running++;
    try {
      return await action();
    } finally {
      const next = known.shift() ?? strangers.shift()?.go;
      if (next === undefined) running--;
      else next();
    }
  };
}
