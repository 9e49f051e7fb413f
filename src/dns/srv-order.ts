/** The order in which the targets of an SRV record set are tried: RFC 2782, wire-spec/discovery.md section 2. */
import { isHostName } from './record.ts';
import type { SrvAnswer } from './resolver.ts';

/** Where to connect. What is then spoken to is always `beckon.<domain>`. */
export interface Target {
  host: string;
  port: number;
}

/** Each target costs look-ups and waiting, at our resolver and at whoever is named: a stranger's record set must not name hundreds. */
export const maxTargets = 8;

/**
 * The usable targets, the first eight of them: lowest priority first, weighted random order within one priority. `.` means that the service is
 * not offered there; names that cannot be hosts and port 0 are left out.
 *
 * @param random uniform in [0, 1); it balances load and decides nothing that matters for security
 */
export function orderTargets(answers: readonly SrvAnswer[], random: () => number): Target[] {
  const usable = answers.filter(({ target, port }) => isHostName(target) && port > 0);
  const priorities = [...new Set(usable.map(({ priority }) => priority))].sort((a, b) => a - b);
  return priorities
    .flatMap((priority) =>
      drawByWeight(
        usable.filter((answer) => answer.priority === priority),
        random,
      ),
    )
    .slice(0, maxTargets)
    .map(({ target, port }) => ({ host: target, port }));
}

/** Whether the answer says that the service is offered nowhere: its only target is `.`. */
export function isNotOffered(answers: readonly SrvAnswer[]): boolean {
  return answers.every(({ target }) => target === '');
}

function drawByWeight(answers: readonly SrvAnswer[], random: () => number): SrvAnswer[] {
  // Weight 0 goes first, so that it still has a small chance beside heavier ones.
  const rest = answers.toSorted((a, b) => a.weight - b.weight);
  const drawn: SrvAnswer[] = [];
  while (rest.length > 0) {
    const total = rest.reduce((sum, { weight }) => sum + weight, 0);
    const point = Math.floor(random() * (total + 1));
    let sum = 0;
    const index = rest.findIndex(({ weight }) => (sum += weight) >= point);
    drawn.push(...rest.splice(index, 1));
  }
  return drawn;
}
