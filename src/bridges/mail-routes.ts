/** Recipients by the way that their mail takes: so many at once for each, and a pause for one that failed as a whole. */
import type { Clock } from '../clock.ts';
import type { MailJob, MailOutcome, Transport } from './transport.ts';

export interface RouteParts {
  readonly carry: Transport;
  /** What recipients of a domain (canonical) share with others: one name for all where one server takes everything. */
  readonly routeOf: (domain: string) => string;
  /** Most jobs of one route at once. */
  readonly limit: number;
  readonly clock: Clock;
}

/** `notBefore`: the route rests until then. */
export type CarriedOutcome = MailOutcome & { readonly notBefore?: number };

export interface Routes {
  /**
   * Carries mail to recipients, by their index. `ended` is told the outcomes of each route as soon as it is through, while others may take their time, and
   * waited for. Throws what `ended` throws, once all are through.
   */
  carry(
    recipients: readonly (readonly [index: number, address: string])[],
    job: Omit<MailJob, 'to'>,
    ended: (outcomes: ReadonlyMap<number, CarriedOutcome>) => Promise<void>,
  ): Promise<void>;
}

/** Seconds that a route rests after it failed once, and at most. */
const firstRest = 30;
const longestRest = 15 * 60;
/** Routes that are remembered. */
const maxRests = 10_000;

interface Rest {
  readonly failures: number;
  readonly until: number;
}

export function createRoutes({ carry, routeOf, limit, clock }: RouteParts): Routes {
  const rests = new Map<string, Rest>();
  const turns = createLimits(limit);

  function noteRoute(route: string, isDown: boolean): number | undefined {
    const before = rests.get(route);
    rests.delete(route);
    if (!isDown) return undefined;
    const failures = (before?.failures ?? 0) + 1;
    const until = clock.seconds() + Math.min(firstRest * 2 ** (failures - 1), longestRest);
    rests.set(route, { failures, until });
    const [oldest] = rests.keys();
    if (rests.size > maxRests && oldest !== undefined) rests.delete(oldest);
    return until;
  }

  async function byRoute(
    route: string,
    group: readonly (readonly [number, string])[],
    job: Omit<MailJob, 'to'>,
  ): Promise<readonly (readonly [number, CarriedOutcome])[]> {
    return await turns(route, async () => {
      const rest = rests.get(route);
      if (rest !== undefined && rest.until > clock.seconds())
        return group.map(
          ([index]) => [index, { kind: 'later', status: '4.4.1', notBefore: rest.until }] as const,
        );
      const outcomes = await carry({ ...job, to: group.map(([, address]) => address) });
      const isDown = outcomes.every(({ kind, reply }) => kind === 'later' && reply === undefined);
      const until = noteRoute(route, isDown);
      const rested = until === undefined ? {} : { notBefore: until };
      return group.map(([index], at) => [index, { ...(outcomes[at] ?? unknown), ...rested }] as const);
    });
  }

  return {
    async carry(recipients, job, ended) {
      const groups = Map.groupBy(recipients, ([, address]) =>
        routeOf(address.slice(address.lastIndexOf('@') + 1)),
      );
      const all = await Promise.allSettled(
        [...groups].map(async ([route, group]) => {
          // What other routes took must be noted, whatever happens to this one.
          const carried = await byRoute(route, group, job).catch(() =>
            group.map(([index]) => [index, unknown] as const),
          );
          await ended(new Map(carried));
        }),
      );
      for (const one of all) if (one.status === 'rejected') throw one.reason;
    },
  };
}

const unknown: MailOutcome = { kind: 'later', status: '4.0.0' };

/** Runs so many at once of each name, the others in their order. */
function createLimits(limit: number): <T>(name: string, work: () => Promise<T>) => Promise<T> {
  const waiting = new Map<string, (() => void)[]>();
  const running = new Map<string, number>();
  return async (name, work) => {
    const active = running.get(name) ?? 0;
    if (active >= limit)
      await new Promise<void>((resolve) => waiting.set(name, [...(waiting.get(name) ?? []), resolve]));
    else running.set(name, active + 1);
    try {
      return await work();
    } finally {
      const [next, ...others] = waiting.get(name) ?? [];
      if (others.length > 0) waiting.set(name, others);
      else waiting.delete(name);
      if (next !== undefined) next();
      else if (running.get(name) === 1) running.delete(name);
      else running.set(name, (running.get(name) ?? 1) - 1);
    }
  };
}
