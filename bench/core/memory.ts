/** Anonymous memory of processes, from /proc: a memory map counts as RSS but belongs to the page cache. Linux only. */
import { readdirSync, readFileSync } from 'node:fs';

const intervalMs = 50;

export interface MemoryWatch {
  /** Ends the watch and gives the largest RssAnon of each process in bytes, by its arguments behind the program. */
  stop(): ReadonlyMap<string, number>;
}

/** Looks at every process that descends from this one, each 50 ms. */
export function watchDescendants(): MemoryWatch {
  const peaks = new Map<string, number>();
  const look = (): void => {
    for (const pid of descendants(process.pid)) {
      const bytes = Number(/^RssAnon:\s+(\d+) kB$/m.exec(read(pid, 'status'))?.[1] ?? 0) * 1024;
      const name = read(pid, 'cmdline').split('\0').slice(2).join(' ').trim();
      peaks.set(name, Math.max(bytes, peaks.get(name) ?? 0));
    }
  };
  const timer = setInterval(look, intervalMs);
  return {
    stop() {
      clearInterval(timer);
      return peaks;
    },
  };
}

function descendants(root: number): readonly number[] {
  const children = new Map<number, number[]>();
  for (const pid of readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)) {
    const parent = Number(/\) \S (\d+) /.exec(read(pid, 'stat'))?.[1] ?? -1);
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const found = [...(children.get(root) ?? [])];
  // It grows while it is walked.
  for (const pid of found) found.push(...(children.get(pid) ?? []));
  return found;
}

/** Empty where the process has ended meanwhile. */
function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
