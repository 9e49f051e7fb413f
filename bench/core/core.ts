/** The main job: notifications, introductions, payload encryption, small fetches, a large file. */
import type { Bench } from '../report.ts';
import { feedOpen } from './feed-open.ts';
import { largeFile } from './large-file.ts';
import { payloadEncrypt } from './payload-encrypt.ts';
import { smallFetch } from './small-fetch.ts';
import { type1 } from './type1.ts';

export const core: Bench = {
  name: 'core',
  async *run(options) {
    for (const bench of [type1, feedOpen, payloadEncrypt, smallFetch, largeFile]) yield* bench.run(options);
  },
};
