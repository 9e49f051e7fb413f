/** What a benchmark says: each metric beside a ceiling or a peer of the same run. */
import { cpus } from 'node:os';

export interface Metric {
  readonly bench: string;
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  readonly peer: string;
  readonly peerValue: number;
  /** value / peerValue, or the inverse for a cost: more is always better. */
  readonly ratio: number;
  readonly runs: number;
  /** Lowest and highest value of the runs; `value` is the median. */
  readonly spread: readonly [number, number];
}

export interface BenchOptions {
  readonly quick: boolean;
  /** Of the large file, in GB. */
  readonly gigabytes?: number;
}

export interface Bench {
  readonly name: string;
  /** `quick`: well under a minute. */
  run(options: BenchOptions): AsyncIterable<Metric>;
}

/** One run's figure and its peer's, measured one after the other. */
export interface Pair {
  readonly value: number;
  readonly peerValue: number;
}

export interface Labels {
  readonly bench: string;
  readonly metric: string;
  readonly unit: string;
  readonly peer: string;
  /** Less is better: time, memory. */
  readonly cost?: boolean;
}

/** The metric of several runs: medians, and the median of the ratios, which hold when the machine's speed drifts. */
export function metricOf(
  { bench, metric, unit, peer, cost = false }: Labels,
  pairs: readonly Pair[],
): Metric {
  const values = pairs.map(({ value }) => value).sort((a, b) => a - b);
  const ratios = pairs.map(({ value, peerValue }) => (cost ? peerValue / value : value / peerValue));
  return {
    bench,
    metric,
    value: median(values),
    unit,
    peer,
    peerValue: median(pairs.map(({ peerValue }) => peerValue)),
    ratio: median(ratios),
    runs: pairs.length,
    spread: [values[0] as number, values.at(-1) as number],
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}

export function machine(): string {
  const cpu = cpus();
  return `${cpu.length} x ${cpu[0]?.model ?? 'unknown'}, ${process.platform}-${process.arch}, Node ${process.versions.node}`;
}

export function tableLine(metric: Metric): string {
  const spread = metric.spread.map(shown).join('..');
  const left = `${metric.bench} ${metric.metric}`.padEnd(28);
  const figures = `${shown(metric.value)} ${metric.unit}`.padEnd(18);
  return `${left} ${figures} ratio ${metric.ratio.toFixed(2)} to ${metric.peer} (${shown(metric.peerValue)}); ${metric.runs} runs, ${spread}`;
}

function shown(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}

/** Seconds of processor time, of all threads, that `action` took. */
export async function cpuSeconds(action: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await action();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** Seconds on the wall that `action` took. */
export async function wallSeconds(action: () => unknown): Promise<number> {
  const before = performance.now();
  await action();
  return (performance.now() - before) / 1000;
}
