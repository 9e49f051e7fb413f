/** A progress bar, on a terminal only. */
import { SingleBar } from 'cli-progress';
import type { OnProgress } from '../client/api.ts';
import type { Face } from './face.ts';
import { formatSize } from './format.ts';

export interface ProgressBar {
  readonly show: OnProgress;
  /** Takes the bar away; more calls do nothing. */
  end(): void;
}

/** Shorter transfers are over before anyone reads the bar. */
const worthShowing = 1 << 20;

export function createProgressBar(face: Face, verb: string): ProgressBar {
  if (!face.errors.isTTY) return { show: () => {}, end: () => {} };
  const bar = new SingleBar({
    format: `${verb} {what} [{bar}] {percentage}% of {size}, {eta_formatted} left`,
    stream: face.errors,
    clearOnComplete: true,
    hideCursor: true,
    etaBuffer: 200,
  });
  let current: number | undefined;
  return {
    show({ part, parts, done, total }) {
      if (total < worthShowing) return;
      if (current !== part) {
        if (current === undefined) bar.start(total, done, { what: '', size: '' });
        current = part;
        bar.setTotal(total);
      }
      const what = parts > 1 ? `${part + 1}/${parts}` : '';
      bar.update(done, { what, size: formatSize(total) });
    },
    end() {
      if (current !== undefined) bar.stop();
      current = undefined;
    },
  };
}
