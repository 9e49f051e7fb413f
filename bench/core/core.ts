/** The main job: notifications, payload encryption, small fetches, a large file. */
import type { Bench } from '../report.ts';
import { type1 } from './type1.ts';

export const core: Bench = {
  name: 'core',
  async *run(options) {
    yield* type1.run(options);
  },
};
