/** Fetching and the store: beside nginx, beside Postfix, and with as much in the store as a large hoster has. */
import type { Bench } from '../report.ts';
import { pendingBench } from './pending.ts';
import { serving } from './serving.ts';
import { submitting } from './submit.ts';
import { waiting } from './waiting.ts';
import { watching } from './watching.ts';

/** `npm run bench -- NAME` runs one of them. */
export const parts: readonly Bench[] = [serving, submitting, pendingBench, watching, waiting];

export const fetch: Bench = {
  name: 'fetch',
  async *run(options) {
    for (const bench of parts) yield* bench.run(options);
  },
};
