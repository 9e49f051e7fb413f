/** Welch's t statistic: how far two means lie apart, in units of what chance alone would move them. */

/** |t| of two samples. Both are cut at the same bound, the 95th percentile of all: what lies above is the machine, not the work. */
export function welch(a: readonly number[], b: readonly number[]): number {
  const all = [...a, ...b].sort((x, y) => x - y);
  const bound = all[Math.floor(all.length * 0.95)] as number;
  const [left, right] = [a, b].map((sample) => moments(sample.filter((value) => value <= bound)));
  if (left === undefined || right === undefined) return 0;
  const spread = Math.sqrt(left.variance / left.count + right.variance / right.count);
  return spread === 0 ? 0 : Math.abs(left.mean - right.mean) / spread;
}

function moments(sample: readonly number[]): { count: number; mean: number; variance: number } {
  const count = sample.length;
  const mean = sample.reduce((sum, value) => sum + value, 0) / count;
  const squares = sample.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { count, mean, variance: squares / (count - 1) };
}

export function medianOf(sample: readonly number[]): number {
  return [...sample].sort((a, b) => a - b)[Math.floor(sample.length / 2)] as number;
}
